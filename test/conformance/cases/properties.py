"""Properties of messages, which a server passes on (3.3.2.3 of 5.0)."""
from harness import case, wire

PAIRS = [("b", "2"), ("a", "1"), ("b", "0"), ("", ""), ("a", "1"), ("\u00fc\U0001f600", "v" * 1000)]


def passed_on(t, props, qos=1):
    """The properties with which a message with `props` comes: to a client that is there, to one that was absent, and
    as a retained message."""
    publisher, topic = t.join(), t.topic(next(t.names))
    present, away = t.join(), t.join(keep=60)
    present.subscribe((topic, 2))
    away.subscribe((topic, 2))
    away.disconnect()
    publisher.publish(topic, "x", qos, retain=True, props=props)
    late = t.join()
    late.subscribe((topic, 2))
    return [peer.message().props for peer in (present, late, *([t.back(away)] if qos else []))]


def each(t, ids, props, qos=1):
    for found, way in zip(passed_on(t, props, qos), ("at once", "retained", "later")):
        t.equal(ids, found, props, f"{way}, QoS {qos}")


@case(5)
def the_payload_format_is_passed_on(t):
    for value in (0, 1):
        each(t, "MQTT-3.3.2-4", {"payload_format": value})
    each(t, "MQTT-3.3.2-4", {})
    t.ends("MQTT-4.13.1-1", "payload format 2", wire.publish(5, t.topic("a"), b"", 0, props={"payload_format": 2}))


@case(5)
def the_response_topic_is_passed_on(t):
    for value in ("answers", "/a//b/", "\u00fc\U0001f600", "x" * 2000):
        each(t, "MQTT-3.3.2-15", {"response_topic": value})
    for value in ("#", "a/+", "a/#", "+/b", "a+"):
        t.ends("MQTT-3.3.2-14", value, wire.publish(5, t.topic("a"), b"", 0, props={"response_topic": value}))


@case(5)
def correlation_data_is_passed_on(t):
    for value in (b"", b"\x00", bytes(range(256)), b"\xff\xfe", b"x" * 2000):
        each(t, "MQTT-3.3.2-16", {"correlation_data": value})


@case(5)
def the_content_type_is_passed_on(t):
    for value in ("text/plain", "", "\u00fc\U0001f600", "x" * 2000):
        each(t, "MQTT-3.3.2-20", {"content_type": value})


@case(5)
def user_properties_are_passed_on_in_their_order(t):
    for qos in (0, 1, 2):
        each(t, "MQTT-3.3.2-17 MQTT-3.3.2-18", {"user_property": PAIRS}, qos)
    each(t, "MQTT-3.3.2-17 MQTT-3.3.2-18", {"user_property": [(str(n % 3), str(n)) for n in range(30)]})


@case(5)
def all_properties_are_passed_on_together(t):
    props = {"payload_format": 1, "content_type": "text", "response_topic": "a/b", "correlation_data": b"\x00",
             "user_property": PAIRS}
    each(t, "MQTT-3.3.2-4 MQTT-3.3.2-15 MQTT-3.3.2-16 MQTT-3.3.2-17 MQTT-3.3.2-20", props, 2)
