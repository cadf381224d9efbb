"""Topic names, filters and their matching (4.7)."""
from harness import Closed, case, wire

MANY, ONE = "MQTT-4.7.1-1@5 MQTT-4.7.1-2@4", "MQTT-4.7.1-2@5 MQTT-4.7.1-3@4"


def matched(t, filter, names):
    """Those of `names` whose messages reach a subscriber of `filter`."""
    publisher, subscriber = t.join(), t.join()
    assert subscriber.subscribe((t.topic(filter), 1)).reasons == [1]
    for name in names:
        publisher.publish(t.topic(name), name)
    return [message.payload.decode() for message in t.before_marker(publisher, subscriber)]


@case(4, 5)
def the_wildcard_of_many_levels(t):
    names = ["", "sport", "sport/", "sport/tennis", "sport/tennis/player", "sports", "Sport", "other/sport"]
    t.equal(f"{MANY} MQTT-3.8.3-2@4", matched(t, "sport/#", names),
            ["sport", "sport/", "sport/tennis", "sport/tennis/player"])
    t.equal(MANY, matched(t, "#", names), names)
    t.equal(MANY, matched(t, "sport/tennis/#", names), ["sport/tennis", "sport/tennis/player"])


@case(4, 5)
def the_wildcard_of_one_level(t):
    names = ["sport", "sport/", "sport/tennis", "sport/tennis/", "sport/tennis/player", "/tennis", "x/tennis"]
    t.equal(f"{ONE} MQTT-3.8.3-2@4", matched(t, "sport/+", names), ["sport/", "sport/tennis"])
    t.equal(ONE, matched(t, "+", names), ["sport"])
    t.equal(ONE, matched(t, "+/tennis", names), ["sport/tennis", "/tennis", "x/tennis"])
    t.equal(ONE, matched(t, "+/+", names), ["sport/", "sport/tennis", "/tennis", "x/tennis"])
    t.equal(ONE, matched(t, "sport/+/player", names), ["sport/tennis/player"])
    t.equal(f"{ONE} {MANY}", matched(t, "+/tennis/#", names),
            ["sport/tennis", "sport/tennis/", "sport/tennis/player", "/tennis", "x/tennis"])


@case(4, 5)
def the_first_level_may_be_a_wildcard(t):
    publisher, subscriber = t.join(), t.join()
    first, rest = t.topic("below any").split("/", 1)
    subscriber.subscribe((f"+/{rest}", 1))
    publisher.publish(f"{first}/{rest}", "x")
    t.equal(ONE, [message.topic for message in t.before_marker(publisher, subscriber)], [f"{first}/{rest}"])


@case(4, 5)
def wildcards_in_wrong_places_are_refused(t):
    """By a SUBACK that says so, or by the end of the connection."""
    for ids, filters in ((MANY, ("a#", "#/a", "a/#/b", "a/b#", "##", "#a", "a/##")),
                         (ONE, ("a+", "+a", "a/+b", "a/b+/c", "++", "a/++"))):
        for filter in filters:
            peer = t.join()
            peer.send(wire.subscribe(t.v, 5, [(filter, 0)]))
            with t.holds(ids, filter):
                try:
                    reasons = peer.take(wire.SUBACK).reasons
                except Closed:
                    continue
                assert reasons[0] >= 0x80, f"granted: {reasons}"


@case(4, 5)
def filters_that_begin_with_a_wildcard_do_not_match_topics_that_begin_with_a_dollar_sign(t):
    """Where clients may publish to such, and where the server has topics of its own below $SYS. A server that refuses
    both shows that they come to nobody, which is all that can be seen of it."""
    name = f"$conformance-{t.prefix}".replace("/", "-")
    wild, exact = t.join(), t.join()
    wild.subscribe(("#", 0), ("+/a", 0), ("+/#", 0), (f"+/{t.prefix}", 0))
    exact.subscribe((f"{name}/+", 0))
    taken = 0
    for topic in (f"{name}/a", f"{name}/{t.prefix}", "$SYS/a"):
        for retain in (False, True):
            taken += publish_or_go(t, topic, retain) and topic != "$SYS/a"
    late = t.join()
    late.subscribe(("#", 0), ("+/a", 0), ("+/broker/version", 0))
    system = t.join()
    system.subscribe(("$SYS/#", 0))
    with t.holds("MQTT-4.7.2-1"):
        assert system.message().topic.startswith("$SYS/"), "the server tells about itself to who asks"
        for client in (wild, late):
            found = [message.topic for message in t.before_marker(t.join(), client)]
            assert not [topic for topic in found if topic.startswith("$")], found
        for _ in range(taken if t.v == 5 else 0):  # 3.1.1 acknowledges also what it drops
            assert exact.message().topic.startswith(name), "a filter that spells the $ out does match"


def publish_or_go(t, topic, retain):
    """Whether the server took the message; 3.1.1 lets it close the connection where it does not."""
    peer = t.join()
    try:
        return peer.publish(topic, "x", 1, retain=retain).reason < 0x80
    except Closed:
        return False


@case(4, 5)
def topics_are_compared_as_they_are(t):
    names = ["a/b", "A/b", "a/B", " a/b", "a /b", "a/b ", "a//b", "/a/b", "a/b/", "a/./b", "a/x/../b", "caf\u00e9",
             "cafe\u0301", "\u212b", "\u00c5", "a\\b", "a%2Fb", "a/\U0002a6d4"]
    publisher = t.join()
    peers = [t.join() for _ in names]
    for name, peer in zip(names, peers):
        peer.subscribe((t.topic(name), 1))
    for name in names:
        publisher.publish(t.topic(name), name)
    for name, peer in zip(names, peers):
        t.equal("MQTT-4.7.3-4", [message.topic for message in t.before_marker(publisher, peer)], [t.topic(name)],
                repr(name))


@case(4, 5)
def topics_may_be_as_short_as_a_character(t):
    publisher, subscriber = t.join(), t.join()
    with t.holds("MQTT-4.7.3-1"):
        for name in ("/", "\u00fc" if t.v == 4 else "\u00e4"):
            assert subscriber.subscribe((name, 1)).reasons == [1]
            publisher.publish(name, t.prefix)
            while subscriber.message().payload != t.prefix.encode():
                pass  # of other cases


@case(4, 5)
def topics_have_up_to_65535_bytes(t):
    """A server may refuse long ones, by a reason that says so in 5.0; it must not shorten them."""
    head = t.topic("")
    for size in (200, 1000, 20_000, 65_535):
        name = head + "x" * (size - len(head))
        publisher, subscriber = t.join(), t.join()
        with t.holds("MQTT-4.7.3-3", f"{size} bytes"):
            try:
                granted = subscriber.subscribe((name, 1)).reasons[0]
                answer = publisher.publish(name, "long").reason
            except Closed:
                assert size > 1000, "too short to refuse"
                continue
            assert granted == 1 or granted in (0x8F, 0x97, 0x80), hex(granted)
            assert answer in (0, 0x10, 0x90, 0x97), hex(answer)
            found = [message.topic for message in t.before_marker(t.join(), subscriber)]
            assert found == ([name] if granted == 1 and answer == 0 else []), [len(topic) for topic in found]
