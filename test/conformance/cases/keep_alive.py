"""Keep alive (3.1.2.10 of both standards)."""
import time

from harness import PATIENCE, Closed, case, wire

OVERDUE = "MQTT-3.1.2-24@4 MQTT-3.1.2-22@5"


@case(4, 5, slow=True)
def a_silent_client_is_cut_off_after_one_and_a_half_keep_alives(t):
    watcher, topic = t.join(), t.topic("will")
    watcher.subscribe(topic)
    begun = time.monotonic()
    peer = t.join(keep_alive=1, will=(topic, "gone", 0, False))
    if t.v == 5:
        t.check("MQTT-3.2.2-22", "server_keep_alive" not in peer.connack.props, "1 s is not the server's to change")
    with t.holds(f"{OVERDUE} MQTT-3.2.2-22@5"):
        found = peer.end(4 * PATIENCE)
        assert time.monotonic() - begun > 1.45, f"after {time.monotonic() - begun:.2f} s"
        assert all(packet.type == wire.DISCONNECT and packet.reason == 0x8D for packet in found), found
    with t.holds(OVERDUE, "as if the network had failed: with its will"):
        assert watcher.message().payload == b"gone"


@case(4, 5, slow=True)
def any_packet_keeps_a_client_alive(t):
    peer = t.join(keep_alive=1)
    topic = t.topic("a")
    with t.holds(OVERDUE):
        for raw, answer in ((wire.pingreq(), wire.PINGRESP), (wire.publish(t.v, topic, b"", 1, 5), wire.PUBACK),
                            (wire.subscribe(t.v, 6, [(topic, 0)]), wire.SUBACK), (wire.pingreq(), wire.PINGRESP)):
            t.wait(0.7)
            peer.send(raw)
            peer.take(answer)


@case(4, 5, slow=True)
def what_a_server_sends_does_not_keep_a_client_alive(t):
    peer, publisher, topic = t.join(keep_alive=1), t.join(), t.topic("a")
    peer.subscribe((topic, 0))
    with t.holds(OVERDUE):
        for _ in range(7):
            publisher.publish(topic, "x", 0)
            t.wait(0.5)
        assert any(packet.type == wire.PUBLISH for packet in peer.end())


@case(4, 5, slow=True)
def half_a_packet_does_not_keep_a_client_alive(t):
    peer = t.join(keep_alive=1)
    raw = wire.publish(t.v, t.topic("a"), b"x" * 100, 0)
    with t.holds(OVERDUE):
        for byte in raw[:7]:
            try:
                peer.send(bytes([byte]))
            except Closed:
                break
            t.wait(0.5)
        peer.end()


@case(4, 5, slow=True)
def keep_alive_0_is_none(t):
    peer = t.join(keep_alive=0)
    t.wait(3)
    if "server_keep_alive" not in peer.connack.props:  # a server may set its own (3.2.2.3.14 of 5.0)
        with t.holds(OVERDUE):
            peer.stays()
