"""A network that fails, in front of a server: lines over loopback that pass bytes on until a fault strikes.

A Line listens, and dials the server for each connection it takes. A connection has at most one fault, which strikes when
so many bytes have passed one way (`up` to the server, `down` to the client):

    close        both sides see the end of the stream
    reset        both sides see a reset
    half-close   that way ends, the other goes on
    silence      that way nothing arrives any more, and the other goes on; then the client hangs up, the server hears nothing
    stall        the same, both ways
    delay        until then each piece has come late; then close
    dribble      some hundred bytes come one at a time; then reset
    twice        until then the client's bytes have reached the server on a second connection too; then close

After silence and stall the server's side stays open, with what was on its way, until a later connection of the line has
passed some bytes: then the old bytes arrive, and race with the new ones.
"""
import asyncio
import contextlib
import dataclasses
import random
import socket
import struct
import threading

KINDS = ("close", "reset", "half-close", "silence", "stall", "delay", "dribble", "twice")
UP, DOWN = "up", "down"
DRIBBLED = 300  # bytes


@dataclasses.dataclass
class Fault:
    kind: str
    way: str = UP
    at: int = 0          # bytes that pass before it strikes
    late: int = 0        # bytes of a later connection, after which what was held comes
    seed: int = 0        # of delays


def drawn(chance):
    """A fault by `chance`: half of them early, in TLS and the handshake, and half anywhere in a longer conversation."""
    at = int(2 ** chance.uniform(0, 13)) if chance.random() < 0.5 else chance.randrange(24_000)
    return Fault(chance.choice(KINDS), chance.choice((UP, DOWN)), at, int(2 ** chance.uniform(0, 13)),
                 chance.randrange(2**32))


class Struck(Exception):
    """This connection is over."""


def reset(sock):
    """Ends it with RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def end_way(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


class Passage:
    """One connection of a line: a socket to the client, one to the server, and what passes between them."""

    def __init__(self, line, client, server, fault):
        self.line, self.client, self.server, self.fault = line, client, server, fault
        self.loop = line.loop
        self.passed, self.held = {UP: 0, DOWN: 0}, []
        self.silent, self.ended = set(), set()  # the ways on which nothing arrives any more; of ended, for good
        self.chance = random.Random(fault.seed if fault else 0)
        self.double, self.later, self.gone = None, None, False  # gone: the client has hung up
        self.tasks = []

    async def run(self):
        if self.fault and self.fault.kind == "twice":
            with contextlib.suppress(OSError):
                self.double = await self.line.dial()
        pumps = [asyncio.create_task(self.pump(way)) for way in (UP, DOWN)]
        self.tasks = pumps + ([asyncio.create_task(self.swallow(self.double))] if self.double else [])
        hard = False
        try:
            await asyncio.gather(*pumps)
        except (OSError, Struck):
            hard = self.fault is None or self.fault.kind in ("reset", "dribble")
        except asyncio.CancelledError:
            pass  # the end of the network, or of what came late
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)  # no socket is closed that is still waited for
        self.close(hard)

    def close(self, hard):
        for sock in filter(None, (self.client, self.server, self.double)):
            if hard:
                reset(sock)
            else:
                end_way(sock)
                sock.close()

    async def swallow(self, sock):
        with contextlib.suppress(OSError):
            while await self.loop.sock_recv(sock, 65536):
                pass

    async def pump(self, way):
        source, sink = (self.client, self.server) if way == UP else (self.server, self.client)
        try:
            while raw := await self.loop.sock_recv(source, 65536):
                await self.bring(way, sink, raw)
        except ConnectionError:
            if not self.gone or way == DOWN:
                raise
        if way == UP and self.later:
            await self.later.wait()  # the client has gone, and the server does not hear of it
            await self.arrive_late()
        end_way(sink)

    async def bring(self, way, sink, raw):
        fault = self.fault
        left = fault.at - self.passed[way] if fault and fault.way == way else None
        if left is not None and len(raw) >= left:
            await self.send(way, sink, raw[:left])
            if self.fault is fault:  # the line has not healed
                await self.strike(way, sink)
            raw = raw[left:]
        await self.send(way, sink, raw)

    async def send(self, way, sink, raw):
        if way in self.silent and way == UP:
            self.held.append(raw)
        if not raw or way in self.silent | self.ended or (way == DOWN and self.gone):
            return
        if self.fault and self.fault.kind == "delay":
            await asyncio.sleep(self.chance.uniform(0, 0.02))  # the delay that is wanted
        for piece in self.pieces(way, raw):
            await self.loop.sock_sendall(sink, piece)
        if self.double and way == UP:
            with contextlib.suppress(OSError):
                await self.loop.sock_sendall(self.double, raw)
        self.passed[way] += len(raw)
        self.line.has_passed(self, way, len(raw))

    def pieces(self, way, raw):
        fault = self.fault
        if fault and fault.kind == "dribble" and fault.way == way and self.passed[way] + len(raw) > fault.at - DRIBBLED:
            return [raw[at:at + 1] for at in range(len(raw))]
        return [raw]

    async def strike(self, way, sink):
        fault, self.fault = self.fault, dataclasses.replace(self.fault, way=None)
        self.line.strikes.append(fault)
        if fault.kind == "half-close":
            self.ended.add(way)
            end_way(sink)
        elif fault.kind in ("silence", "stall"):
            self.silent = {UP, DOWN} if fault.kind == "stall" else {way}
            self.later = self.line.wait_after(self, fault.late)
            self.tasks.append(asyncio.create_task(self.hang_up()))
        else:
            raise Struck

    async def hang_up(self):
        """The client has waited for long enough; of this the server hears nothing."""
        await asyncio.sleep(self.chance.uniform(0, 0.05))  # in which the client sends into the void
        self.gone = True
        end_way(self.client)

    async def arrive_late(self):
        for raw in self.held:
            await self.loop.sock_sendall(self.server, raw)
        raise Struck


class Line:
    """`plan` gives the fault of each connection, or None. `strikes` are the faults that have struck."""

    def __init__(self, network, port, plan):
        self.loop, self.port_of_server, self.plan = network.loop, port, plan
        self.strikes, self.waits, self.late_after, self.later = [], None, 0, None  # waits: the one that is held back
        self.passages = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]

    async def dial(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self.loop.sock_connect(sock, ("127.0.0.1", self.port_of_server))
        except OSError:
            sock.close()
            raise
        return sock

    async def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = await self.loop.sock_accept(self.listener)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                asyncio.create_task(self.take(client))

    async def take(self, client):
        try:
            server = await self.dial()
        except OSError:
            return reset(client)
        passage = Passage(self, client, server, self.plan())
        self.passages.add(passage)
        try:
            await passage.run()
        finally:
            self.passages.discard(passage)

    def wait_after(self, passage, count):
        """The event of a later connection having passed `count` bytes; it ends the wait of an earlier one."""
        self.let_go()
        self.waits, self.late_after, self.later = passage, count, asyncio.Event()
        return self.later

    def has_passed(self, passage, way, count):
        if self.waits and passage is not self.waits and way == UP:
            self.late_after -= count
            if self.late_after <= 0:
                self.let_go()

    def let_go(self):
        self.waits = None
        if self.later:
            self.later.set()

    def heal(self):
        """From now on nothing strikes."""
        self.plan = lambda: None
        self.loop.call_soon_threadsafe(self._heal)

    def _heal(self):
        self.let_go()
        for passage in self.passages:
            if passage.fault and passage.fault.way:
                passage.fault = None


class BadNetwork:
    """Lines, in a thread of their own. A context: at its end all is closed."""

    def __init__(self):
        self.loop, self.lines = asyncio.new_event_loop(), []
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def line(self, port, plan=lambda: None):
        """A line to the server at `port`."""
        line = Line(self, port, plan)
        self.lines.append(line)
        asyncio.run_coroutine_threadsafe(line.serve(), self.loop)
        return line

    def strikes(self):
        return sum(len(line.strikes) for line in self.lines)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _close(self):
        for line in self.lines:
            line.listener.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
