"""Strings: UTF-8, U+0000 and U+FEFF, in every place that has one (1.5.3 of 3.1.1, 1.5.4 and 1.5.7 of 5.0)."""
from cases.connect import connect_bytes, refuse, will_bytes
from harness import case, wire

# Wrong in themselves: stray and missing continuations, overlong forms, surrogates, beyond U+10FFFF.
ILL_FORMED = (b"\x80", b"\xc3", b"\xc3(", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe2\x82", b"\xed\xa0\x80",
              b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff")
A_FEW = (b"\xc3(", b"\xed\xa0\x80", b"\xff")
ILL = "MQTT-1.5.4-1@5 MQTT-1.5.3-1@4"
NULL = "MQTT-1.5.4-2@5 MQTT-1.5.3-2@4"
NULL_OF_TOPIC = NULL + " MQTT-4.7.3-2"


def bad(texts=A_FEW, null=NULL):
    """(ids, bytes) of strings that no packet may have, in the middle of something good."""
    return [(ILL, b"x" + text + b"y") for text in texts] + [(null, b"x\x00y")]


def ends(t, id, places, texts=A_FEW, null=NULL):
    """Each of `places`, functions from a string to a packet, ends the connection when the string is bad."""
    for detail, packet in places.items():
        for ids, text in bad(texts, null):
            t.ends(f"{ids} {id}", f"{detail} {text!r}", packet(text))


@case(4, 5)
def ill_formed_topic_names_end_the_connection(t):
    ends(t, "MQTT-3.3.2-1", {"PUBLISH": lambda text: wire.publish(t.v, text, b"", 0)}, ILL_FORMED, NULL_OF_TOPIC)


@case(4, 5)
def ill_formed_filters_of_SUBSCRIBE_end_the_connection(t):
    good = t.topic("good")
    ends(t, "MQTT-3.8.3-1", {
        "SUBSCRIBE": lambda text: wire.subscribe(t.v, 5, [(text, 0)]),
        "the last of SUBSCRIBE": lambda text: wire.subscribe(t.v, 5, [(good, 0), (text, 0)])},
         null=NULL_OF_TOPIC)


@case(4, 5)
def ill_formed_filters_of_UNSUBSCRIBE_end_the_connection(t):
    ends(t, "MQTT-3.10.3-1", {
        "UNSUBSCRIBE": lambda text: wire.unsubscribe(t.v, 5, [text]),
        "the last of UNSUBSCRIBE": lambda text: wire.unsubscribe(t.v, 5, ["a", text])},
         null=NULL_OF_TOPIC)


@case(4, 5)
def ill_formed_strings_of_CONNECT_are_refused(t):
    name = wire.binary(t.id())
    places = {
        "MQTT-3.1.3-4": lambda text: connect_bytes(t.v, wire.binary(text)),
        "MQTT-3.1.3-11@5 MQTT-3.1.3-10@4": lambda text: connect_bytes(t.v, name + will_bytes(t.v, text), 2 | 4),
        "MQTT-3.1.3-12@5 MQTT-3.1.3-11@4": lambda text: connect_bytes(t.v, name + wire.binary(text), 2 | 128)}
    for id, packet in places.items():
        for ids, text in bad():
            refuse(t, f"{ids} {id}", repr(text), packet(text))


@case(5)
def ill_formed_strings_of_properties_end_the_connection(t):
    topic = t.topic("a")
    ends(t, "MQTT-3.3.2-13", {"response topic":
                              lambda text: wire.publish(5, topic, b"", 0, props={"response_topic": text})})
    ends(t, "MQTT-3.3.2-19", {"content type":
                              lambda text: wire.publish(5, topic, b"", 0, props={"content_type": text})})
    ends(t, "MQTT-1.5.4-1", {"reason string of PUBACK": lambda text: wire.acknowledge(
        wire.PUBACK, 1, 0, {"reason_string": text})}, (b"\xc3(",))


@case(5)
def both_strings_of_a_user_property_are_checked(t):
    topic = t.topic("a")
    ends(t, "MQTT-1.5.7-1", {
        "the name in PUBLISH": lambda text: wire.publish(5, topic, b"", 0, props={"user_property": [(text, "v")]}),
        "the value in PUBLISH": lambda text: wire.publish(5, topic, b"", 0, props={"user_property": [("k", text)]}),
        "the name in SUBSCRIBE": lambda text: wire.subscribe(5, 1, [("a", 0)], {"user_property": [(text, "v")]}),
        "the value in SUBSCRIBE": lambda text: wire.subscribe(5, 1, [("a", 0)], {"user_property": [("k", text)]})})
    for ids, text in bad():
        for pair in ((text, "v"), ("k", text)):
            refuse(t, f"{ids} MQTT-1.5.7-1", f"CONNECT {pair}",
                   connect_bytes(5, wire.binary(t.id()), props={"user_property": [pair]}))


@case(4, 5)
def a_byte_order_mark_is_a_character(t):
    bom = "\ufeff"
    names = [t.topic(level) for level in (f"{bom}a", f"a{bom}", f"a{bom}b", "a", bom)]
    ids = "MQTT-1.5.4-3@5 MQTT-1.5.3-3@4"
    for name in names:
        peer = t.join()
        peer.subscribe(name)
        with t.holds(ids, repr(name)):
            for other in names:
                peer.publish(other, other)
            found = t.before_marker(peer, peer)
            assert [message.topic for message in found] == [name], [message.topic for message in found]
            assert found[0].payload == name.encode()
    peer = t.join()
    peer.subscribe(bom + t.topic("x"))
    peer.publish(bom + t.topic("x"), "")
    t.equal(ids, peer.message().topic, bom + t.topic("x"), "at the beginning of a string")
    if t.v == 5:
        pair = (f"{bom}key", f"{bom}value{bom}")
        peer.publish(bom + t.topic("x"), "", props={"content_type": bom, "user_property": [pair]})
        t.equal(ids, peer.message().props, {"content_type": bom, "user_property": [pair]})
