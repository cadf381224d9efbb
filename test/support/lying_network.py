"""A network that lies: it reads plain MQTT 5 between one client and the server, and sins once.

    drops     a delivery is kept from the client, and acknowledged to the server in its name
    repeats   a delivery comes again, under a packet id of its own
    swaps     a delivery comes after the one that follows it
    swallows  a message is acknowledged to the client, and never reaches the server

TLS and the server's signatures keep such a network from more: it cannot make, alter or renumber anything. What it can do
is what a wrong server might, so a test shows by it that the ledgers and their checker would find that out.
"""
import contextlib
import socket
import struct
import threading

import mqtt_wire as wire

STRANGE = 60_000  # a packet id that the server does not use
MOMENT = 3        # the delivery, or message, at which it sins


def read_packet(file):
    """(first byte, the whole packet); ConnectionError at the end of the stream."""
    raw = file.read(2)
    while raw and raw[-1] >= 128:
        raw += file.read(1)
    if not raw:
        raise ConnectionError
    length = sum((digit & 127) << 7 * at for at, digit in enumerate(raw[1:]))
    return raw[0], raw + file.read(length)


def topic_and_id(raw):
    """(topic, packet id, where the id stands) of a PUBLISH at QoS 1."""
    start = 1 + next(at for at, digit in enumerate(raw[1:], 1) if digit < 128)
    end = start + 2 + int.from_bytes(raw[start:start + 2], "big")
    return raw[start + 2:end].decode(), int.from_bytes(raw[end:end + 2], "big"), end


def renumbered(raw, packet_id):
    _, _, at = topic_and_id(raw)
    return raw[:at] + struct.pack(">H", packet_id) + raw[at + 2:]


class LyingNetwork:
    """Listens at `port` for connections to the server at `port_of_server`. `sin` is one of the above, or None."""

    def __init__(self, port_of_server):
        self.port_of_server, self.sin = port_of_server, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.count, self.kept, self.sockets = {"inbox": 0, "outbox": 0}, None, []
        threading.Thread(target=self.accept, daemon=True).start()

    def begin(self, sin):
        self.sin, self.count, self.kept = sin, {"inbox": 0, "outbox": 0}, None

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port_of_server))
                self.sockets += [client, server]
                for source, back, judge in ((client, server, self.upwards), (server, client, self.downwards)):
                    threading.Thread(target=self.pass_on, args=(source, back, judge), daemon=True).start()

    def pass_on(self, source, sink, judge):
        with contextlib.suppress(OSError):
            with source.makefile("rb") as file:
                while True:
                    first, raw = read_packet(file)
                    on, back = judge(first >> 4, first >> 1 & 3, raw)
                    for packet in on:
                        sink.sendall(packet)
                    for packet in back:
                        source.sendall(packet)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    # What is passed on in place of a packet, and what is sent back.

    def is_moment(self, name, topic):
        if not topic.endswith("/" + name):
            return False
        self.count[name] += 1
        return self.count[name] == MOMENT

    def upwards(self, kind, qos, raw):
        if kind == wire.PUBACK and int.from_bytes(raw[2:4], "big") == STRANGE:
            return [], []
        if kind == wire.PUBLISH and qos:
            topic, packet_id, _ = topic_and_id(raw)
            if self.is_moment("outbox", topic) and self.sin == "swallows":
                return [], [wire.puback(packet_id)]
        return [raw], []

    def downwards(self, kind, qos, raw):
        if kind != wire.PUBLISH or not qos:
            return [raw], []
        topic, packet_id, _ = topic_and_id(raw)
        moment = self.is_moment("inbox", topic)
        if self.kept:
            kept, self.kept = renumbered(self.kept, STRANGE), None
            return [raw, kept], []
        if not moment or self.sin in (None, "swallows"):
            return [raw], []
        if self.sin == "repeats":
            return [raw, renumbered(raw, STRANGE)], []
        if self.sin == "swaps":
            self.kept = raw
        return [], [wire.puback(packet_id)]

    def close(self):
        for sock in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
