"""SUBSCRIBE, UNSUBSCRIBE and their answers (3.8 to 3.11)."""
from harness import case, wire

NO_LOCAL, AS_PUBLISHED = 4, 8


@case(4, 5)
def SUBSCRIBE_is_answered_by_SUBACK(t):
    peer = t.join()
    for number in (1, 0x1234, 65535):
        peer.send(wire.subscribe(t.v, number, [(t.topic("a"), 1)]))
        with t.holds("MQTT-3.8.4-1"):
            answer = peer.take(wire.SUBACK)
        t.equal("MQTT-3.8.4-2 MQTT-2.2.1-6@5 MQTT-2.3.1-7@4", answer.packet_id, number)


@case(4, 5)
def SUBACK_has_a_reason_for_each_filter_in_their_order(t):
    peer = t.join()
    reasons = peer.subscribe((t.topic("a"), 2), (t.topic("b"), 0), (t.topic("c"), 1), (t.topic("d", "#"), 1)).reasons
    t.equal("MQTT-3.8.4-6@5 MQTT-3.8.4-5@4", len(reasons), 4)
    t.equal("MQTT-3.9.3-1 MQTT-3.8.4-7@5 MQTT-3.8.4-5@4", reasons, [2, 0, 1, 1])
    t.check("MQTT-3.9.3-2", set(reasons) <= {0, 1, 2}, reasons)


@case(5)
def a_subscription_that_fails_has_its_place_among_the_reasons(t):
    peer = t.join()
    suback = peer.subscribe((t.topic("a"), 1), (t.broker.refused, 1), (t.topic("b"), 2))
    t.equal("MQTT-3.9.3-1 MQTT-3.8.4-7", suback.reasons, [1, 0x87, 2])


@case(4)
def a_subscription_that_fails_has_its_place_among_the_return_codes(t):
    peer = t.join()
    suback = peer.subscribe((t.topic("a"), 1), (t.broker.refused, 1), (t.topic("b"), 2))
    t.equal("MQTT-3.9.3-1 MQTT-3.8.4-5 MQTT-3.9.3-2", suback.reasons, [1, 0x80, 2])


@case(4, 5)
def SUBSCRIBE_without_a_filter_ends_the_connection(t):
    none = b"" if t.v == 4 else b"\x00"
    ids = "MQTT-3.8.3-2@5 MQTT-3.8.3-3@4"
    t.ends(ids, "no filter", wire.packet(wire.SUBSCRIBE, b"\x00\x05" + none, 2))
    t.ends(ids, "a filter without options",
           wire.packet(wire.SUBSCRIBE, b"\x00\x05" + none + wire.binary(t.topic("a")), 2))
    t.ends("MQTT-3.10.3-2", "no filter", wire.packet(wire.UNSUBSCRIBE, b"\x00\x05" + none, 2))
    t.ends("MQTT-4.7.3-1", "an empty filter", wire.subscribe(t.v, 5, [("", 0)]))
    t.ends("MQTT-4.7.3-1", "an empty filter, UNSUBSCRIBE", wire.unsubscribe(t.v, 5, [""]))


@case(4, 5)
def reserved_bits_of_the_options_end_the_connection(t):
    ids = "MQTT-3.8.3-5@5 MQTT-3.8.3-4@4"
    wrong = (0x40, 0x80, 0xC0, 0x41) if t.v == 5 else (4, 8, 16, 32, 64, 128, 5)
    for options in (3, *wrong):
        t.ends(ids, f"options {options:08b}", wire.subscribe(t.v, 5, [(t.topic("a"), options)]))
        t.ends(ids, f"the second has {options:08b}",
               wire.subscribe(t.v, 5, [(t.topic("a"), 0), (t.topic("b"), options)]))
    if t.v == 5:
        t.ends("MQTT-4.13.1-1", "retain handling 3", wire.subscribe(5, 5, [(t.topic("a"), 0x30)]))


@case(4, 5)
def the_QoS_of_a_delivery_is_the_lower_one(t):
    publisher = t.join()
    for granted in (0, 1, 2):
        subscriber = t.join()
        t.equal("MQTT-3.8.4-7@5", subscriber.subscribe((t.topic(granted), granted)).reasons, [granted])
        for qos in (0, 1, 2):
            publisher.publish(t.topic(granted), "x", qos)
            t.equal("MQTT-3.8.4-8@5 MQTT-3.8.4-6@4", subscriber.message().qos, min(granted, qos),
                    f"QoS {qos} to a subscription of {granted}")


@case(4, 5)
def the_same_filter_replaces_the_subscription(t):
    publisher, subscriber = t.join(), t.join()
    for filter in (t.topic("a", "b"), t.topic("a", "+")):
        for qos in (2, 0, 1):
            subscriber.subscribe((filter, qos))
            publisher.publish(t.topic("a", "b"), "x", 2)
            with t.holds("MQTT-3.8.4-3", f"{filter} QoS {qos}"):
                found = t.before_marker(publisher, subscriber, 2)
                assert [message.qos for message in found] == [qos], [message.qos for message in found]
        subscriber.unsubscribe(filter)
        with t.holds("MQTT-3.8.4-3", "nothing is left of what was replaced"):
            publisher.publish(t.topic("a", "b"), "x", 2)
            t.reaches_nobody(publisher, subscriber)


@case(5)
def the_same_filter_replaces_options_and_identifier(t):
    subscriber, topic = t.join(), t.topic("a")
    subscriber.subscribe((topic, 1 | NO_LOCAL), props={"subscription_identifier": 7})
    subscriber.subscribe((topic, 1))
    subscriber.publish(topic, "x")
    with t.holds("MQTT-3.8.4-3"):
        found = t.before_marker(subscriber, subscriber)
        assert [message.props for message in found] == [{}], [message.props for message in found]


@case(4, 5)
def a_replaced_subscription_brings_retained_messages_and_loses_none(t):
    ids = "MQTT-3.8.4-4@5 MQTT-3.8.4-3@4"
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    publisher.publish(topic, "retained", retain=True)
    for qos in (1, 2, 1):
        subscriber.subscribe((topic, qos))
        with t.holds(ids, "retained again"):
            message = subscriber.message()
            assert (message.payload, message.retain) == (b"retained", True), vars(message)
    publisher.publish(topic, "", retain=True)
    subscriber.message()
    numbers = [publisher.number() for _ in range(15)]
    for n, number in enumerate(numbers):
        publisher.send(wire.publish(t.v, topic, str(n), 1, number))
        subscriber.send(wire.subscribe(t.v, 100 + n, [(topic, 1 + n % 2)]))
    with t.holds(ids, "no message is lost"):
        assert [int(message.payload) for message in subscriber.messages(15)] == list(range(15))


@case(4, 5)
def several_filters_are_like_several_packets(t):
    several, single, publisher = t.join(), t.join(), t.join()
    pairs = [(t.topic("a"), 0), (t.topic("b", "#"), 1), (t.topic("a"), 2), (t.topic("c"), 1)]
    publisher.publish(t.topic("b", "x"), "retained", retain=True)
    with t.holds("MQTT-3.8.4-5@5 MQTT-3.8.4-4@4"):
        combined = several.subscribe(*pairs)
        assert combined.reasons == [reason for pair in pairs for reason in single.subscribe(pair).reasons]
        for name in ("a", "b/y", "c", "d"):
            publisher.publish(t.topic(name), name, 2)
        found = [[(message.topic, message.payload, message.qos, message.retain)
                  for message in t.before_marker(publisher, peer, 2)] for peer in (several, single)]
        assert sorted(found[0]) == sorted(found[1]) and len(found[0]) == 4, found
        assert not several.rest()  # a single SUBACK


@case(4, 5)
def overlapping_subscriptions_give_the_highest_QoS(t):
    ids = "MQTT-3.3.4-2@5 MQTT-3.3.5-1@4"
    publisher = t.join()
    for first, second in ((0, 2), (2, 0), (1, 0), (1, 2)):
        subscriber = t.join()
        subscriber.subscribe((t.topic("a", "#"), first), (t.topic("a", "+"), second))
        publisher.publish(t.topic("a", "b"), "x", 2)
        found = t.before_marker(publisher, subscriber, 2)
        t.equal(ids, max([message.qos for message in found], default=None), max(first, second), f"{first}, {second}")
        t.check(ids, len(found) in (1, 2), f"{len(found)} copies")


@case(5)
def overlapping_subscriptions_tell_their_identifiers(t):
    publisher, subscriber = t.join(), t.join()
    for name, identifier in (("a/#", 1), ("a/+", 268435455), ("a/b", 300), ("+/b", None)):
        props = {"subscription_identifier": identifier} if identifier else None
        subscriber.subscribe((t.topic(name), 1), props=props)
    publisher.publish(t.topic("a", "b"), "x")
    found = t.before_marker(publisher, subscriber)
    identifiers = [message.props.get("subscription_identifiers", []) for message in found]
    t.equal("MQTT-3.3.4-3", sorted(sum(identifiers, [])), [1, 300, 268435455])
    if len(found) == 1:
        t.equal("MQTT-3.3.4-4", sorted(identifiers[0]), [1, 300, 268435455])
    else:
        t.equal("MQTT-3.3.4-5", sorted(identifiers), [[], [1], [300], [268435455]])
    publisher.publish(t.topic("a", "c"), "x")
    found = t.before_marker(publisher, subscriber)
    t.equal("MQTT-3.3.4-3", sorted(sum((message.props["subscription_identifiers"] for message in found), [])),
            [1, 268435455], "of those that match only")


@case(5)
def subscription_identifiers_end_where_they_should(t):
    topic = t.topic("a")
    t.ends("MQTT-3.3.4-6", "in PUBLISH", wire.publish(5, topic, b"", 1, 1, props={"subscription_identifier": 5}))
    t.ends("MQTT-4.13.1-1", "0", wire.subscribe(5, 5, [(topic, 0)], props={"subscription_identifier": 0}))
    t.ends("MQTT-4.13.1-1", "twice", wire.subscribe(5, 5, [(topic, 0)], props=b"\x0b\x01\x0b\x02"))


@case(5)
def No_Local_keeps_a_client_from_its_own_messages(t):
    peer, other = t.join(), t.join()
    peer.subscribe((t.topic("a"), 1 | NO_LOCAL), (t.topic("b"), 1))
    with t.holds("MQTT-3.8.3-3"):
        for qos in (0, 1, 2):
            peer.publish(t.topic("a"), "own", qos)
            other.publish(t.topic("a"), "other", qos)
        peer.publish(t.topic("b"), "own")
        found = [message.payload for message in t.before_marker(peer, peer)]
        assert sorted(found) == [b"other"] * 3 + [b"own"], found


@case(5)
def No_Local_holds_over_connections(t):
    """It is the client identifier that counts."""
    peer, topic = t.join(keep=60), t.topic("a")
    peer.subscribe((topic, 1 | NO_LOCAL))
    peer.disconnect()
    peer = t.back(peer)
    with t.holds("MQTT-3.8.3-3"):
        peer.publish(topic, "own")
        t.reaches_nobody(peer, peer)


@case(4, 5)
def UNSUBSCRIBE_is_answered_by_UNSUBACK(t):
    peer = t.join()
    peer.subscribe(t.topic("a"))
    for number, name in ((1, "a"), (0x1234, "a"), (65535, "never")):
        peer.send(wire.unsubscribe(t.v, number, [t.topic(name)]))
        with t.holds("MQTT-3.10.4-4 MQTT-3.10.4-5", f"{name}"):
            answer = peer.take(wire.UNSUBACK)
        t.equal("MQTT-3.10.4-5@5 MQTT-3.10.4-4@4 MQTT-2.2.1-6@5 MQTT-2.3.1-7@4", answer.packet_id, number)
        if t.v == 5:
            t.check("MQTT-3.11.3-2", set(answer.reasons) <= {0, 0x11}, answer.reasons)


@case(5)
def UNSUBACK_has_its_reasons_in_the_order_of_the_filters(t):
    peer = t.join()
    peer.subscribe(t.topic("a"), t.topic("c"))
    t.equal("MQTT-3.11.3-1 MQTT-3.11.3-2", peer.unsubscribe(*(t.topic(name) for name in "abcd")).reasons,
            [0, 0x11, 0, 0x11])


@case(4, 5)
def UNSUBSCRIBE_compares_filters_as_they_are(t):
    publisher, subscriber = t.join(), t.join()
    filters = [t.topic(name) for name in ("a/+", "a/#", "a/b")]
    near = [t.topic(name) for name in ("a", "+/b", "A/b", "a/b/", "#", "a/c", "+/+")]
    for filter in filters:
        subscriber.subscribe((filter, 1))
        with t.holds("MQTT-3.10.4-1", f"{filter} stays"):
            subscriber.unsubscribe(*near, *(other for other in filters if other != filter))
            publisher.publish(t.topic("a", "b"), "still")
            assert [message.payload for message in t.before_marker(publisher, subscriber)] == [b"still"]
        with t.holds("MQTT-3.10.4-1 MQTT-3.10.4-2", f"{filter} goes"):
            subscriber.unsubscribe(filter)
            publisher.publish(t.topic("a", "b"), "no more")
            t.reaches_nobody(publisher, subscriber)


@case(4, 5)
def UNSUBSCRIBE_takes_several_filters(t):
    publisher, subscriber = t.join(), t.join()
    subscriber.subscribe(*(t.topic(name) for name in "abcd"))
    with t.holds("MQTT-3.10.4-6"):
        subscriber.send(wire.unsubscribe(t.v, 9, [t.topic("a"), t.topic("x"), t.topic("c")]))
        assert subscriber.take(wire.UNSUBACK).packet_id == 9
        subscriber.stays()
        for name in "abcd":
            publisher.publish(t.topic(name), name)
        assert [message.payload for message in t.before_marker(publisher, subscriber)] == [b"b", b"d"]


@case(4, 5)
def UNSUBSCRIBE_lets_deliveries_come_to_their_end(t):
    for qos in (1, 2):
        publisher, subscriber, topic = t.join(), t.join(keep=60), t.topic(qos)
        subscriber.subscribe(topic)
        publisher.publish(topic, "begun", qos)
        first = subscriber.take(wire.PUBLISH)
        subscriber.unsubscribe(topic)
        subscriber.drop()
        subscriber = t.back(subscriber)
        with t.holds("MQTT-3.10.4-3", f"QoS {qos}"):
            again = subscriber.take(wire.PUBLISH)
            assert (again.packet_id, again.payload, again.dup) == (first.packet_id, b"begun", True)
            subscriber.acknowledge(again)  # with the whole of QoS 2
            subscriber.stays()


@case(5)
def answers_without_reason_strings_for_who_asked_not_to_be_told(t):
    """What a peer receives is held to its request problem information; here are all packets that could explain."""
    peer = t.join(props={"request_problem_information": 0})
    topic = t.topic("a")
    with t.holds("MQTT-3.1.2-29"):
        peer.subscribe(topic, t.broker.refused)
        peer.unsubscribe(t.topic("never"))
        peer.send(wire.publish(5, t.broker.refused, b"", 1, 5), wire.publish(5, t.broker.refused, b"", 2, 6))
        assert peer.take(wire.PUBACK, 5).reason >= 0x80 and peer.take(wire.PUBREC, 6).reason >= 0x80
        peer.send(wire.acknowledge(wire.PUBREL, 7), wire.acknowledge(wire.PUBREC, 8))
        peer.take(wire.PUBCOMP, 7)
        peer.take(wire.PUBREL, 8)
        peer.publish(topic, "x", props={"user_property": [("k", "v")]})
        assert peer.message().props["user_property"] == [("k", "v")]
