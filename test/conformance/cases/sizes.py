"""Maximum packet size, both ways (3.1.2.11.4 and 3.2.2.3.6 of 5.0)."""
from harness import case, wire


def room(t, *more):
    """The smallest maximum packet size that the CONNACK of this server leaves, and `more` bytes."""
    return t.join(props={"maximum_packet_size": 1000}).connack.size + sum(more)


def payload_for(size, topic, packet_id=True):
    """A payload with which a PUBLISH for `topic` has just `size` bytes."""
    payload = b"x" * size
    while True:
        raw = wire.publish(5, topic, payload, 1 if packet_id else 0, 1)
        if len(raw) <= size:
            assert len(raw) == size, "no PUBLISH has that size"
            return payload
        payload = payload[:-1]


@case(5)
def a_packet_above_the_maximum_is_not_sent(t):
    """Each packet is held to the size that the peer told."""
    size, topic, publisher = max(room(t), 60), t.topic("a"), t.join()
    small, other = t.join(props={"maximum_packet_size": size}), t.join()
    small.subscribe((topic, 1))
    other.subscribe((topic, 1))
    fits, too_large = payload_for(size, topic), payload_for(size + 1, topic)
    with t.holds("MQTT-3.1.2-24 MQTT-3.1.2-25"):
        for payload in (too_large, fits, too_large * 50, b"end"):
            publisher.publish(topic, payload, 1)
        assert [message.payload for message in t.before_marker(publisher, small)] == [fits, b"end"]
        assert [len(message.payload) for message in t.before_marker(publisher, other)] == [
            len(too_large), len(fits), len(too_large) * 50, 3]


@case(5)
def a_packet_too_large_counts_as_sent(t):
    size, topic, publisher = max(room(t), 60), t.topic("a"), t.join()
    small = t.join(keep=60, props={"maximum_packet_size": size, "receive_maximum": 2})
    small.subscribe((topic, 2))
    with t.holds("MQTT-3.1.2-25"):
        for n in range(6):
            publisher.publish(topic, b"x" * 500, 1 + n % 2)
        publisher.publish(topic, "small", 1)
        assert small.message().payload == b"small", "the quota is gone"
        small.stays()
        small.drop()
        t.back(small, props={"maximum_packet_size": 10_000}).stays()  # it does not come later


@case(5)
def a_packet_that_waited_and_is_too_large_counts_as_sent(t):
    topic, publisher, peer = t.topic("a"), t.join(), t.join(keep=60)
    peer.subscribe((topic, 1))
    peer.disconnect()
    for payload in (b"x" * 500, b"small", b"x" * 500):
        publisher.publish(topic, payload, 1)
    with t.holds("MQTT-3.1.2-24 MQTT-3.1.2-25"):
        peer = t.back(peer, props={"maximum_packet_size": max(room(t), 60), "receive_maximum": 1})
        assert peer.message().payload == b"small"
        peer.stays()
        peer.drop()
        t.back(peer).stays()


@case(5)
def retained_messages_keep_to_the_maximum(t):
    topic, publisher = t.topic("a"), t.join()
    publisher.publish(topic, b"x" * 500, 1, retain=True)
    small = t.join(props={"maximum_packet_size": max(room(t), 60)})
    with t.holds("MQTT-3.1.2-24 MQTT-3.1.2-25"):
        small.subscribe((topic, 1))
        t.reaches_nobody(publisher, small)


@case(5)
def answers_leave_out_what_would_make_them_too_large(t):
    """The least size at which the server can say CONNACK, and some above; its answers come, and keep to it."""
    topic = t.topic("a")
    for more in (0, 1, 5, 20, 60):
        size = room(t, more)
        peer = t.join(props={"maximum_packet_size": size})
        exchanges = (
            ("MQTT-3.4.2-2 MQTT-3.4.2-3", wire.publish(5, t.broker.refused, b"", 1, 5), wire.PUBACK),
            ("MQTT-3.5.2-2 MQTT-3.5.2-3", wire.publish(5, t.broker.refused, b"", 2, 6), wire.PUBREC),
            ("MQTT-3.7.2-2 MQTT-3.7.2-3", wire.acknowledge(wire.PUBREL, 7), wire.PUBCOMP),
            ("MQTT-3.6.2-2 MQTT-3.6.2-3", wire.acknowledge(wire.PUBREC, 8), wire.PUBREL),
            ("MQTT-3.9.2-1 MQTT-3.9.2-2", wire.subscribe(5, 9, [(t.broker.refused, 0), (topic, 0)]), wire.SUBACK),
            ("MQTT-3.11.2-1 MQTT-3.11.2-2", wire.unsubscribe(5, 10, [topic, t.topic("never")]), wire.UNSUBACK))
        for ids, raw, kind in exchanges:
            with t.holds(ids, f"maximum packet size {size}"):
                peer.send(raw)
                assert peer.take(kind).size <= size
        with t.holds("MQTT-3.14.2-3 MQTT-3.14.2-4", f"maximum packet size {size}"):
            peer.send(wire.publish(5, "#", b"", 0))
            assert all(packet.size <= size for packet in peer.end())


@case(5)
def a_packet_above_the_maximum_of_the_server_ends_the_connection(t):
    """3.2.2.3.6. Where CONNACK tells none, there is no limit to break."""
    peer, topic = t.join(), t.topic("a")
    maximum = peer.connack.props.get("maximum_packet_size")
    assert maximum, "CONNACK has no maximum packet size"
    head = wire.publish(5, topic, b"x" * (maximum + 100), 0)[:64]
    found = t.ends("MQTT-3.2.2-15", "its head is enough", head, peer=peer)
    t.check("MQTT-3.2.2-15", all(farewell.reason == 0x95 for farewell in found), found)
    if maximum <= 2 << 20:
        publisher, watcher = t.join(), t.join()
        watcher.subscribe((topic, 0))
        payload = b"x" * (maximum - len(wire.publish(5, topic, b"x" * maximum, 0)) + maximum)
        with t.holds("MQTT-3.2.2-15", "just the maximum"):
            publisher.publish(topic, payload, 0)
            assert len(watcher.message(20).payload) == len(payload)
