"""A client that does exactly what a case tells it, and holds every packet that it receives to the standard."""
import collections
import itertools
import time

import lint
import mqtt_wire as wire
import transport
from daemon import PATIENCE

SECONDS = 5 * PATIENCE
UNLIMITED = 0xFFFFFFFF


class Peer:
    """`inbox` holds what has come and was not yet taken, in its order."""

    def __init__(self, pipe, version):
        self.pipe, self.version = pipe, version
        self.raw, self.inbox, self.ended = b"", collections.deque(), False
        self.numbers, self.aliases = itertools.cycle(range(1, 65536)), {}
        self.maximum_packet_size, self.topic_alias_maximum, self.problem_information = UNLIMITED, 0, 1
        self.client_id = self.connack = None

    # Sending.

    def send(self, *packets):
        self.pipe.send(b"".join(packets))

    def send_connect(self, client_id, **options):
        """Says CONNECT as mqtt_wire.connect writes it, and remembers what it promised."""
        props = options.get("props") or {}
        if isinstance(props, dict):
            self.maximum_packet_size = props.get("maximum_packet_size", UNLIMITED)
            self.topic_alias_maximum = props.get("topic_alias_maximum", 0)
            self.problem_information = props.get("request_problem_information", 1)
        self.client_id = client_id
        self.send(wire.connect(self.version, client_id, **options))

    def number(self):
        """A packet identifier that this client has not used for long."""
        return next(self.numbers)

    # Receiving.

    def _take_bytes(self, count, deadline):
        while len(self.raw) < count:
            self.raw += self.pipe.receive(deadline - time.monotonic())
        taken, self.raw = self.raw[:count], self.raw[count:]
        return taken

    def _read(self, seconds):
        """The next packet from the wire. A timeout before its first byte loses nothing."""
        deadline = time.monotonic() + seconds
        while not self.raw:
            self.raw = self.pipe.receive(deadline - time.monotonic())
        deadline = time.monotonic() + SECONDS
        first, length = self._take_bytes(1, deadline)[0], b""
        while not length or length[-1] & 128:
            length += self._take_bytes(1, deadline)
            if len(length) > 4:
                raise wire.Malformed("a remaining length of more than four bytes")
        lint.length_is_minimal(length)
        body = self._take_bytes(sum((digit & 127) << 7 * at for at, digit in enumerate(length)), deadline)
        return self._decoded(first, body, 1 + len(length) + len(body))

    def _decoded(self, first, body, size):
        try:
            found = wire.decode(first, body, self.version)
        except UnicodeDecodeError as error:
            raise lint.Breach("MQTT-1.5.4-1" if self.version == 5 else "MQTT-1.5.3-1", str(error)) from error
        found.size = size
        lint.check(found, self, size)
        if found.type == wire.PUBLISH and "topic_alias" in found.props:
            found.sent_topic = found.topic
            if found.topic:
                self.aliases[found.props["topic_alias"]] = found.topic
            found.topic = self.aliases.get(found.props["topic_alias"], "")
        return found

    def next(self, seconds=SECONDS):
        """The next packet, whatever it is."""
        return self.inbox.popleft() if self.inbox else self._read(seconds)

    def take(self, kind, packet_id=None, seconds=SECONDS):
        """The next packet of `kind` (with `packet_id`); others stay in the inbox."""
        deadline = time.monotonic() + seconds
        for at, found in enumerate(self.inbox):
            if found.type == kind and packet_id in (None, getattr(found, "packet_id", None)):
                del self.inbox[at]
                return found
        while True:
            try:
                found = self._read(deadline - time.monotonic())
            except transport.TimedOut as error:
                here = ", ".join(packet.name for packet in self.inbox) or "nothing"
                raise transport.TimedOut(f"no {wire.NAMES[kind]} came, but {here}") from error
            if found.type == kind and packet_id in (None, getattr(found, "packet_id", None)):
                return found
            self.inbox.append(found)

    def rest(self):
        """Everything that comes before the answer to a PINGREQ sent now."""
        self.send(wire.pingreq())
        self.take(wire.PINGRESP)
        found = list(self.inbox)
        self.inbox.clear()
        return found

    def stays(self):
        """The connection lives, and nothing is left to take."""
        found = self.rest()
        assert not found, f"unexpected: {[packet.name for packet in found]}"

    def end(self, seconds=SECONDS):
        """All packets until the server closes; fails if it does not. What came twice after a DISCONNECT is a fault of
        the server's too."""
        found, deadline = list(self.inbox), time.monotonic() + seconds
        self.inbox.clear()
        while True:
            try:
                found.append(self._read(deadline - time.monotonic()))
            except transport.Closed:
                self.ended = True
                break
            except transport.TimedOut:
                names = [packet.name for packet in found]
                raise AssertionError(f"the server did not close the connection; it sent {names}") from None
        farewells = [at for at, packet in enumerate(found) if packet.type == wire.DISCONNECT]
        if farewells and farewells[0] != len(found) - 1:
            raise lint.Breach("MQTT-3.14.4-1", f"{[packet.name for packet in found]}")
        return found

    # What clients do.

    def subscribe(self, *filters, props=None):
        """SUBSCRIBE for `filters`, each a name or (name, options); gives the SUBACK."""
        number = self.number()
        pairs = [(name, 2) if isinstance(name, str) else name for name in filters]
        self.send(wire.subscribe(self.version, number, pairs, props))
        return self.take(wire.SUBACK, number)

    def unsubscribe(self, *filters):
        number = self.number()
        self.send(wire.unsubscribe(self.version, number, filters))
        return self.take(wire.UNSUBACK, number)

    def publish(self, topic, payload, qos=1, **options):
        """A whole exchange; gives its PUBACK or PUBREC, or None for QoS 0."""
        number = options.pop("packet_id", None) or (self.number() if qos else None)
        self.send(wire.publish(self.version, topic, payload, qos, number, **options))
        if qos == 0:
            return None
        answer = self.take(wire.PUBACK if qos == 1 else wire.PUBREC, number)
        if qos == 2 and answer.reason < 0x80:
            self.send(wire.acknowledge(wire.PUBREL, number))
            self.take(wire.PUBCOMP, number)
        return answer

    def acknowledge(self, message):
        """Acknowledges a received message to the end of its exchange."""
        if message.qos == 1:
            self.send(wire.puback(message.packet_id))
        elif message.qos == 2:
            self.send(wire.acknowledge(wire.PUBREC, message.packet_id))
            self.take(wire.PUBREL, message.packet_id)
            self.send(wire.acknowledge(wire.PUBCOMP, message.packet_id))

    def message(self, seconds=SECONDS):
        """The next message, acknowledged."""
        found = self.take(wire.PUBLISH, seconds=seconds)
        self.acknowledge(found)
        return found

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def disconnect(self, reason=0, props=None):
        """Says good-bye, and waits until the server has noticed it."""
        self.send(wire.disconnect(self.version, reason, props))
        return self.end()

    def drop(self):
        """Is gone without a word."""
        self.pipe.reset()
        self.ended = True

    def close(self):
        self.pipe.close()
        self.ended = True
