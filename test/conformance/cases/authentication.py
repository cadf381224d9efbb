"""Enhanced authentication (4.12 of 5.0) and AUTH (3.15)."""
from harness import case, wire


@case(5)
def an_unknown_authentication_method_is_refused(t):
    for method in ("NONE-SUCH", "", "SCRAM-SHA-1"):
        found = t.refused(wire.connect(5, t.id(), props={"authentication_method": method, "authentication_data": b"x"}),
                          ids="MQTT-4.12.0-1", detail=repr(method), packet_types=(wire.CONNACK,))
        t.check("MQTT-4.12.0-1", all(packet.reason in (0x8C, 0x87) for packet in found), found)


@case(5)
def without_a_method_there_is_no_AUTH(t):
    peer = t.join(user="anna", password="secret")
    t.check("MQTT-4.12.0-6", "authentication_method" not in peer.connack.props, peer.connack.props)
    with t.holds("MQTT-4.12.0-6"):
        peer.publish(t.topic("a"), "x")
        peer.stays()
    for reason in (0x00, 0x18, 0x19):
        for method in (None, "NONE-SUCH"):
            found = t.ends("MQTT-4.12.0-7", f"AUTH {reason:#x}, method {method}", wire.auth(reason, method))
            t.check("MQTT-4.12.0-7", all(packet.reason in (0x82, 0x81, 0x8C) for packet in found), found)
