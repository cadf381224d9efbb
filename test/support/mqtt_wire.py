"""MQTT 3.1.1 and 5.0 packets as a client writes and reads them: bytes from fields, fields from bytes, no sockets."""
import struct
from types import SimpleNamespace

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 10, 11, 12, 13, 14, 15
NAMES = dict(enumerate("- CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK "
                       "PINGREQ PINGRESP DISCONNECT AUTH".split()))

# MQTT 5.0 section 2.2.2.2.
PROPERTIES = {
    1: ("payload_format", "byte"), 2: ("message_expiry", "u32"), 3: ("content_type", "text"),
    8: ("response_topic", "text"), 9: ("correlation_data", "binary"), 11: ("subscription_identifier", "varint"),
    17: ("session_expiry", "u32"), 18: ("assigned_client_id", "text"), 19: ("server_keep_alive", "u16"),
    21: ("authentication_method", "text"), 22: ("authentication_data", "binary"),
    23: ("request_problem_information", "byte"), 24: ("will_delay", "u32"),
    25: ("request_response_information", "byte"),
    26: ("response_information", "text"), 28: ("server_reference", "text"), 31: ("reason_string", "text"),
    33: ("receive_maximum", "u16"), 34: ("topic_alias_maximum", "u16"), 35: ("topic_alias", "u16"),
    36: ("maximum_qos", "byte"), 37: ("retain_available", "byte"), 38: ("user_property", "pair"),
    39: ("maximum_packet_size", "u32"), 40: ("wildcard_available", "byte"),
    41: ("subscription_identifiers_available", "byte"), 42: ("shared_available", "byte"),
}
PROPERTY_IDS = {name: (number, kind) for number, (name, kind) in PROPERTIES.items()}


class Malformed(Exception):
    """The server sent bytes that are no MQTT packet."""


def varint(value):
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def binary(raw):
    raw = raw.encode() if isinstance(raw, str) else raw
    return struct.pack(">H", len(raw)) + raw


def _property(name, value):
    number, kind = PROPERTY_IDS[name]
    if kind == "pair":
        return b"".join(bytes([number]) + binary(key) + binary(item) for key, item in value)
    write = {"byte": lambda: bytes([value]), "u16": lambda: struct.pack(">H", value),
             "u32": lambda: struct.pack(">I", value), "varint": lambda: varint(value)}
    return bytes([number]) + write.get(kind, lambda: binary(value))()


def properties(values):
    """`values` is {name: value}, or bytes that are taken as they are."""
    body = values if isinstance(values, bytes) else b"".join(
        _property(name, value) for name, value in (values or {}).items())
    return varint(len(body)) + body


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(version, client_id, keep_alive=60, clean=True, props=None, user=None, password=None, will=None,
            will_props=None, protocol="MQTT"):
    """`will` is (topic, payload, qos, retain)."""
    flags = (2 if clean else 0) | (128 if user is not None else 0) | (64 if password is not None else 0)
    body = binary(protocol) + bytes([version])
    tail = binary(client_id)
    if will:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | (32 if retain else 0)
        tail += (properties(will_props) if version == 5 else b"") + binary(topic) + binary(payload)
    if user is not None:
        tail += binary(user)
    if password is not None:
        tail += binary(password)
    body += bytes([flags]) + struct.pack(">H", keep_alive)
    if version == 5:
        body += properties(props)
    return packet(CONNECT, body + tail)


def auth(reason, method="SEALPOST-1", data=None, props=None):
    values = {"authentication_method": method} if method is not None else {}
    if data is not None:
        values["authentication_data"] = data
    return packet(AUTH, bytes([reason]) + properties({**values, **(props or {})}))


def publish(version, topic, payload, qos=1, packet_id=None, retain=False, dup=False, props=None):
    payload = payload.encode() if isinstance(payload, str) else payload
    body = binary(topic)
    if qos:
        body += struct.pack(">H", packet_id)
    if version == 5:
        body += properties(props)
    return packet(PUBLISH, body + payload, (8 if dup else 0) | qos << 1 | (1 if retain else 0))


def acknowledge(kind, packet_id, reason=0, props=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; a reason or properties are for MQTT 5.0."""
    body = struct.pack(">H", packet_id)
    if reason or props:
        body += bytes([reason]) + (properties(props) if props else b"")
    return packet(kind, body, 2 if kind == PUBREL else 0)


def puback(packet_id):
    return acknowledge(PUBACK, packet_id)


def subscribe(version, packet_id, filters, props=None):
    """`filters` is a list of (topic filter, options byte)."""
    body = struct.pack(">H", packet_id) + (properties(props) if version == 5 else b"")
    return packet(SUBSCRIBE, body + b"".join(binary(name) + bytes([options]) for name, options in filters), 2)


def unsubscribe(version, packet_id, filters, props=None):
    body = struct.pack(">H", packet_id) + (properties(props) if version == 5 else b"")
    return packet(UNSUBSCRIBE, body + b"".join(map(binary, filters)), 2)


def pingreq():
    return packet(PINGREQ)


def disconnect(version, reason=0, props=None):
    return packet(DISCONNECT, bytes([reason]) + properties(props) if version == 5 and (reason or props) else b"")


class _Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, count):
        if self.at + count > len(self.raw):
            raise Malformed("a packet ends before its fields do")
        self.at += count
        return self.raw[self.at - count:self.at]

    def left(self):
        return len(self.raw) - self.at

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self):
        value = 0
        for shift in (0, 7, 14, 21):
            digit = self.number(1)
            value |= (digit & 127) << shift
            if digit < 128:
                return value
        raise Malformed("a variable byte integer of more than four bytes")

    def binary(self):
        return self.take(self.number(2))

    def text(self):
        return self.binary().decode()

    def properties(self):
        """Of subscription identifiers, the one property but user properties that may be there again, all are in
        `subscription_identifiers`."""
        end = self.varint() + self.at
        values = {}
        while self.at < end:
            number = self.varint()
            if number not in PROPERTIES:
                raise Malformed(f"property {number}")
            name, kind = PROPERTIES[number]
            read = {"byte": lambda: self.number(1), "u16": lambda: self.number(2), "u32": lambda: self.number(4),
                    "varint": self.varint, "text": self.text, "binary": self.binary,
                    "pair": lambda: (self.text(), self.text())}[kind]
            if kind == "pair":
                values.setdefault(name, []).append(read())
            elif name == "subscription_identifier":
                values.setdefault("subscription_identifiers", []).append(read())
            elif name in values:
                raise Malformed(f"property {name} twice")
            else:
                values[name] = read()
        if self.at != end:
            raise Malformed("a property overruns its list")
        return values


def _decode_publish(found, read, version):
    found.dup, found.qos, found.retain = bool(found.flags & 8), found.flags >> 1 & 3, bool(found.flags & 1)
    found.topic = read.text()
    found.packet_id = read.number(2) if found.qos else None
    found.props = read.properties() if version == 5 else {}
    found.payload = read.take(read.left())


def _decode_reason(found, read, version):
    found.reason = read.number(1) if version == 5 and read.left() else 0
    found.props = read.properties() if version == 5 and read.left() else {}


def decode(first, body, version):
    """The packet of fixed header byte `first` and `body`, as the server sends it."""
    found = SimpleNamespace(type=first >> 4, flags=first & 15, name=NAMES[first >> 4], props={}, body=body)
    read = _Reader(body)
    if found.type == CONNACK:
        found.acknowledge_flags, found.reason = read.number(1), read.number(1)
        found.session_present = bool(found.acknowledge_flags & 1)
        found.props = read.properties() if version == 5 and read.left() else {}
    elif found.type == PUBLISH:
        _decode_publish(found, read, version)
    elif found.type in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        found.packet_id = read.number(2)
        _decode_reason(found, read, version)
    elif found.type in (SUBACK, UNSUBACK):
        found.packet_id = read.number(2)
        found.props = read.properties() if version == 5 else {}
        # An UNSUBACK of 3.1.1 ends here (3.11.3 there): what more came is left over.
        found.reasons = [] if found.type == UNSUBACK and version != 5 else list(read.take(read.left()))
    elif found.type in (DISCONNECT, AUTH):
        _decode_reason(found, read, version)
    elif found.type != PINGRESP:
        raise Malformed(f"a server does not send {found.name}")
    if read.left():
        raise Malformed(f"{read.left()} bytes after the end of {found.name}")
    return found
