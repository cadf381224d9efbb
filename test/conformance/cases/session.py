"""Sessions: what they hold, and how long they last (3.1.2.4 of 3.1.1, 3.1.2.11.2 of 5.0, 4.1)."""
from harness import case, wire


def sleeper(t, keep=60, qos=2):
    """A client that has gone and left a subscription behind; gives (peer, topic)."""
    peer, topic = t.join(keep=keep), t.topic("a")
    peer.subscribe((topic, qos))
    peer.disconnect()
    return peer, topic


@case(4, 5)
def messages_wait_for_an_absent_client(t):
    peer, topic = sleeper(t)
    publisher = t.join()
    for qos in (1, 2):
        for n in range(3):
            publisher.publish(topic, f"{qos}{n}", qos)
    with t.holds("MQTT-3.1.2-5 MQTT-3.1.2-4@4 MQTT-4.5.0-1 MQTT-3.1.2-23@5 MQTT-4.1.0-1@4"):
        peer = t.back(peer)
        assert peer.connack.session_present
        found = [(message.payload, message.qos, message.retain, message.dup) for message in peer.messages(6)]
        assert found == [(f"{qos}{n}".encode(), qos, False, False) for qos in (1, 2) for n in range(3)], found
        peer.publish(topic, "live")
        assert peer.message().payload == b"live", "the subscription is not there"
        peer.stays()


@case(4, 5)
def messages_go_into_the_session_of_each_client_with_a_matching_subscription(t):
    sleepers = [sleeper(t) for _ in range(3)]
    away = t.join(keep=60)
    away.subscribe(t.topic("elsewhere"))
    away.disconnect()
    present = t.join()
    present.subscribe(sleepers[0][1])
    t.join().publish(sleepers[0][1], "for all", 2)
    with t.holds("MQTT-4.5.0-1"):
        for peer, _ in sleepers:
            assert [message.payload for message in t.back(peer).messages(1)] == [b"for all"]
        assert present.message().payload == b"for all"
        t.back(away).stays()


@case(4, 5)
def a_clean_start_discards_the_session(t):
    peer, topic = sleeper(t)
    publisher = t.join()
    publisher.publish(topic, "old", 1)
    clean = t.join(peer.client_id, clean=True, **({"props": {"session_expiry": 60}} if t.v == 5 else {}))
    ids = "MQTT-3.1.2-4@5 MQTT-3.1.2-6@4 MQTT-3.1.4-4@5 MQTT-3.1.4-3@4"
    with t.holds(ids):
        assert not clean.connack.session_present
        publisher.publish(topic, "new", 1)
        t.reaches_nobody(publisher, clean)
    clean.disconnect()
    with t.holds(ids, "and for good"):
        again = t.back(clean, keep=60)
        assert again.connack.session_present == (t.v == 5)
        found = t.before_marker(publisher, again)
        assert not found, found


@case(4, 5)
def a_clean_start_discards_exchanges_that_have_begun(t):
    peer, topic = t.join(keep=60), t.topic("a")
    peer.subscribe(topic)
    publisher = t.join()
    publisher.publish(topic, "out", 2)
    peer.take(wire.PUBLISH)
    peer.send(wire.publish(t.v, topic, b"in", 2, 55))
    peer.take(wire.PUBREC, 55)
    peer.drop()
    peer = t.join(peer.client_id)
    with t.holds("MQTT-3.1.2-4@5 MQTT-3.1.2-6@4"):
        peer.subscribe(topic)
        publisher.rest()
        peer.stays()
        peer.publish(topic, "a new one", 2, packet_id=55)
        assert [message.payload for message in t.before_marker(peer, peer, 2)] == [b"a new one"]


@case(4, 5)
def a_session_is_resumed(t):
    peer, topic = sleeper(t)
    ids = "MQTT-3.1.2-5@5 MQTT-3.1.2-4@4 MQTT-3.1.4-4@5 MQTT-3.1.4-3@4 MQTT-3.1.3-2"
    with t.holds(ids):
        for n in range(3):
            peer = t.back(peer)
            assert peer.connack.session_present
            peer.publish(topic, str(n))
            assert peer.message().payload == str(n).encode()
            peer.stays()  # so that the acknowledgement has got there
            peer.disconnect() if n % 2 else peer.drop()


@case(4, 5)
def a_session_is_created_where_there_is_none(t):
    peer, topic = t.join(keep=60), t.topic("a")
    with t.holds("MQTT-3.1.2-6@5 MQTT-3.1.2-4@4"):
        assert not peer.connack.session_present
        peer.subscribe(topic)
        peer.publish(topic, "x")
        assert peer.message().payload == b"x"
        peer.drop()
        assert t.back(peer).connack.session_present, "it was not stored"


@case(4)
def a_session_of_CleanSession_1_ends_with_its_connection(t):
    for leave in ("disconnect", "drop"):
        peer, topic = t.join(), t.topic("a")
        peer.subscribe((topic, 1))
        getattr(peer, leave)()
        publisher = t.join()
        publisher.publish(topic, "missed", 1)
        with t.holds("MQTT-3.1.2-6", leave):
            again = t.back(peer)
            assert not again.connack.session_present
            publisher.publish(topic, "missed too", 1)
            t.reaches_nobody(publisher, again)


@case(5)
def a_session_without_an_expiry_ends_with_its_connection(t):
    for leave in ("disconnect", "drop"):
        for expiry in (None, 0):
            peer = t.join(clean=False, props={} if expiry is None else {"session_expiry": expiry})
            peer.subscribe(t.topic("a"))
            getattr(peer, leave)()
            with t.holds("MQTT-4.1.0-2", f"{leave}, session expiry {expiry}"):
                assert not t.back(peer).connack.session_present


@case(4, 5)
def sessions_belong_to_their_client_identifiers(t):
    first, second = t.join(keep=60), t.join(keep=60)
    first.subscribe(t.topic("first"))
    second.subscribe(t.topic("second"))
    first.disconnect()
    second.disconnect()
    publisher = t.join()
    for name in ("first", "second"):
        publisher.publish(t.topic(name), name)
    with t.holds("MQTT-3.1.3-2"):
        assert not t.join(first.client_id.upper() + "x", keep=60).connack.session_present
        for peer, name in ((second, b"second"), (first, b"first")):
            peer = t.back(peer)
            assert peer.message().payload == name
            peer.stays()


@case(4, 5)
def retained_messages_outlive_sessions(t):
    publisher, topic = t.join(), t.topic("a")
    publisher.publish(topic, "kept", 1, retain=True)
    publisher.disconnect()
    t.join(publisher.client_id).disconnect()
    with t.holds("MQTT-3.1.2-7@4 MQTT-3.3.1-5"):
        late = t.join()
        late.subscribe(topic)
        assert late.message().payload == b"kept"


@case(5, slow=True)
def a_session_lives_for_its_expiry_after_the_connection(t):
    peer, topic = sleeper(t, keep=5)
    t.wait(0.5)
    t.join().publish(topic, "x", 1)
    with t.holds("MQTT-3.1.2-23"):
        peer = t.back(peer, keep=1)
        assert peer.connack.session_present
        assert peer.message().payload == b"x"
    peer.drop()
    t.wait(3)
    with t.holds("MQTT-4.1.0-2"):
        peer = t.back(peer)
        assert not peer.connack.session_present
        peer.publish(topic, "y", 1)
        t.reaches_nobody(peer, peer)


@case(5, slow=True)
def a_session_does_not_expire_while_its_connection_is_open(t):
    peer, topic = t.join(keep=1), t.topic("a")
    peer.subscribe(topic)
    peer.publish(topic, "held", 1)
    held = peer.take(wire.PUBLISH)
    t.wait(2.5)
    with t.holds("MQTT-4.1.0-1"):
        peer.publish(topic, "x", 1)
        assert peer.take(wire.PUBLISH).payload == b"x"
        peer.drop()
        peer = t.back(peer)
        assert peer.connack.session_present
        assert peer.take(wire.PUBLISH).packet_id == held.packet_id


@case(4)
def a_session_lasts_as_long_as_its_connection(t):
    """Also where CleanSession is 1."""
    peer, topic = t.join(), t.topic("a")
    peer.subscribe(topic)
    for n in range(20):
        peer.publish(topic, str(n), n % 3)
    with t.holds("MQTT-4.1.0-2 MQTT-4.1.0-1"):
        assert sorted(int(message.payload) for message in peer.messages(20)) == list(range(20))
        peer.stays()


@case(5, slow=True)
def DISCONNECT_can_change_the_session_expiry(t):
    peer = t.join(keep=60)
    peer.disconnect(props={"session_expiry": 1})
    longer = t.join(keep=1)
    longer.disconnect(props={"session_expiry": 60})
    t.wait(2.5)
    with t.holds("MQTT-4.1.0-2"):
        assert not t.back(peer).connack.session_present
    with t.holds("MQTT-3.1.2-23"):
        assert t.back(longer).connack.session_present
    none = t.join(clean=False)
    t.ends("MQTT-4.13.1-1", "from 0 to another", wire.disconnect(5, 0, {"session_expiry": 5}), peer=none)


@case(4, 5)
def PINGREQ_is_answered(t):
    peer = t.join()
    with t.holds("MQTT-3.12.4-1"):
        for _ in range(3):
            peer.send(wire.pingreq())
            assert peer.next().type == wire.PINGRESP
        peer.send(wire.pingreq() * 5)
        assert [peer.next().type for _ in range(5)] == [wire.PINGRESP] * 5


@case(4, 5)
def reserved_bits_of_DISCONNECT_are_checked(t):
    for flags in (1, 2, 4, 8, 15):
        found = t.ends("MQTT-3.14.1-1", f"{flags:04b}", bytes([wire.DISCONNECT << 4 | flags, 0]))
        if t.v == 5:
            t.equal("MQTT-3.14.1-1", [packet.reason for packet in found], [0x81], f"{flags:04b}")
    if t.v == 4:
        t.ends("MQTT-4.8.0-1", "DISCONNECT with a byte", wire.packet(wire.DISCONNECT, b"\x00"))


@case(5)
def reasons_of_DISCONNECT_are_of_the_table(t):
    """A server's are held to the table wherever they come; here is a client's that is not of it."""
    for reason in (0x01, 0x18, 0x84):
        t.ends("MQTT-3.14.2-1", f"{reason:#x}", wire.disconnect(5, reason))
    first = t.join()
    t.join(first.client_id)
    t.equal("MQTT-3.14.2-1", [packet.reason for packet in first.end()], [0x8E])


@case(4, 5)
def DISCONNECT_ends_the_connection(t):
    """That a client closes and says no more is its own duty; what comes behind DISCONNECT must not count."""
    peer, watcher, topic = t.join(), t.join(), t.topic("a")
    watcher.subscribe(topic)
    peer.send(wire.disconnect(t.v), wire.publish(t.v, topic, b"late", 0))
    assert not peer.end()
    t.reaches_nobody(t.join(), watcher)
