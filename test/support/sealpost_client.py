"""A Sealpost client for tests, over MQTT 5 or 3.1.1, made from PROTOCOL.md alone.

Every step stands by itself (dial, hello, challenge, proof, welcome, subscribe, compose, publish, ...), so that a test
can deviate at each: pass `changes` (fields to replace, ABSENT to drop) or other keys. Nothing waits without a bound.
"""
import collections
import json
import os
import time
from dataclasses import dataclass, field

import mqtt_wire as wire
from signed import (ABSENT, altered, b64, canonical_text, check_identity, keys_of, link_of, now_ms, permalink_of,
                    verifies)
from transport import Closed, TimedOut, open_pipe

__all__ = ["ABSENT", "Client", "Closed", "Memory", "Mark", "Refused", "Rejected", "TimedOut", "Violation"]


class Refused(Exception):
    """The server refused a step: CONNACK or DISCONNECT with a reason code, or an HTTP problem."""

    def __init__(self, text, reason=None, code=None):
        super().__init__(text)
        self.reason, self.code = reason, code


class Rejected(Exception):
    """The server answered a message with a reject."""

    def __init__(self, reject):
        super().__init__(json.dumps(reject))
        self.reject, self.code = reject, reject.get("code")


class Violation(Exception):
    """The server broke the protocol."""


@dataclass
class Mark:
    """A number in a lane and the link under it."""
    n: int = 0
    link: str = None

    def fields(self):
        return {"n": self.n, "link": self.link}

    @staticmethod
    def of(fields):
        return Mark(fields["n"], fields.get("link"))


@dataclass
class Memory:
    """What a device knows from one connection to the next."""
    head: Mark = field(default_factory=Mark)       # the newest message it has signed
    head_time: int = 0
    sent: Mark = field(default_factory=Mark)       # the newest whose ack it holds
    received: Mark = field(default_factory=Mark)   # the newest it has stored
    log: str = None                                # the log id of the last Welcome
    confirmed: bool = False                        # a Welcome has confirmed the newest identity version
    server: list = field(default_factory=list)     # the server's identity versions
    peers: dict = field(default_factory=dict)      # permalink -> identity versions, from the out-lane
    offset_ms: int = 0                             # the server's clock less this one


@dataclass
class Delivery:
    """A message from the inbox."""
    packet_id: int
    text: str
    fields: dict
    link: str
    dup: bool


class Client:
    def __init__(self, identity, endpoint, device=None, version=5, memory=None, timeout=15, certificate=None):
        self.identity, self.endpoint, self.version, self.timeout = identity, endpoint, version, timeout
        self.device = device or "d" + os.urandom(6).hex()
        self.memory = memory or Memory()
        self.certificate = certificate
        self.pipe = None
        self.ticket = None  # from REST, for the next connection
        self._forget_connection()

    def _forget_connection(self):
        self.buffer, self.next_packet_id = b"", 0
        self.inbox, self.answers = collections.deque(), collections.deque()
        self.acks, self.rejects, self.pubacks, self.lights = {}, [], {}, []
        self.in_flight = {}  # packet id -> link
        self.other = collections.deque()
        self.hello_sent = self.challenge_got = self.proof_sent = self.welcome_got = None
        self.connack = self.goodbye = None

    # Names.

    @property
    def permalink(self):
        return self.identity.permalink

    @property
    def client_id(self):
        return f"{self.permalink}.{self.device}"

    @property
    def server(self):
        """The server's permalink, once it is known."""
        return permalink_of(self.memory.server[0]) if self.memory.server else None

    def topic(self, name):
        return f"sp/{self.permalink}/{self.device}/{name}"

    def server_time(self):
        return now_ms() + self.memory.offset_ms

    # Bytes and packets.

    def dial(self):
        self._forget_connection()
        self.pipe = open_pipe(self.endpoint, self.timeout, self.certificate)
        return self

    def send(self, raw):
        self.pipe.send(raw)

    def close(self):
        if self.pipe:
            self.pipe.close()

    def _packet_length(self):
        """(header length, body length) of the packet at the buffer's front, or None where more bytes are needed."""
        length = 0
        for at in range(1, 5):
            if at >= len(self.buffer):
                return None
            length |= (self.buffer[at] & 127) << 7 * (at - 1)
            if self.buffer[at] < 128:
                return at + 1, length
        raise wire.Malformed("a remaining length of more than four bytes")

    def packet(self, timeout=None):
        """The next packet, whatever it is, after it has been filed in the queues below."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            sizes = self._packet_length() if self.buffer else None
            if sizes and len(self.buffer) >= sum(sizes):
                break
            self.buffer += self.pipe.receive(deadline - time.monotonic())
        first, body = self.buffer[0], self.buffer[sizes[0]:sum(sizes)]
        self.buffer = self.buffer[sum(sizes):]
        found = wire.decode(first, body, self.version)
        self._file(found)
        return found

    def _file(self, found):
        if found.type == wire.PUBLISH and found.topic.startswith(self.topic("")):
            self._file_own(found, found.topic.rsplit("/", 1)[1])
        elif found.type == wire.PUBACK:
            self.pubacks[found.packet_id] = found
        elif found.type == wire.DISCONNECT:
            self.goodbye = found
        elif found.type != wire.PINGRESP:
            self.other.append(found)

    def _file_own(self, found, name):
        fields = json.loads(found.payload)
        if name == "inbox":
            self.inbox.append(Delivery(found.packet_id, found.payload.decode(), fields, link_of(fields), found.dup))
        elif name == "ack":
            self.acks[fields["link"]] = fields
        elif name == "reject":
            self.rejects.append(fields)
        elif name == "light":
            self.lights.append(fields["light"])
        else:
            raise Violation(f"a publication on {found.topic}")

    def wait(self, condition, what, timeout=None):
        """Reads packets until `condition()` is true, and gives its value."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not (value := condition()):
            if self.goodbye:
                raise Refused(f"DISCONNECT {self.goodbye.reason:#x} while waiting for {what}", self.goodbye.reason)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(f"{what} did not come")
            try:
                self.packet(left)
            except TimedOut:
                raise TimedOut(f"{what} did not come") from None
            except Closed:
                if not self.goodbye:
                    raise
        return value

    def wait_packet(self, kind, timeout=None):
        def taken():
            for at, found in enumerate(self.other):
                if found.type == kind:
                    del self.other[at]
                    return found
            return None
        return self.wait(taken, wire.NAMES[kind], timeout)

    def wait_closed(self, timeout=None):
        """Reads until the server ends the connection; gives the DISCONNECT, where there was one."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.packet(left)
        except Closed:
            return self.goodbye
        raise TimedOut("the server did not close the connection")

    def stays_open(self):
        """Whether the server still answers a PINGREQ."""
        try:
            self.send(wire.pingreq())
            while self.packet().type != wire.PINGRESP:
                pass
            return True
        except (Closed, TimedOut):
            return False

    # The handshake, one object at a time (PROTOCOL.md section 3).

    def hello(self, purpose="connect", changes=None):
        fields = {"_t": "sealpost.Hello", "v": 1, "client": self.permalink, "device": self.device,
                  "key": self.identity.sign_key.pub, "endpoint": self.endpoint, "nonce": b64(os.urandom(32)),
                  "purpose": purpose, "_time": now_ms()}
        if self.memory.server:
            fields["server"] = {"permalink": self.server, "link": link_of(self.memory.server[-1])}
        if purpose == "reauth" and self.welcome_got:
            fields["session"] = self.welcome_got["session"]
        self.hello_sent = altered(fields, changes)
        return self.hello_sent

    def send_connect(self, hello, client_id=None, props=None, **options):
        """CONNECT with Authentication Method SEALPOST-1 and `hello`."""
        data = hello if isinstance(hello, bytes) else canonical_text(hello).encode()
        values = {"authentication_method": "SEALPOST-1", "authentication_data": data, "session_expiry": 3600}
        values = {name: value for name, value in altered(values, props).items()}
        options.setdefault("clean", False)
        self.send(wire.connect(5, self.client_id if client_id is None else client_id, props=values, **options))

    def wait_challenge(self):
        """The Challenge in the next AUTH packet; Refused where the server says no."""
        found = self._auth_answer()
        if found.type != wire.AUTH or found.reason != 0x18:
            raise Refused(f"{found.name} {found.reason:#x} in place of a Challenge", found.reason)
        return self.take_challenge(json.loads(found.props["authentication_data"]))

    def _auth_answer(self):
        def taken():
            for at, found in enumerate(self.other):
                if found.type in (wire.AUTH, wire.CONNACK):
                    del self.other[at]
                    return found
            return None
        return self.wait(taken, "an answer to the handshake")

    def take_challenge(self, challenge):
        """Checks the Challenge as an honest client must before it signs."""
        if challenge["hello"] != link_of(self.hello_sent) or challenge["client"] != self.hello_sent["client"]:
            raise Violation("the Challenge answers another Hello")
        versions = self.memory.server + challenge.get("identity", [])
        newest = check_identity(versions)
        if self.memory.server and permalink_of(versions[0]) != self.server:
            raise Violation("another server")
        if not verifies(challenge, keys_of(newest, "sign")) or challenge["_author"] != permalink_of(versions[0]):
            raise Violation("the Challenge is not signed by the server")
        if challenge["expires"] - challenge["_time"] > 30_000:
            raise Violation("the Challenge lives too long")
        self.memory.server = versions
        self.memory.offset_ms = (challenge["received"] - self.hello_sent["_time"] + challenge["_time"] - now_ms()) // 2
        self.challenge_got = challenge
        return challenge

    def position(self):
        marks = {"sent": self.memory.sent, "received": self.memory.received}
        return {"log": self.memory.log, **{name: mark.fields() for name, mark in marks.items() if mark.link}}

    def proof(self, changes=None, from_first=False, key=None):
        fields = {"_t": "sealpost.Proof", "_author": self.permalink, "_time": self.server_time(),
                  "challenge": link_of(self.challenge_got)}
        if self.memory.log:
            fields["position"] = self.position()
        if from_first:
            fields["from"] = 1
        if not self.memory.confirmed:
            fields["identity"] = self.identity.versions
        if self.challenge_got.get("binding") and self.endpoint.startswith(("mqtts:", "wss:")):
            fields["binding"] = b64(self.pipe.channel_binding())
        self.proof_sent = (key or self.identity.sign_key).sign(altered(fields, changes))
        return self.proof_sent

    def send_auth(self, data, reason=0x18, **options):
        self.send(wire.auth(reason, data=data if isinstance(data, bytes) else canonical_text(data).encode(), **options))

    def wait_welcome(self):
        found = self._auth_answer()
        if found.reason != 0 or "authentication_data" not in found.props:
            raise Refused(f"{found.name} {found.reason:#x} in place of a Welcome", found.reason)
        if found.type == wire.CONNACK:
            self.connack = found
        return self.take_welcome(json.loads(found.props["authentication_data"]))

    def take_welcome(self, welcome):
        if welcome["proof"] != link_of(self.proof_sent) or welcome["_author"] != self.server:
            raise Violation("the Welcome answers another Proof")
        if not verifies(welcome, keys_of(self.memory.server[-1], "sign")):
            raise Violation("the Welcome is not signed by the server")
        self.memory.confirmed = welcome["identity"] == self.identity.link
        self.memory.log = welcome["log"]["id"]
        self.welcome_got = welcome
        return welcome

    def handshake(self, purpose="connect", from_first=False, **connect_options):
        """Hello to Welcome over MQTT 5, on the connection dialled."""
        self.send_connect(self.hello(purpose), **connect_options)
        self.wait_challenge()
        self.send_auth(self.proof(from_first=from_first))
        return self.wait_welcome()

    def reauthenticate(self):
        self.send_auth(self.hello("reauth"), reason=0x19)
        self.wait_challenge()
        self.send_auth(self.proof())
        return self.wait_welcome()

    def connect_with_ticket(self, ticket, **options):
        """CONNECT with user name and password, as MQTT 3.1.1 clients do."""
        options.setdefault("clean", False)
        self.send(wire.connect(self.version, self.client_id, user=self.client_id, password=ticket, **options))
        self.connack = self.wait_packet(wire.CONNACK)
        if self.connack.reason:
            raise Refused(f"CONNACK {self.connack.reason:#x}", self.connack.reason)
        return self.connack

    def login(self, **options):
        """Dials, shakes hands and subscribes; gives the Welcome. With position.sent taken from the Welcome where a
        client has nothing of its own, as a device that keeps no history would."""
        welcome = self.dial().handshake(**options)
        if self.memory.received.n == 0 and welcome["position"].get("acked"):
            self.memory.received = Mark(welcome["position"]["acked"])
        self.subscribe()
        return welcome

    # Messages.

    def packet_id(self):
        self.next_packet_id = self.next_packet_id % 65535 + 1
        return self.next_packet_id

    def subscribe(self, names=("inbox", "ack", "reject", "light")):
        filters = [(self.topic(name), 1 if name == "inbox" else 0) for name in names]
        return self.subscribe_to(filters)

    def subscribe_to(self, filters):
        self.send(wire.subscribe(self.version, self.packet_id(), filters))
        return self.wait_packet(wire.SUBACK).reasons

    def compose(self, to, payload, changes=None, key=None, **more):
        """The next signed message of this device's lane; the lane's head moves to it."""
        memory = self.memory
        fields = {"_t": "sealpost.Message", "_author": self.permalink, "_d": self.device, "_recipient": to,
                  "_n": memory.head.n + 1, "_time": max(self.server_time(), memory.head_time + 1),
                  "_z": b64(os.urandom(16)), "object": payload, **more}
        if memory.head.n:
            fields["_q"] = memory.head.link
        signed = (key or self.identity.sign_key).sign(altered(fields, changes))
        if not changes and not key:
            memory.head, memory.head_time = Mark(signed["_n"], link_of(signed)), signed["_time"]
        return signed

    def publish(self, message, qos=1, **options):
        """Publishes to the outbox; gives the packet id."""
        text = message if isinstance(message, (bytes, str)) else canonical_text(message)
        number = self.packet_id()
        if isinstance(message, dict):
            self.in_flight[number] = link_of(message)
        self.send(wire.publish(self.version, self.topic("outbox"), text, qos, number, **options))
        return number

    def wait_answer(self, number, timeout=None):
        """The PUBACK of packet `number`. Rejected, with what the server says, where it is a reject."""
        found = self.wait(lambda: self.pubacks.pop(number, None), "PUBACK", timeout)
        link = self.in_flight.pop(number, None)
        if self.version == 5 and found.reason >= 0x80:
            codes = dict(found.props.get("user_property", []))
            told = next((reject for reject in self.rejects if reject.get("link") == link), {})
            raise Rejected({**told, "code": codes.get("code"), "reason": found.reason, "link": link})
        for reject in self.rejects:
            if link and reject.get("link") == link:
                raise Rejected(reject)
        return found

    def say(self, to, payload, timeout=None, **more):
        """Composes, publishes and waits for the ack; gives the ack topic's fields."""
        message = self.compose(to, payload, **more)
        return self.deliver(message, timeout)

    def deliver(self, message, timeout=None):
        link = link_of(message)
        self.wait_answer(self.publish(message), timeout)
        ack = self.wait(lambda: self.acks.get(link), "ack", timeout)
        if message["_n"] > self.memory.sent.n:
            self.memory.sent = Mark(message["_n"], link)
        return ack

    def next_delivery(self, timeout=None):
        """The next message from the inbox, checked but not yet acknowledged."""
        return self.check(self.wait(lambda: self.inbox and self.inbox.popleft(), "a delivery", timeout))

    def check(self, delivery):
        fields = delivery.fields
        if not verifies(fields, [key for version in self.memory.server for key in keys_of(version, "sign")]):
            raise Violation("a delivery is not signed by the server")
        if fields["_author"] != self.server or fields["_recipient"] != self.permalink:
            raise Violation("a delivery is from or to somebody else")
        if fields["_d"] != self.memory.log:
            raise Violation("a delivery's _d is not the log id")
        self._check_payload(fields["object"])
        return delivery

    def _check_payload(self, payload):
        if payload["_t"] == "sealpost.Identity":
            known = self.memory.peers.get(permalink_of(payload), [])
            check_identity(known + [payload])
            self.memory.peers[permalink_of(payload)] = known + [payload]
        elif payload["_t"] == "sealpost.Message":
            versions = self.memory.peers.get(payload["_author"])
            if not versions or not verifies(payload, [key for version in versions for key in keys_of(version, "sign")]):
                raise Violation("a relayed message is not signed by an author whose identity came before it")
            if payload["_recipient"] != self.permalink:
                raise Violation("a relayed message is for somebody else")

    def store(self, delivery):
        """Takes the delivery as stored and acknowledges it."""
        self.memory.received = Mark(delivery.fields["_n"], delivery.link)
        self.acknowledge(delivery)

    def acknowledge(self, delivery):
        self.send(wire.puback(delivery.packet_id))

    def take(self, timeout=None):
        """The payload's fields of the next delivery, acknowledged."""
        delivery = self.next_delivery(timeout)
        self.store(delivery)
        return delivery.fields

    def take_until(self, wanted, timeout=None):
        """Takes deliveries until `wanted(message fields)`; gives that message."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            fields = self.take(max(0.0, deadline - time.monotonic()))
            if wanted(fields):
                return fields

    def take_reply(self, link, timeout=None):
        return self.take_until(lambda fields: fields.get("inReplyTo") == link, timeout)

    def nothing_more(self, seconds=0.3):
        """Whether the inbox stays silent: asked by a PINGREQ round trip after `seconds`."""
        try:
            self.wait(lambda: self.inbox, "silence", seconds)
            return False
        except TimedOut:
            return self.stays_open() and not self.inbox
