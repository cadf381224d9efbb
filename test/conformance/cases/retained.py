"""Retained messages (3.3.1.3) and the subscription options that concern them (3.8.3.1 of 5.0)."""
from harness import case, wire

ONLY_IF_NEW, NEVER, AS_PUBLISHED = 0x10, 0x20, 8


def retained(t, topic, options=2, peer=None):
    """What a new subscription for `topic` is sent, as (topic, payload, qos, retain)."""
    peer = peer or t.join()
    peer.subscribe((topic, options))
    return [(message.topic, message.payload, message.qos, message.retain)
            for message in t.before_marker(t.join(), peer)]


@case(4, 5)
def a_retained_message_is_stored_with_its_QoS(t):
    publisher = t.join()
    for qos in (0, 1, 2):
        topic = t.topic(qos)
        publisher.publish(topic, f"kept {qos}", qos, retain=True)
        if qos == 0:
            publisher.rest()
        t.equal("MQTT-3.3.1-5 MQTT-3.3.1-6@4 MQTT-3.3.1-8@4 MQTT-3.3.1-9@5", retained(t, topic),
                [(topic, f"kept {qos}".encode(), qos, True)], f"QoS {qos}")


@case(4, 5)
def a_later_retained_message_takes_the_place_of_the_earlier(t):
    publisher, topic = t.join(), t.topic("a")
    for n, qos in enumerate((1, 0, 2, 0, 1)):
        publisher.publish(topic, str(n), qos, retain=True)
        publisher.rest()
        ids = "MQTT-3.3.1-5 MQTT-3.3.1-6@4" + (" MQTT-3.3.1-7@4" if qos == 0 else "")
        t.equal(ids, retained(t, topic), [(topic, str(n).encode(), qos, True)])


@case(4, 5)
def a_new_subscription_gets_what_is_retained_on_each_matching_topic(t):
    publisher = t.join()
    for name in ("a", "a/b", "a/b/c", "x"):
        publisher.publish(t.topic(name), name, 1, retain=True)
    ids = "MQTT-3.3.1-6@4 MQTT-3.3.1-9@5"
    for filter, expected in (("a/#", ["a", "a/b", "a/b/c"]), ("+", ["a", "x"]), ("a/+/c", ["a/b/c"]),
                             ("#", ["a", "a/b", "a/b/c", "x"]), ("a/b", ["a/b"]), ("b", [])):
        found = retained(t, t.topic(filter))
        t.equal(ids, sorted(payload.decode() for _, payload, _, _ in found), expected, filter)
        t.check("MQTT-3.3.1-8@4", all(retain for *_, retain in found), filter)


@case(4, 5)
def a_message_for_an_established_subscription_has_RETAIN_0(t):
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe((topic, 2))
    for qos in (0, 1, 2):
        for flag in (True, False):
            publisher.publish(topic, "x", qos, retain=flag)
            t.equal("MQTT-3.3.1-9@4 MQTT-3.3.1-12@5", subscriber.message().retain, False, f"QoS {qos}, RETAIN {flag}")


@case(4, 5)
def what_is_published_behind_SUBSCRIBE_comes_once_and_as_a_message(t):
    """It was not retained when the subscription was made."""
    for keep in (60, None):
        peer, topic = t.join(keep=keep), t.topic(keep)
        for n in range(5):
            peer.send(wire.subscribe(t.v, 10 + n, [(f"{topic}/{n}", 2)]),
                      wire.publish(t.v, f"{topic}/{n}", b"x", 1, 20 + n, retain=True))
        found = [(message.topic[-1], message.retain) for message in t.before_marker(peer, peer, 2)]
        t.equal("MQTT-3.3.1-9@4 MQTT-3.3.1-12@5", found, [(str(n), False) for n in range(5)], f"session kept {keep}")


@case(4, 5)
def an_empty_retained_message_removes_the_one_there_is(t):
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe((topic, 2))
    ids = "MQTT-3.3.1-10@4 MQTT-3.3.1-6@5"
    for qos in (0, 1, 2):
        publisher.publish(topic, "kept", 1, retain=True)
        publisher.publish(topic, "", qos, retain=True)
        found = [(message.payload, message.retain) for message in t.before_marker(publisher, subscriber)]
        t.equal(ids, found, [(b"kept", False), (b"", False)], "what the subscriber sees")
        t.equal(ids, retained(t, topic), [], f"removed at QoS {qos}")
    publisher.publish(topic, "", 1, retain=True)
    t.equal("MQTT-3.3.1-11@4 MQTT-3.3.1-7@5", retained(t, topic), [], "nothing was there")


@case(5)
def an_empty_retained_message_is_not_stored_whatever_its_properties(t):
    publisher, topic = t.join(), t.topic("a")
    publisher.publish(topic, "", 1, retain=True, props={"user_property": [("k", "v")], "content_type": "text"})
    t.equal("MQTT-3.3.1-7", retained(t, topic), [])


@case(4, 5)
def a_message_without_RETAIN_changes_nothing_that_is_retained(t):
    publisher, topic = t.join(), t.topic("a")
    ids = "MQTT-3.3.1-12@4 MQTT-3.3.1-8@5"
    publisher.publish(topic, "passing", 1)
    t.equal(ids, retained(t, topic), [], "it is not stored")
    publisher.publish(topic, "kept", 1, retain=True)
    for payload in ("passing", ""):
        for qos in (0, 1, 2):
            publisher.publish(topic, payload, qos)
            publisher.rest()
            t.equal(ids, retained(t, topic), [(topic, b"kept", 1, True)], f"QoS {qos}, {payload!r}")


@case(5)
def retain_handling_0_sends_what_is_retained(t):
    publisher, peer, topic = t.join(), t.join(), t.topic("a")
    publisher.publish(topic, "kept", 1, retain=True)
    for detail in ("new", "again"):
        t.equal("MQTT-3.3.1-9", retained(t, topic, 2, peer), [(topic, b"kept", 1, True)], detail)


@case(5)
def retain_handling_1_sends_it_for_a_new_subscription_only(t):
    publisher, peer, topic = t.join(), t.join(), t.topic("a")
    publisher.publish(topic, "kept", 1, retain=True)
    t.equal("MQTT-3.3.1-10", retained(t, topic, 2 | ONLY_IF_NEW, peer), [(topic, b"kept", 1, True)], "new")
    for options in (2 | ONLY_IF_NEW, 0 | ONLY_IF_NEW, 1 | ONLY_IF_NEW | AS_PUBLISHED):
        t.equal("MQTT-3.3.1-10", retained(t, topic, options, peer), [], "there already")
    peer.unsubscribe(topic)
    t.equal("MQTT-3.3.1-10", retained(t, topic, 2 | ONLY_IF_NEW, peer), [(topic, b"kept", 1, True)], "new once more")


@case(5)
def retain_handling_1_knows_the_subscriptions_of_a_session(t):
    publisher, peer, topic = t.join(), t.join(keep=60), t.topic("a")
    publisher.publish(topic, "kept", 1, retain=True)
    retained(t, topic, 2 | NEVER, peer)
    peer.disconnect()
    t.equal("MQTT-3.3.1-10", retained(t, topic, 2 | ONLY_IF_NEW, t.back(peer)), [])


@case(5)
def retain_handling_2_sends_nothing(t):
    publisher, peer, topic = t.join(), t.join(), t.topic("a")
    publisher.publish(topic, "kept", 1, retain=True)
    for detail in ("new", "again"):
        t.equal("MQTT-3.3.1-11", retained(t, topic, 2 | NEVER, peer), [], detail)
    publisher.publish(topic, "live", 1, retain=True)
    t.equal("MQTT-3.3.1-12", [message.retain for message in peer.messages(1)], [False], "and what comes after is live")


@case(5)
def retain_as_published_keeps_the_flag(t):
    publisher, peer, topic = t.join(), t.join(), t.topic("a")
    peer.subscribe((topic, 2 | AS_PUBLISHED))
    for qos in (0, 1, 2):
        for flag in (True, False):
            publisher.publish(topic, "x", qos, retain=flag)
            t.equal("MQTT-3.3.1-13", peer.message().retain, flag, f"QoS {qos}")
    peer.subscribe((topic, 2 | NEVER))
    publisher.publish(topic, "x", 1, retain=True)
    t.equal("MQTT-3.3.1-12", peer.message().retain, False, "after a change of the option")


@case(5)
def retain_as_published_holds_for_messages_that_waited(t):
    peer, topic = t.join(keep=60), t.topic("a")
    peer.subscribe((topic, 2 | AS_PUBLISHED))
    peer.disconnect()
    publisher = t.join()
    for flag in (True, False):
        publisher.publish(topic, "x", 1, retain=flag)
    peer = t.back(peer)
    t.equal("MQTT-3.3.1-13", [message.retain for message in peer.messages(2)], [True, False])
