"""Shows that broker_load notices what it should: mosquitto behind a proxy that spoils one packet that it sends.

Run by `broker_bench.py --self-check`."""
import asyncio
import contextlib
import json
import threading

from contenders import Mosquitto
from daemon import free_port

PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 3, 4, 5, 6, 7
DROPPED, DOUBLED = (lambda packet: b""), (lambda packet: packet + packet)
GARBLED = lambda packet: packet[:-1] + b"\xff"  # noqa: E731 (as its neighbours)
# What is done to one packet, which, and at which QoS.
FAULTS = [
    ("nothing", lambda packet: packet, PUBLISH, (0, 1, 2)),
    ("a message dropped", DROPPED, PUBLISH, (0, 1, 2)),
    ("a message doubled", DOUBLED, PUBLISH, (0, 1, 2)),
    ("a message garbled", GARBLED, PUBLISH, (0, 1, 2)),
    ("no PUBACK", DROPPED, PUBACK, (1,)),
    ("PUBACK doubled", DOUBLED, PUBACK, (1,)),
    ("no PUBREC", DROPPED, PUBREC, (2,)),
    ("no PUBREL", DROPPED, PUBREL, (2,)),
    ("PUBREL doubled", DOUBLED, PUBREL, (2,)),
    ("no PUBCOMP", DROPPED, PUBCOMP, (2,)),
]
SPOILED = 100  # of the packets of that kind, the one that is spoiled


class Proxy:
    """Takes connections on `port`, in a thread of its own, and passes them on to the server's."""

    def __init__(self, server_port, spoil, kind):
        self.server_port, self.spoil, self.kind, self.seen = server_port, spoil, kind, 0
        self.port = free_port()

    def __enter__(self):
        self.listening = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.thread.start()
        if not self.listening.wait(10):
            raise RuntimeError("the proxy does not start")
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(10)

    async def _run(self):
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.listening.set()
        await self.ended.wait()

    async def _serve(self, from_client, to_client):
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await asyncio.gather(self._forth(from_client, to_server), self._back(from_server, to_client))
        to_client.close()
        to_server.close()

    async def _forth(self, reader, writer):
        while some := await reader.read(65536):
            writer.write(some)
        writer.write_eof()

    async def _back(self, reader, writer):
        while True:
            packet = await reader.readexactly(1)
            length = shift = 0
            more = True
            while more:
                byte = await reader.readexactly(1)
                packet += byte
                length, shift, more = length | (byte[0] & 0x7F) << shift, shift + 7, byte[0] & 0x80
            packet += await reader.readexactly(length)
            if packet[0] >> 4 == self.kind:
                self.seen += 1
                if self.seen == SPOILED:
                    packet = self.spoil(packet)
            writer.write(packet)


def self_check(run_load):
    """run_load(arguments) gives (exit status, output). Prints a line for each fault; True when each was noticed."""
    right = True
    for what, spoil, kind, levels in FAULTS:
        for qos in levels:
            with Mosquitto(persistence=False) as server, Proxy(server.ports["tcp"], spoil, kind) as proxy:
                status, output = run_load(["messages", "--port", str(proxy.port), "--qos", str(qos), "--peers", "4",
                                           "--warm-up", "0.2", "--seconds", "0.3"])
            noticed = status != 0 and not (output and json.loads(output)["ok"])
            as_wanted = proxy.seen >= SPOILED and noticed == (what != "nothing")
            verdict, outcome = ("ok  " if as_wanted else "FAIL"), ("noticed" if noticed else "passed")
            print(f"{verdict} QoS {qos}, {what}: {outcome}", flush=True)
            right = right and as_wanted
    return right
