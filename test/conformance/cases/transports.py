"""Transports: TCP, and WebSocket (4.2, and 6 of both standards)."""
from harness import Closed, case, wire
from transport import Pipe, WebSocket


def web(t, **options):
    """A peer on a WebSocket, connected."""
    return t.join(kind="ws", **options)


@case(4, 5)
def TCP_carries_packets_however_they_are_cut(t):
    with t.holds("MQTT-4.2.0-1@5 MQTT-7.1.1-1@4"):
        peer, topic = t.dial(), t.topic("a")
        raw = (wire.connect(t.v, t.id()) + wire.subscribe(t.v, 1, [(topic, 0)]) +
               wire.publish(t.v, topic, b"x", 1, 2) + wire.pingreq())
        for byte in raw:
            peer.send(bytes([byte]))
        kinds = [peer.next().type for _ in range(5)]
        assert kinds[0] == wire.CONNACK and kinds[-1] == wire.PINGRESP, kinds
        assert sorted(kinds) == sorted([wire.CONNACK, wire.SUBACK, wire.PUBACK, wire.PUBLISH, wire.PINGRESP])


@case(4, 5)
def a_plain_client_needs_nothing_but_the_standard(t):
    """The least CONNECT there is, and the least of each other packet."""
    with t.holds("MQTT-7.0.0-2@4"):
        peer, topic = t.join(keep_alive=0), t.topic("a")
        assert not set(peer.connack.props) & {"authentication_method", "server_reference"}
        peer.subscribe((topic, 0))
        peer.publish(topic, "", 0)
        assert peer.message().payload == b""
        peer.unsubscribe(topic)
        peer.disconnect()


@case(4, 5)
def WebSocket_carries_MQTT_in_binary_frames(t):
    """The peer takes nothing but binary frames, and continuations."""
    with t.holds("MQTT-4.2.0-1@5 MQTT-7.1.1-1@4 MQTT-6.0.0-1"):
        peer, topic = web(t), t.topic("a")
        peer.subscribe((topic, 2))
        for size in (0, 100, 126, 70_000):
            for qos in (0, 1, 2):
                peer.publish(topic, b"x" * size, qos)
                assert len(peer.message().payload) == size
        assert peer.pipe.opcodes <= {0, 2, 9, 10}, peer.pipe.opcodes


@case(4, 5)
def other_data_frames_end_the_connection(t):
    for detail, when in (("before CONNECT", False), ("after CONNECT", True)):
        with t.holds("MQTT-6.0.0-1", detail):
            peer = web(t) if when else t.dial(kind="ws")
            packet = wire.pingreq() if when else wire.connect(t.v, t.id())
            peer.pipe.pipe.send(peer.pipe.frame(1, packet))
            found = peer.end()
            assert all(packet.type == wire.DISCONNECT for packet in found), found


@case(4, 5)
def packets_and_frames_need_not_agree(t):
    peer, topic = t.dial(kind="ws"), t.topic("a")
    packets = (wire.connect(t.v, t.id()) + wire.subscribe(t.v, 1, [(topic, 0)]) +
               wire.publish(t.v, topic, b"x" * 300, 0) + wire.pingreq())
    with t.holds("MQTT-6.0.0-2", "all in one frame"):
        peer.send(packets)
        assert [peer.take(kind).type for kind in (wire.CONNACK, wire.SUBACK, wire.PUBLISH, wire.PINGRESP)]
    for size in (1, 7, 100):
        with t.holds("MQTT-6.0.0-2", f"frames of {size}"):
            peer = t.dial(kind="ws")
            for at in range(0, len(packets), size):
                peer.send(packets[at:at + size])
            assert [peer.take(kind).type for kind in (wire.CONNACK, wire.SUBACK, wire.PUBLISH, wire.PINGRESP)]
    with t.holds("MQTT-6.0.0-2", "a fragmented message"):
        peer = t.dial(kind="ws")
        frame, half = peer.pipe.frame, len(packets) // 2
        peer.pipe.pipe.send(frame(2, packets[:10], final=False))
        peer.pipe.pipe.send(frame(0, packets[10:half], final=False) + frame(9, b"ping") + frame(0, packets[half:]))
        assert [peer.take(kind).type for kind in (wire.CONNACK, wire.SUBACK, wire.PUBLISH, wire.PINGRESP)]


@case(4, 5)
def the_sub_protocol_is_mqtt(t):
    t.dial(kind="ws")
    for offer in ("mqtt", "other, mqtt", "mqtt, other"):
        with t.holds("MQTT-6.0.0-4", offer):
            pipe = Pipe(t.broker.host, t.broker.ports["ws"], 5)
            try:
                assert WebSocket(pipe, "127.0.0.1", protocol=offer, expected="mqtt").protocol == "mqtt"
            finally:
                pipe.close()
    with t.holds("MQTT-6.0.0-4", "a client that offers something else gets nothing else"):
        pipe = Pipe(t.broker.host, t.broker.ports["ws"], 5)
        try:
            assert WebSocket(pipe, "127.0.0.1", protocol="other", expected=None).protocol in (None, "mqtt")
        except Closed:
            pass  # refused
        finally:
            pipe.close()
