"""Shared subscriptions (4.8.2 of 5.0)."""
from harness import Closed, case, wire


def share(t, filter):
    return f"$share/g-{t.prefix.replace('/', '-')}/{filter}"


def members(t, count, qos=2, topic=None, **options):
    """`count` clients that share a subscription, a publisher, and the topic."""
    topic = topic or t.topic("a")
    peers = [t.join(**options) for _ in range(count)]
    for peer in peers:
        assert peer.subscribe((share(t, topic), qos)).reasons == [qos]
    return peers, t.join(), topic


def one_that_got(t, peers, publisher):
    """Which of `peers` has a message, and that, unacknowledged; all others have none."""
    found = [(peer, message) for peer in peers for message in t.before_marker(publisher, peer, acknowledge=False)]
    assert len(found) == 1, f"{len(found)} clients got it"
    return found[0]


@case(5)
def a_shared_subscription_serves_one_client_a_message(t):
    peers, publisher, topic = members(t, 3)
    alone = t.join()
    alone.subscribe(topic)
    for n in range(30):
        publisher.publish(topic, str(n), n % 3)
    with t.holds("MQTT-4.8.2-1 MQTT-4.8.2-2"):
        found = sorted(int(message.payload) for peer in peers for message in t.before_marker(publisher, peer, 2))
        assert found == list(range(30)), found
        assert len(t.before_marker(publisher, alone, 2)) == 30, "a plain subscription gets all"


@case(5)
def groups_and_filters_are_what_the_standard_says(t):
    """$share/NAME/FILTER: names are compared as they are, filters may have wildcards."""
    first, second, publisher = t.join(), t.join(), t.join()
    group = t.prefix.replace("/", "-")
    with t.holds("MQTT-4.8.2-1 MQTT-4.8.2-2"):
        assert first.subscribe((f"$share/{group}/{t.topic('+', 'b')}", 1)).reasons == [1]
        assert second.subscribe((f"$share/{group}x/{t.topic('#')}", 1)).reasons == [1]
        publisher.publish(t.topic("a", "b"), "x")
        for peer in (first, second):
            assert [message.topic for message in t.before_marker(publisher, peer)] == [t.topic("a", "b")]
        assert first.unsubscribe(f"$share/{group}/{t.topic('+', 'b')}").reasons == [0]
        publisher.publish(t.topic("a", "b"), "y")
        t.reaches_nobody(publisher, first)
        assert len(t.before_marker(publisher, second)) == 1
    leading = t.join()
    with t.holds("MQTT-4.8.2-2", "a filter that begins with /"):
        leading.subscribe((f"$share/{group}//{t.topic('a')}", 1))
        publisher.publish("/" + t.topic("a"), "slash")
        assert [message.topic for message in t.before_marker(publisher, leading)] == ["/" + t.topic("a")]


@case(5)
def a_shared_subscription_without_name_or_filter_is_refused(t):
    for id, filters in (("MQTT-4.8.2-1", ("$share//a", "$share", "$share/")),
                        ("MQTT-4.8.2-2", ("$share/g", "$share/g/", "$share/g+/a", "$share/+/a", "$share/#/a",
                                          "$share/g#/a", "$share/#"))):
        for filter in filters:
            with t.holds(id, filter):
                peer = t.join()
                peer.send(wire.subscribe(5, 5, [(filter, 0)]))
                try:
                    reasons = peer.take(wire.SUBACK).reasons
                except Closed:
                    continue
                assert reasons[0] >= 0x80, f"granted: {reasons}"


@case(5)
def No_Local_on_a_shared_subscription_ends_the_connection(t):
    raw = wire.subscribe(5, 5, [(share(t, t.topic("a")), 1 | 4)])
    for farewell in t.ends("MQTT-3.8.3-4", "", raw):
        t.equal("MQTT-3.8.3-4", farewell.reason, 0x82)


@case(5)
def the_granted_QoS_is_that_of_the_client_it_goes_to(t):
    topic, publisher, low, high = t.topic("a"), t.join(), t.join(), t.join()
    low.subscribe((share(t, topic), 0))
    high.subscribe((share(t, topic), 2))
    for n in range(40):
        publisher.publish(topic, str(n), 1 + n % 2)
    with t.holds("MQTT-4.8.2-3"):
        got_low, got_high = t.before_marker(publisher, low, 2), t.before_marker(publisher, high, 2)
        assert len(got_low) + len(got_high) == 40 and got_low and got_high, (len(got_low), len(got_high))
        assert {message.qos for message in got_low} == {0}
        assert all(message.qos == 1 + int(message.payload) % 2 for message in got_high)


@case(5)
def a_delivery_at_QoS_2_is_completed_by_the_client_it_began_with(t):
    for stage in ("PUBLISH", "PUBREL"):
        peers, publisher, topic = members(t, 2, topic=t.topic(stage), keep=60)
        publisher.publish(topic, "x", 2)
        chosen, message = one_that_got(t, peers, publisher)
        other = peers[1 - peers.index(chosen)]
        if stage == "PUBREL":
            chosen.send(wire.acknowledge(wire.PUBREC, message.packet_id))
            chosen.take(wire.PUBREL)
        chosen.drop()
        with t.holds("MQTT-4.8.2-4", f"broken after {stage}"):
            again = t.back(chosen)
            found = again.take(getattr(wire, stage), message.packet_id)
            if stage == "PUBLISH":
                assert found.payload == b"x" and found.dup
                again.acknowledge(found)
            again.stays()
            other.stays()


@case(5)
def a_message_at_QoS_2_is_not_given_to_another_when_the_session_ends(t):
    peers, publisher, topic = members(t, 2)
    publisher.publish(topic, "x", 2)
    chosen, _ = one_that_got(t, peers, publisher)
    other = peers[1 - peers.index(chosen)]
    chosen.drop()
    with t.holds("MQTT-4.8.2-5"):
        t.join(chosen.client_id)  # its session ended before this one began
        t.reaches_nobody(publisher, other)


@case(5, slow=True)
def a_message_at_QoS_2_is_not_given_to_another_when_the_session_expires(t):
    peers, publisher, topic = members(t, 2, keep=1)
    publisher.publish(topic, "x", 2)
    chosen, _ = one_that_got(t, peers, publisher)
    other = peers[1 - peers.index(chosen)]
    chosen.drop()
    t.wait(2.5)
    with t.holds("MQTT-4.8.2-5"):
        t.reaches_nobody(publisher, other)


@case(5)
def a_refused_message_goes_to_nobody_else(t):
    for qos, kind in ((1, wire.PUBACK), (2, wire.PUBREC)):
        peers, publisher, topic = members(t, 3, topic=t.topic(qos))
        publisher.publish(topic, "x", qos)
        chosen, message = one_that_got(t, peers, publisher)
        with t.holds("MQTT-4.8.2-6", f"QoS {qos}"):
            chosen.send(wire.acknowledge(kind, message.packet_id, 0x83))
            for peer in peers:
                peer.stays()
                t.reaches_nobody(publisher, peer)


@case(5)
def retained_messages_are_not_for_shared_subscriptions(t):
    """4.8.2: a shared subscription has no retained messages sent when it is made."""
    publisher, topic = t.join(), t.topic("a")
    publisher.publish(topic, "kept", retain=True)
    peers, publisher, _ = members(t, 1, topic=topic)
    t.reaches_nobody(publisher, peers[0])
