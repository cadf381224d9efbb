"""Wills: when they are published, and how (3.1.2.5 to 3.1.2.7, 3.1.3.2, 3.14.4)."""
import time

from harness import case, wire


def watched(t, qos=1, retain=False, payload="gone", delay=None, **options):
    """(watcher, peer, topic): a peer with a will, and a watcher of its topic."""
    watcher, topic = t.join(), t.topic("will")
    watcher.subscribe((topic, 2 | 8 if t.v == 5 else 2))
    if delay is not None:
        options["will_props"] = {"will_delay": delay, **options.get("will_props", {})}
    return watcher, t.join(will=(topic, payload, qos, retain), **options), topic


def no_will(t, ids, watcher, detail="", gone=None):
    """Nothing reaches the watcher; `gone` is a client whose end the server must have noticed by then."""
    with t.holds(ids, detail):
        if gone:
            t.join(gone.client_id)  # this comes after it
        t.reaches_nobody(t.join(), watcher)


@case(4, 5)
def a_will_is_published_when_the_connection_breaks(t):
    for qos in (0, 1, 2):
        watcher, peer, topic = watched(t, qos, payload=f"gone {qos}")
        t.reaches_nobody(t.join(), watcher)
        peer.drop()
        with t.holds("MQTT-3.1.2-7@5 MQTT-3.1.2-8 MQTT-3.1.2-9@4 MQTT-3.1.2-12@5 MQTT-3.1.2-14@4", f"QoS {qos}"):
            will = watcher.message()
            assert (will.topic, will.payload, will.qos) == (topic, f"gone {qos}".encode(), qos), vars(will)


@case(4, 5)
def a_will_is_published_when_the_server_ends_the_connection(t):
    for detail, raw in (("a protocol error", wire.publish(t.v, "#", b"", 0)), ("nonsense", b"\x00\x00"),
                        ("a second CONNECT", wire.connect(t.v, t.id()))):
        watcher, peer, _ = watched(t)
        peer.send(raw)
        peer.end()
        with t.holds("MQTT-3.1.2-8", detail):
            assert watcher.message().payload == b"gone"


@case(4, 5)
def a_will_is_published_when_another_takes_over(t):
    watcher, peer, _ = watched(t)
    t.join(peer.client_id)
    with t.holds("MQTT-3.1.2-8"):
        assert watcher.message().payload == b"gone"


@case(4, 5)
def an_empty_will_is_a_will(t):
    watcher, peer, _ = watched(t, payload="")
    peer.drop()
    with t.holds("MQTT-3.1.2-8 MQTT-3.1.2-9"):
        assert watcher.message().payload == b""


@case(4, 5)
def DISCONNECT_removes_the_will(t):
    watcher, peer, _ = watched(t, keep=60)
    peer.disconnect()
    again = t.back(peer)
    no_will(t, "MQTT-3.14.4-3", watcher)
    again.drop()
    no_will(t, "MQTT-3.1.2-10", watcher, "nor with a later connection of that client", again)


@case(4, 5)
def DISCONNECT_removes_the_will_before_the_client_can_come_back(t):
    """The server closed the connection because of DISCONNECT: the will is gone by then, whoever connects now."""
    watcher, topic = t.join(), t.topic("will")
    watcher.subscribe(topic)
    for n in range(100):
        peer, again = t.join(keep=60, will=(topic, str(n), 1, False)), t.dial()
        peer.disconnect()
        again.send_connect(peer.client_id, clean=bool(n % 2))
        assert again.next().reason == 0
        again.disconnect()
    no_will(t, "MQTT-3.14.4-3 MQTT-3.1.2-10", watcher)


@case(5)
def DISCONNECT_with_another_reason_does_not_remove_the_will(t):
    for reason in (0x04, 0x80):
        watcher, peer, _ = watched(t)
        peer.disconnect(reason)
        with t.holds("MQTT-3.1.2-8", f"{reason:#x}"):
            assert watcher.message().payload == b"gone"


@case(4, 5)
def a_will_is_published_once(t):
    watcher, peer, _ = watched(t, keep=60)
    peer.drop()
    with t.holds("MQTT-3.1.2-10"):
        assert watcher.message().payload == b"gone"
        again = t.back(peer)
        again.drop()
        t.back(peer).disconnect()
        t.reaches_nobody(t.join(), watcher)


@case(4, 5)
def without_the_will_flag_there_is_no_will(t):
    watcher, peer, _ = watched(t, keep=60)
    peer.disconnect()
    bare = t.back(peer, clean=True)
    bare.drop()
    no_will(t, "MQTT-3.1.2-12@4 MQTT-3.1.2-10@5", watcher, gone=bare)


@case(4, 5)
def a_will_is_retained_only_if_it_says_so(t):
    for retain in (False, True):
        watcher, peer, topic = watched(t, retain=retain)
        peer.drop()
        will = watcher.message()
        if t.v == 5:  # the watcher sees RETAIN as published
            t.equal("MQTT-3.1.2-15" if retain else "MQTT-3.1.2-14", will.retain, retain)
        late = t.join()
        late.subscribe(topic)
        found = [message.payload for message in t.before_marker(t.join(), late)]
        t.equal("MQTT-3.1.2-17@4 MQTT-3.1.2-15@5" if retain else "MQTT-3.1.2-16@4 MQTT-3.1.2-14@5", found,
                [b"gone"] if retain else [])


@case(5)
def properties_of_a_will_are_passed_on(t):
    pairs = [("b", "2"), ("a", "1"), ("b", "0"), ("", ""), ("a", "1")]
    props = {"payload_format": 1, "content_type": "text/plain", "response_topic": "answers/here",
             "correlation_data": b"\x00\xff", "message_expiry": 1000, "user_property": pairs}
    watcher, peer, _ = watched(t, will_props=props)
    peer.drop()
    will = watcher.message()
    t.equal("MQTT-3.1.3-10", will.props.pop("user_property", None), pairs)
    assert will.props.pop("message_expiry") in range(990, 1001)
    t.equal("MQTT-3.1.2-9", will.props, {name: props[name] for name in
                                         ("payload_format", "content_type", "response_topic", "correlation_data")})


@case(5, slow=True)
def a_will_waits_for_its_delay(t):
    watcher, peer, _ = watched(t, delay=2, keep=60)
    begun = time.monotonic()
    peer.drop()
    with t.holds("MQTT-3.1.2-8", "delay 2 s"):
        assert watcher.message(10).payload == b"gone"
        assert time.monotonic() - begun > 1.9, "too early"


@case(5, slow=True)
def a_will_does_not_wait_beyond_its_session(t):
    watcher, peer, _ = watched(t, delay=30, keep=1)
    peer.drop()
    with t.holds("MQTT-3.1.2-8", "session expiry 1 s, delay 30 s"):
        assert watcher.message(10).payload == b"gone"


@case(5)
def a_will_does_not_wait_for_a_session_that_ends_at_once(t):
    watcher, peer, _ = watched(t, delay=30)
    peer.drop()
    with t.holds("MQTT-3.1.2-8", "no session expiry, delay 30 s"):
        assert watcher.message().payload == b"gone"
    watcher, peer, _ = watched(t, delay=30, keep=60)
    peer.drop()
    t.join(peer.client_id, clean=True)
    with t.holds("MQTT-3.1.2-8", "a clean start ends the session"):
        assert watcher.message().payload == b"gone"


@case(5, slow=True)
def a_new_connection_within_the_delay_stops_the_will(t):
    watcher, peer, _ = watched(t, delay=2, keep=60)
    peer.drop()
    again = t.back(peer)
    t.wait(3.5)
    no_will(t, "MQTT-3.1.3-9", watcher)
    again.drop()
    no_will(t, "MQTT-3.1.3-9", watcher, "nor later")


@case(5, slow=True)
def a_takeover_within_the_delay_stops_the_will(t):
    watcher, peer, _ = watched(t, delay=2, keep=60)
    again = t.back(peer)
    t.wait(3.5)
    no_will(t, "MQTT-3.1.3-9", watcher)
    again.stays()
