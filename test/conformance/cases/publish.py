"""PUBLISH: its flags, its topic, and how it is answered (3.3)."""
from harness import Closed, NotHere, case, wire


@case(4, 5)
def PUBLISH_is_answered_as_its_QoS_demands(t):
    peer, topic = t.join(), t.topic("a")
    with t.holds("MQTT-3.3.4-1"):
        peer.send(wire.publish(t.v, topic, b"0", 0))
        peer.stays()
        peer.send(wire.publish(t.v, topic, b"1", 1, 7))
        assert peer.next().type == wire.PUBACK
        peer.stays()
        peer.send(wire.publish(t.v, topic, b"2", 2, 8))
        assert peer.next().type == wire.PUBREC
        peer.stays()


@case(4, 5)
def answers_carry_the_identifier_of_the_PUBLISH(t):
    ids = "MQTT-2.2.1-5@5 MQTT-2.3.1-6@4"
    peer, topic = t.join(), t.topic("a")
    for number in (1, 0x0100, 0xABCD, 65535):
        peer.send(wire.publish(t.v, topic, b"1", 1, number))
        t.equal(ids, peer.take(wire.PUBACK).packet_id, number, "PUBACK")
        peer.send(wire.publish(t.v, topic, b"2", 2, number))
        t.equal(ids, peer.take(wire.PUBREC).packet_id, number, "PUBREC")
        peer.send(wire.acknowledge(wire.PUBREL, number))
        t.equal(ids, peer.take(wire.PUBCOMP).packet_id, number, "PUBCOMP")
    peer.subscribe(topic)
    numbers = [peer.number() for _ in range(3)]
    peer.send(*(wire.publish(t.v, topic, b"2", 2, number) for number in numbers),
              *(wire.acknowledge(wire.PUBREL, number) for number in numbers))
    received = [peer.take(wire.PUBLISH) for _ in numbers]
    for message in reversed(received):
        peer.send(wire.acknowledge(wire.PUBREC, message.packet_id))
        t.equal(ids, peer.take(wire.PUBREL).packet_id, message.packet_id, "PUBREL")


@case(4, 5)
def QoS_3_ends_the_connection(t):
    for flags in (6, 7, 14):
        raw = wire.packet(wire.PUBLISH, wire.binary(t.topic("a")) + b"\x00\x01" + b"\x00" * (t.v == 5), flags)
        t.ends("MQTT-3.3.1-4", f"flags {flags:04b}", raw)


@case(4, 5)
def DUP_at_QoS_0_ends_the_connection(t):
    t.ends("MQTT-3.3.1-2", "", wire.publish(t.v, t.topic("a"), b"", 0, dup=True))


@case(4, 5)
def DUP_is_not_passed_on(t):
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe(topic)
    for qos in (1, 2):
        publisher.publish(topic, "x", qos, dup=True)
        message = subscriber.message()
        t.equal("MQTT-3.3.1-3", (message.qos, message.dup), (qos, False))
    subscriber.subscribe((topic, 0))
    for qos, dup in ((0, False), (1, True), (2, True)):
        publisher.publish(topic, "x", qos, dup=dup)
        message = subscriber.message()
        t.equal("MQTT-3.3.1-2 MQTT-4.3.1-1", (message.qos, message.dup), (0, False))


@case(4, 5)
def a_message_at_QoS_0_has_no_identifier(t):
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe((topic, 0))
    for qos in (0, 1, 2):
        publisher.publish(topic, b"\x00\x01payload", qos)
        expected = wire.binary(topic) + b"\x00" * (t.v == 5) + b"\x00\x01payload"
        t.equal("MQTT-2.2.1-2@5 MQTT-2.3.1-5@4", subscriber.message().body, expected)


@case(4, 5)
def the_identifier_0_ends_the_connection(t):
    ids = "MQTT-2.2.1-3@5 MQTT-2.3.1-1@4"
    t.ends(ids, "PUBLISH QoS 1", wire.publish(t.v, t.topic("a"), b"", 1, 0))
    t.ends(ids, "PUBLISH QoS 2", wire.publish(t.v, t.topic("a"), b"", 2, 0))
    t.ends(ids, "SUBSCRIBE", wire.subscribe(t.v, 0, [("a", 0)]))
    t.ends(ids, "UNSUBSCRIBE", wire.unsubscribe(t.v, 0, ["a"]))


@case(4, 5)
def identifiers_of_the_server_are_unused(t):
    ids = "MQTT-2.2.1-4@5 MQTT-4.3.2-1 MQTT-4.3.3-1 MQTT-2.3.1-4@4"
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe(topic)
    open_ones = {}
    for n in range(80):
        publisher.publish(topic, str(n), 1 + n % 2)
        message = subscriber.take(wire.PUBLISH)
        t.check(ids, message.packet_id and message.packet_id not in open_ones, f"{message.packet_id} is in use")
        open_ones[message.packet_id] = message
        if len(open_ones) > 8:  # one of them, not always the oldest
            subscriber.acknowledge(open_ones.pop(list(open_ones)[n % 7]))


@case(4, 5)
def wildcards_in_a_topic_name_end_the_connection(t):
    for name in ("#", "+", t.topic("#"), t.topic("+", "b"), t.topic("a+"), t.topic("a#b")):
        t.ends("MQTT-3.3.2-2 MQTT-4.7.0-1@5 MQTT-4.7.1-1@4", name, wire.publish(t.v, name, b"", 1, 1))


@case(4, 5)
def an_empty_topic_name_ends_the_connection(t):
    t.ends("MQTT-4.7.3-1 MQTT-3.3.2-1", "", wire.publish(t.v, "", b"x", 1, 1))
    t.ends("MQTT-3.3.2-1", "no topic name", wire.packet(wire.PUBLISH, b""))
    t.ends("MQTT-3.3.2-1", "a length beyond the packet", wire.packet(wire.PUBLISH, b"\x00\x09abc"))


@case(4, 5)
def messages_match_the_filter_they_come_for(t):
    publisher, subscriber = t.join(), t.join()
    subscriber.subscribe(t.topic("a", "+", "c"), t.topic("d", "#"), t.topic("e"))
    good = [t.topic(*levels.split("/")) for levels in ("a/b/c", "a//c", "d", "d/e", "d/e/f", "e", "d/")]
    wrong = [t.topic(*levels.split("/")) for levels in ("a/b", "a/b/c/d", "a/c", "dd", "e/f", "E", "", "x/a/b/c")]
    with t.holds("MQTT-3.3.2-3"):
        for name in [name for pair in zip(good, wrong) for name in pair] + wrong[-1:]:
            publisher.publish(name, name)
        found = t.before_marker(publisher, subscriber)
        assert [message.topic for message in found] == good, [message.topic for message in found]
        assert [message.payload.decode() for message in found] == good


@case(4, 5)
def a_PUBLISH_that_is_not_allowed_reaches_nobody(t):
    publisher, subscriber = t.join(), t.join()
    subscriber.subscribe(t.broker.refused)
    ids = "MQTT-3.3.5-2@4 MQTT-3.4.2-1@5 MQTT-3.5.2-1@5"
    for qos in (1, 2):
        with t.holds(ids, f"QoS {qos}"):
            answer = wire.PUBACK if qos == 1 else wire.PUBREC
            publisher.send(wire.publish(t.v, t.broker.refused, t.prefix, qos, 5))
            if t.v == 5:
                assert publisher.take(answer, 5).reason == 0x87
                publisher.stays()
            else:
                try:
                    publisher.take(answer, 5)
                except Closed:
                    pass
                publisher = t.join()
            found = [message for message in t.before_marker(publisher, subscriber)]
            assert t.prefix.encode() not in [message.payload for message in found]


@case(4, 5)
def a_PUBLISH_is_passed_on_as_it_came(t):
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe(topic)
    for payload in (b"", b"\x00", bytes(range(256)), b"x" * 127, b"x" * 20000):
        for qos in (0, 1, 2):
            publisher.publish(topic, payload, qos)
            message = subscriber.message()
            head = wire.binary(topic) + (message.packet_id.to_bytes(2, "big") if qos else b"")
            assert message.body == head + b"\x00" * (t.v == 5) + payload
            if t.v == 5:
                t.equal("MQTT-2.2.2-1", message.body[len(head)], 0, "the length of no properties")


@case(5)
def packets_without_properties_say_so(t):
    """The length of the properties, 0, is there also where nothing follows it."""
    peer = t.join()
    connack = peer.connack
    t.check("MQTT-2.2.2-1", len(connack.body) > 2, f"CONNACK {connack.body.hex()}")
    suback = peer.subscribe(t.topic("a"), t.topic("b"))
    t.equal("MQTT-2.2.2-1", len(suback.body), 2 + len(wire.properties(suback.props)) + 2, "SUBACK")
    unsuback = peer.unsubscribe(t.topic("a"), t.topic("b"))
    t.equal("MQTT-2.2.2-1", len(unsuback.body), 2 + len(wire.properties(unsuback.props)) + 2, "UNSUBACK")
    name = wire.binary(t.id())
    no_length = wire.packet(wire.CONNECT, wire.binary("MQTT") + b"\x05\x02\x00\x3c" + name)
    t.refused(no_length, ids="MQTT-2.2.2-1", detail="CONNECT without it", packet_types=(wire.CONNACK,))


@case(4, 5)
def lengths_are_written_as_short_as_can_be(t):
    """5.0 says so of all variable byte integers (1.5.5), 3.1.1 shows it (2.2.3)."""
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe(topic)
    with t.holds("MQTT-1.5.5-1@5"):
        for size in (0, 90, 126, 127, 128, 129, 16383, 16384, 16400):
            publisher.publish(topic, b"x" * size, 0)
            assert len(subscriber.message().payload) == size  # whose length was held to it
    t.ends("MQTT-4.8.0-1@4 MQTT-4.13.1-1@5", "a length of five bytes", b"\xc0\x80\x80\x80\x80\x01")
    if t.v == 5:
        t.ends("MQTT-1.5.5-1", "PINGREQ of 3 bytes", b"\xc0\x80\x00")
        t.ends("MQTT-1.5.5-1", "PINGREQ of 4 bytes", b"\xc0\x80\x80\x00")
        t.ends("MQTT-1.5.5-1", "properties", wire.packet(wire.PUBLISH, wire.binary(topic) + b"\x80\x00"))
        t.ends("MQTT-1.5.5-1", "a subscription identifier",
               wire.subscribe(5, 1, [(topic, 0)], props=bytes([11, 0x81, 0x00])))
        many = [subscriber.subscribe((topic, 0), props={"subscription_identifier": number}) and
                publisher.publish(topic, "", 0) or subscriber.message().body for number in (127, 128, 16384)]
        for body, number in zip(many, (127, 128, 16384)):
            t.equal("MQTT-1.5.5-1", body, wire.binary(topic) + wire.properties({"subscription_identifier": number}))


@case(4, 5)
def reserved_flags_end_the_connection(t):
    ids = "MQTT-2.1.3-1@5 MQTT-2.2.2-1@4 MQTT-2.2.2-2@4"
    topic = t.topic("a")
    good = {wire.PUBACK: (wire.puback(1), ""), wire.PUBREC: (wire.acknowledge(wire.PUBREC, 1), ""),
            wire.PUBREL: (wire.acknowledge(wire.PUBREL, 1), "MQTT-3.6.1-1"),
            wire.PUBCOMP: (wire.acknowledge(wire.PUBCOMP, 1), ""),
            wire.SUBSCRIBE: (wire.subscribe(t.v, 1, [(topic, 0)]), "MQTT-3.8.1-1"),
            wire.UNSUBSCRIBE: (wire.unsubscribe(t.v, 1, [topic]), "MQTT-3.10.1-1"),
            wire.PINGREQ: (wire.pingreq(), "")}
    for kind, (raw, own) in good.items():
        for flags in range(16):
            if flags != raw[0] & 15 and flags in (0, 1, 2, 3, 4, 8, 10, 15):
                t.ends(f"{ids} {own}", f"{wire.NAMES[kind]} {flags:04b}", bytes([kind << 4 | flags]) + raw[1:])
    for kind in (0, wire.CONNACK, wire.SUBACK, wire.UNSUBACK, wire.PINGRESP):
        t.ends("MQTT-4.8.0-1@4 MQTT-4.13.1-1@5", f"type {kind}", bytes([kind << 4, 2, 0, 1]))


@case(4, 5)
def the_server_sets_reserved_flags_right(t):
    """Every packet that a peer receives is held to its flags; here are all types that a server sends."""
    ids = "MQTT-2.1.3-1@5 MQTT-2.2.2-1@4 MQTT-3.6.1-1"
    peer, topic = t.join(), t.topic("a")
    with t.holds(ids):
        peer.subscribe(topic)
        for qos in (0, 1, 2):
            peer.publish(topic, "x", qos)
            peer.message()
        peer.unsubscribe(topic)
        peer.stays()
        peer.send(wire.acknowledge(wire.PUBREL, 9999))
        peer.take(wire.PUBCOMP)


@case(4, 5)
def a_protocol_violation_ends_only_its_connection(t):
    other, topic = t.join(), t.topic("a")
    other.subscribe(topic)
    t.ends("MQTT-4.8.0-1@4 MQTT-4.13.1-1@5 MQTT-4.13.2-1@5 MQTT-3.14.4-2@5", "SUBSCRIBE without a filter",
           wire.packet(wire.SUBSCRIBE, b"\x00\x01" + b"\x00" * (t.v == 5), 2))
    other.publish(topic, "alive")
    assert other.message().payload == b"alive"


@case(4)
def a_transient_error_ends_the_connection(t):
    """A message that the server has no room for, which 3.1.1 has no words to refuse with."""
    if not t.broker.no_room:
        raise NotHere("no limit is known that a message would exceed")
    other, topic = t.join(), t.topic("a")
    other.subscribe(topic)
    for qos in (1, 2):
        t.ends("MQTT-4.8.0-2", f"QoS {qos}", wire.publish(4, topic, b"x" * t.broker.no_room, qos, 5, retain=True))
    with t.holds("MQTT-4.8.0-2", "others go on"):
        other.stays()
        other.publish(topic, "alive")
        assert other.message().payload == b"alive"


@case(5)
def errors_are_answered_by_a_reason_and_a_close(t):
    """4.13: DISCONNECT is a SHOULD there; where one comes, nothing follows it but the end of the connection."""
    topic = t.topic("a")
    for detail, raw in (
            ("a topic alias of 0", wire.publish(5, topic, b"", 0, props={"topic_alias": 0})),
            ("QoS 3", wire.packet(wire.PUBLISH, wire.binary(topic) + b"\x00\x01\x00", 6)),
            ("a second CONNECT", wire.connect(5, t.id())),
            ("a property twice", wire.publish(5, topic, b"", 0, props=b"\x01\x00\x01\x00")),
            ("an unknown property", wire.publish(5, topic, b"", 0, props=b"\x7f\x00")),
            ("a property of CONNECT", wire.publish(5, topic, b"", 0, props={"session_expiry": 1})),
            ("an unknown packet type", b"\x00\x00")):
        found = t.ends("MQTT-4.13.1-1 MQTT-4.13.2-1 MQTT-3.14.4-1 MQTT-3.14.4-2 MQTT-3.14.2-1", detail, raw)
        t.check("MQTT-3.14.2-2", all("session_expiry" not in packet.props for packet in found), detail)
