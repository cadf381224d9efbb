"""What every packet of a server must keep to, whatever it answers: each packet that any case receives is held to this."""
import mqtt_wire as wire

FIXED_FLAGS = {wire.PUBREL: 2}  # of what a server sends; all others but PUBLISH have 0

# MQTT 5.0: the reasons of each packet that a server may send.
REASONS = {
    wire.CONNACK: {0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    wire.PUBACK: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    wire.PUBREC: {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    wire.PUBREL: {0x00, 0x92},
    wire.PUBCOMP: {0x00, 0x92},
    wire.SUBACK: {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    wire.UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    # 3.14.2.1: 0x04, disconnect with will, is a client's alone.
    wire.DISCONNECT: {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, *range(0x8D, 0x91), *range(0x93, 0xA3)},
    wire.AUTH: {0x00, 0x18},
}
REASON_IDS = {wire.CONNACK: "MQTT-3.2.2-8", wire.PUBACK: "MQTT-3.4.2-1", wire.PUBREC: "MQTT-3.5.2-1",
              wire.PUBREL: "MQTT-3.6.2-1", wire.PUBCOMP: "MQTT-3.7.2-1", wire.SUBACK: "MQTT-3.9.3-2",
              wire.UNSUBACK: "MQTT-3.11.3-2", wire.DISCONNECT: "MQTT-3.14.2-1", wire.AUTH: "MQTT-3.15.2-1"}
RETURN_CODES = {wire.CONNACK: {0, 1, 2, 3, 4, 5}, wire.SUBACK: {0, 1, 2, 0x80}}

# MQTT 5.0: the properties that a server's packet may have (2.2.2.2).
_ACK = {"reason_string", "user_property"}
PROPERTIES = {
    wire.CONNACK: _ACK | {
        "session_expiry", "assigned_client_id", "server_keep_alive", "authentication_method", "authentication_data",
        "response_information", "server_reference", "receive_maximum", "topic_alias_maximum", "maximum_qos",
        "retain_available", "maximum_packet_size", "wildcard_available", "subscription_identifiers_available",
        "shared_available"},
    wire.PUBLISH: {"payload_format", "message_expiry", "content_type", "response_topic", "correlation_data",
                   "subscription_identifiers", "topic_alias", "user_property"},
    wire.DISCONNECT: _ACK | {"server_reference"},
    wire.AUTH: _ACK | {"authentication_method", "authentication_data"},
}
PROBLEMS = {"reason_string", "user_property"}
MAY_EXPLAIN = {wire.PUBLISH, wire.CONNACK, wire.DISCONNECT}


class Breach(AssertionError):
    """The server broke the statement `id` of one of the versions."""

    def __init__(self, id, text):
        super().__init__(f"[{id}] {text}")
        self.id, self.text = id, text


def _flags(found, version):
    reserved = "MQTT-2.1.3-1" if version == 5 else "MQTT-2.2.2-1"
    if found.type != wire.PUBLISH and found.flags != FIXED_FLAGS.get(found.type, 0):
        raise Breach(reserved, f"{found.name} with the flags {found.flags:04b}")
    if found.type == wire.PUBLISH and found.qos == 3:
        raise Breach("MQTT-3.3.1-4", "a PUBLISH with QoS 3")
    if found.type == wire.PUBLISH and found.dup and not found.qos:
        raise Breach("MQTT-3.3.1-2", "a PUBLISH with QoS 0 and DUP 1")
    if found.type == wire.CONNACK and found.acknowledge_flags > 1:
        raise Breach("MQTT-3.2.2-1" if version == 5 else reserved, f"acknowledge flags {found.acknowledge_flags}")


def _reasons(found, version):
    reasons = getattr(found, "reasons", None)
    if reasons is None:
        reasons = [found.reason] if hasattr(found, "reason") else []
    if version == 5:
        allowed, id = REASONS.get(found.type), REASON_IDS.get(found.type)
    else:
        allowed = RETURN_CODES.get(found.type)
        id = "MQTT-3.9.3-2" if found.type == wire.SUBACK else "MQTT-3.2.2-6"
    if allowed is not None and not set(reasons) <= allowed:
        raise Breach(id, f"{found.name} with {[hex(reason) for reason in reasons]}")


def _properties(found, peer):
    allowed = PROPERTIES.get(found.type, _ACK)
    if not set(found.props) <= allowed:
        raise wire.Malformed(f"{found.name} has the properties {sorted(set(found.props) - allowed)}")
    if not peer.problem_information and found.type not in MAY_EXPLAIN and PROBLEMS & set(found.props):
        raise Breach("MQTT-3.1.2-29", f"{found.name} explains itself to a client that asked not to: {found.props}")
    if found.type == wire.DISCONNECT and "session_expiry" in found.props:
        raise Breach("MQTT-3.14.2-2", "a DISCONNECT with a session expiry interval")


def _alias(found, peer):
    alias = found.props.get("topic_alias")
    if alias is None:
        return
    if not peer.topic_alias_maximum:
        raise Breach("MQTT-3.1.2-27", f"topic alias {alias} for a client that takes none")
    if alias > peer.topic_alias_maximum:
        raise Breach("MQTT-3.1.2-26", f"topic alias {alias} above {peer.topic_alias_maximum}")
    if alias == 0:
        raise Breach("MQTT-3.3.2-8", "topic alias 0")


def length_is_minimal(raw_length):
    if len(raw_length) > 1 and raw_length[-1] == 0:
        raise Breach("MQTT-1.5.5-1", f"the remaining length {raw_length.hex()}")


def check(found, peer, size):
    """Raises Breach or Malformed where `found`, of `size` bytes, is not what a server may send to `peer`."""
    if peer.version == 5 and size > peer.maximum_packet_size:
        raise Breach("MQTT-3.1.2-24", f"{found.name} of {size} bytes to a client that takes "
                                      f"{peer.maximum_packet_size}")
    _flags(found, peer.version)
    _reasons(found, peer.version)
    if found.type == wire.PUBLISH and found.packet_id == 0:
        raise Breach("MQTT-2.2.1-4" if peer.version == 5 else "MQTT-2.3.1-4", "a PUBLISH with the identifier 0")
    if peer.version == 5:
        _properties(found, peer)
        if found.type == wire.PUBLISH:
            _alias(found, peer)
