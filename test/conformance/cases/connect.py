"""CONNECT: who may connect, and how (3.1 of both standards)."""
import struct

from harness import Closed, case, wire


def connect_bytes(version, payload, flags=2, props=None, keep_alive=60):
    """A CONNECT whose flags and payload need not agree."""
    body = wire.binary("MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive)
    return wire.packet(wire.CONNECT, body + (wire.properties(props) if version == 5 else b"") + payload)


def will_bytes(version, topic, payload=b"gone", props=None):
    return (wire.properties(props) if version == 5 else b"") + wire.binary(topic) + wire.binary(payload)


def connack_types(version):
    """What may come before the close of a CONNECT of a wrong format: 3.1.1 allows no CONNACK."""
    return (wire.CONNACK,) if version == 5 else ()


def refuse(t, ids, detail, raw):
    """`raw`, a malformed CONNECT, ends the connection: in 3.1.1 without a CONNACK, in 5.0 without a CONNACK 0x00."""
    found = t.refused(raw, ids=ids, detail=detail, packet_types=connack_types(t.v))
    for packet in found:
        t.check(ids, packet.reason >= 0x80, f"{detail}: CONNACK {packet.reason:#x}")


@case(4, 5)
def anything_before_CONNECT_ends_the_connection(t):
    first = {
        "PUBLISH": wire.publish(t.v, "a", b"", 0), "PUBACK": wire.puback(1),
        "PUBREC": wire.acknowledge(wire.PUBREC, 1), "PUBREL": wire.acknowledge(wire.PUBREL, 1),
        "PUBCOMP": wire.acknowledge(wire.PUBCOMP, 1), "SUBSCRIBE": wire.subscribe(t.v, 1, [("a", 0)]),
        "UNSUBSCRIBE": wire.unsubscribe(t.v, 1, ["a"]), "PINGREQ": wire.pingreq(),
        "DISCONNECT": wire.disconnect(t.v), "AUTH": wire.auth(0x18) if t.v == 5 else wire.packet(wire.AUTH),
    }
    for name, raw in first.items():
        t.refused(raw, wire.connect(t.v, t.id()), ids="MQTT-3.1.0-1 MQTT-3.14.0-1@5", detail=name)


@case(4, 5)
def a_second_CONNECT_ends_the_connection(t):
    first = t.join()
    found = t.ends("MQTT-3.1.0-2 MQTT-3.2.0-2@5", "the same", wire.connect(t.v, first.client_id), peer=first)
    t.check("MQTT-3.1.0-2", all(packet.reason == 0x82 for packet in found), found)
    t.ends("MQTT-3.1.0-2", "as another client", wire.connect(t.v, t.id()))


@case(4, 5)
def an_unknown_protocol_name_is_refused(t):
    for name in ("MQTX", "mqtt", "MQTT5", ""):
        raw = wire.connect(t.v, t.id(), protocol=name)
        for packet in t.refused(raw, ids="MQTT-3.1.2-1", detail=repr(name), packet_types=connack_types(t.v)):
            t.equal("MQTT-3.1.2-1", packet.reason, 0x84)


@case(4)
def an_unsupported_level_is_answered_by_return_code_1(t):
    for protocol, level in (("MQIsdp", 3), ("MQTT", 3), ("MQTT", 0)):
        found = t.refused(wire.connect(level, t.id(), protocol=protocol), ids="MQTT-3.1.2-2 MQTT-3.2.2-5",
                          detail=f"{protocol} level {level}", packet_types=(wire.CONNACK,))
        t.equal("MQTT-3.1.2-2", [packet.reason for packet in found], [1], f"{protocol} level {level}")
        t.equal("MQTT-3.2.2-4", found[0].session_present, False)


@case(5)
def an_unsupported_version_is_refused(t):
    """Of those after 5.0: who is before it is answered in the words of 3.1.1."""
    for level in (6, 7, 255):
        raw = connect_bytes(5, wire.binary(t.id()))
        raw = raw[:8] + bytes([level]) + raw[9:]
        for packet in t.refused(raw, ids="MQTT-3.1.2-2", detail=level, packet_types=(wire.CONNACK,)):
            t.check("MQTT-3.1.2-2", packet.reason == 0x84, f"level {level}: CONNACK {packet.reason:#x}")


@case(4, 5)
def the_reserved_flag_is_refused(t):
    refuse(t, "MQTT-3.1.2-3", "flags 3", connect_bytes(t.v, wire.binary(t.id()), flags=3))


@case(4, 5)
def flags_and_payload_of_CONNECT_agree(t):
    name, topic, text = wire.binary(t.id()), t.topic("will"), wire.binary("x")
    will = will_bytes(t.v, topic)
    will_missing = "MQTT-3.1.2-9"
    for ids, detail, flags, payload in (
            (will_missing, "will flag, no will", 2 | 4, name),
            (will_missing, "will flag, a topic only", 2 | 4, name + will[:-6]),
            ("MQTT-3.1.2-16@5 MQTT-3.1.2-18@4", "no user name flag, a user name", 2, name + text),
            ("MQTT-3.1.2-17@5 MQTT-3.1.2-19@4", "user name flag, no user name", 2 | 128, name),
            ("MQTT-3.1.2-17@5 MQTT-3.1.2-19@4", "user name flag and will, no user name", 2 | 4 | 128, name + will),
            ("MQTT-3.1.2-18@5 MQTT-3.1.2-20@4", "no password flag, a password", 2 | 128, name + text + text),
            ("MQTT-3.1.2-19@5 MQTT-3.1.2-21@4", "password flag, no password", 2 | 128 | 64, name + text),
            ("MQTT-3.1.2-11@4", "no will flag, a will", 2, name + will)):
        refuse(t, ids, detail, connect_bytes(t.v, payload, flags))


@case(4, 5)
def flags_of_CONNECT_agree_with_each_other(t):
    name, will, text = wire.binary(t.id()), will_bytes(t.v, t.topic("will")), wire.binary("x")
    no_will_qos = "MQTT-3.1.2-11 MQTT-3.1.2-13@4"
    no_will_retain = "MQTT-3.1.2-13@5 MQTT-3.1.2-15@4 MQTT-3.1.2-11@4"
    for ids, detail, flags, payload in (
            (no_will_qos, "will QoS 1, no will", 2 | 1 << 3, name), (no_will_qos, "will QoS 2, no will", 2 | 2 << 3, name),
            (no_will_qos, "will QoS 3, no will", 2 | 3 << 3, name), (no_will_retain, "will retain, no will", 2 | 32, name),
            ("MQTT-3.1.2-12@5 MQTT-3.1.2-14@4 MQTT-3.2.2-6@4", "will QoS 3", 2 | 4 | 3 << 3, name + will)):
        refuse(t, ids, detail, connect_bytes(t.v, payload, flags))
    if t.v == 4:
        refuse(t, "MQTT-3.1.2-22", "a password without a user name", connect_bytes(4, name + text, 2 | 64))
    else:
        peer = t.dial()
        peer.send(connect_bytes(5, name + text, 2 | 64))
        assert peer.next().reason == 0, "MQTT 5.0 allows a password without a user name (3.1.2.9)"


@case(4, 5)
def user_name_and_password_are_taken(t):
    with t.holds("MQTT-3.1.2-17@5 MQTT-3.1.2-19@5 MQTT-3.1.2-19@4 MQTT-3.1.2-21@4"):
        t.join(user="anna").stays()
        t.join(user="anna", password=b"\x00\xff secret").stays()
        t.join(user="", password="").stays()


@case(4, 5)
def the_fields_of_the_payload_are_read_in_their_order(t):
    watcher, topic, name = t.join(), t.topic("will"), t.id()
    watcher.subscribe(topic)
    props = {"content_type": "text/will", "user_property": [("k", "v")]} if t.v == 5 else None
    peer = t.join(name, user="a user name", password="a password", will=(topic, b"a will", 1, False), will_props=props)
    t.join(name, user="other", password="another")  # takes over what has that client identifier
    with t.holds("MQTT-3.1.3-1 MQTT-3.1.3-3 MQTT-3.1.2-9"):
        peer.end()
        will = watcher.message()
        assert (will.topic, will.payload, will.qos) == (topic, b"a will", 1), will
        if t.v == 5:
            assert will.props == props, will.props


@case(4, 5)
def a_CONNECT_without_a_client_identifier_is_refused(t):
    refuse(t, "MQTT-3.1.3-3", "no payload", connect_bytes(t.v, b""))
    refuse(t, "MQTT-3.1.3-3", "half a length", connect_bytes(t.v, b"\x00"))
    refuse(t, "MQTT-3.1.3-3", "a length beyond the packet", connect_bytes(t.v, b"\x00\x09abc"))


@case(4, 5)
def a_CONNECT_of_a_wrong_format_is_refused(t):
    name = wire.binary(t.id())
    good = connect_bytes(t.v, name)
    wrong = {"bytes at the end": connect_bytes(t.v, name + b"x"), "wrong flags of the header": b"\x11" + good[1:],
             "nothing": wire.packet(wire.CONNECT), "a name only": wire.packet(wire.CONNECT, wire.binary("MQTT")),
             "no keep alive": wire.packet(wire.CONNECT, wire.binary("MQTT") + bytes([t.v, 2]))}
    if t.v == 5:
        byte = bytes([25])  # request response information
        wrong |= {"an unknown property": connect_bytes(5, name, props=b"\x7f\x00"),
                  "a property of PUBLISH": connect_bytes(5, name, props={"topic_alias": 1}),
                  "a property twice": connect_bytes(5, name, props=byte + b"\x01" + byte + b"\x01"),
                  "a property out of its range": connect_bytes(5, name, props=byte + b"\x02"),
                  "request problem information 2": connect_bytes(5, name, props={"request_problem_information": 2}),
                  "receive maximum 0": connect_bytes(5, name, props={"receive_maximum": 0}),
                  "maximum packet size 0": connect_bytes(5, name, props={"maximum_packet_size": 0}),
                  "authentication data without a method":
                      connect_bytes(5, name, props={"authentication_data": b"x"}),
                  "properties beyond the packet": connect_bytes(5, b"")[:-1] + b"\x7f" + name,
                  "a will property of CONNECT": connect_bytes(
                      5, name + will_bytes(5, t.topic("w"), props={"receive_maximum": 5}), 2 | 4)}
    for detail, raw in wrong.items():
        refuse(t, "MQTT-3.1.4-1 MQTT-4.13.1-1@5", detail, raw)


@case(5)
def a_CONNECT_that_fails_a_further_check_is_refused(t):
    for detail, options in (("an authentication method nobody has", {"props": {"authentication_method": "NONE-SUCH"}}),
                            ("a will topic with a wildcard", {"will": (t.topic("#"), b"", 0, False)}),
                            ("an empty will topic", {"will": ("", b"", 0, False)})):
        for packet in t.refused(wire.connect(5, t.id(), **options), ids="MQTT-3.1.4-2", detail=detail,
                                packet_types=(wire.CONNACK,)):
            t.check("MQTT-3.1.4-2", packet.reason >= 0x80, f"{detail}: CONNACK {packet.reason:#x}")


@case(4, 5)
def short_identifiers_of_letters_and_digits_are_allowed(t):
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    with t.holds("MQTT-3.1.3-5"):
        for name in ("A" if t.v == 4 else "b", letters[:23], letters[23:46], letters[46:], letters[39:]):
            name = name[:-1] + str(t.v) if len(name) > 1 else name  # the versions run at the same time
            assert len(name) <= 23
            t.join(name).stays()


@case(4, 5)
def an_empty_identifier_gets_one_of_its_own(t):
    first, second = t.join(""), t.join("")
    with t.holds("MQTT-3.1.3-6"):
        first.stays()  # the second has not taken it over
        second.stays()
    if t.v == 4:
        t.equal("MQTT-3.1.3-6", first.connack.session_present, False)
        return
    names = [peer.connack.props.get("assigned_client_id") for peer in (first, second)]
    t.check("MQTT-3.1.3-7 MQTT-3.2.2-16", all(names), f"assigned client identifiers: {names}")
    t.check("MQTT-3.1.3-6 MQTT-3.2.2-16", names[0] != names[1], names)


@case(5)
def an_assigned_identifier_is_that_of_the_client(t):
    first = t.join("", keep=60)
    first.subscribe(t.topic("a"))
    name = first.connack.props["assigned_client_id"]
    again = t.join(name, keep=60)
    with t.holds("MQTT-3.1.3-7"):
        assert first.end()[-1].reason == 0x8E, "not taken over"
        assert again.connack.session_present
        assert "assigned_client_id" not in again.connack.props
        again.publish(t.topic("a"), "x")
        assert again.message().payload == b"x"


@case(4)
def an_empty_identifier_with_CleanSession_0_gets_return_code_2(t):
    ids = "MQTT-3.1.3-7 MQTT-3.1.3-8 MQTT-3.1.3-9 MQTT-3.2.2-5"
    found = t.refused(wire.connect(4, "", clean=False), ids=ids, detail="", packet_types=(wire.CONNACK,))
    t.equal(ids, [packet.reason for packet in found], [2])
    t.equal("MQTT-3.2.2-4", found[0].session_present, False)


@case(5)
def a_rejected_identifier_ends_the_connection(t):
    """Which identifiers beyond 3.1.3-5 a server allows is its own affair; what it does with the others is not."""
    for name in ("x" * 65535, "\x7f\x85", "a/#", "+", "name with spaces", "a" * 1024):
        peer = t.dial()
        with t.holds("MQTT-3.1.3-8", f"{name[:20]!r} of {len(name)} characters"):
            peer.send_connect(name + (t.id() if len(name) < 65535 else ""))
            try:
                answer = peer.next()
            except Closed:  # without a word, which is allowed
                continue
            assert answer.type == wire.CONNACK and answer.reason in (0x00, 0x85), f"CONNACK {answer.reason:#x}"
            assert answer.reason == 0 or not peer.end()


@case(4, 5)
def a_client_takes_over_from_itself(t):
    first = t.join()
    second = t.join(first.client_id)
    with t.holds("MQTT-3.1.4-3@5 MQTT-3.1.4-2@4 MQTT-3.1.3-2"):
        found = first.end()
        if t.v == 5:
            assert [packet.reason for packet in found] == [0x8E], found
        second.stays()


@case(4, 5)
def a_good_CONNECT_is_answered_by_success(t):
    peer = t.dial()
    peer.send_connect(t.id())
    with t.holds("MQTT-3.1.4-5@5 MQTT-3.1.4-4@4 MQTT-3.2.0-1"):
        first = peer.next()
        assert (first.type, first.reason) == (wire.CONNACK, 0), f"{first.name} {first.reason}"
        peer.stays()


@case(4, 5)
def what_stands_behind_a_rejected_CONNECT_is_not_processed(t):
    watcher, topic = t.join(), t.topic("a")
    watcher.subscribe(topic)
    behind = wire.publish(t.v, topic, b"smuggled", 0) + wire.publish(t.v, topic, b"kept", 1, 7, retain=True)
    rejected = (wire.connect(4, "", clean=False) if t.v == 4 else
                wire.connect(5, t.id(), props={"authentication_method": "NONE-SUCH"}))
    ids = "MQTT-3.1.4-5@4 MQTT-3.1.4-6@5"
    found = t.refused(rejected + behind, ids=ids, detail="", packet_types=(wire.CONNACK,))
    t.check(ids, len(found) == 1 and found[0].reason, found)
    with t.holds(ids):
        t.reaches_nobody(t.join(), watcher)
        late = t.join()
        late.subscribe(topic)
        t.reaches_nobody(t.join(), late)


@case(4, 5)
def CONNACK_comes_first_and_once(t):
    sleeper = t.join(keep=60)
    topic = t.topic("a")
    sleeper.subscribe((topic, 1))
    sleeper.drop()
    t.join().publish(topic, "queued")
    peer = t.dial()
    options = {"props": {"session_expiry": 60}} if t.v == 5 else {}
    peer.send(wire.connect(t.v, sleeper.client_id, clean=False, **options), wire.subscribe(t.v, 9, [(topic, 0)]),
              wire.publish(t.v, topic, b"mine", 0), wire.pingreq())
    with t.holds("MQTT-3.2.0-1 MQTT-3.2.0-2@5"):
        first = peer.next()
        assert (first.type, first.reason, first.session_present) == (wire.CONNACK, 0, True), first.name
        for kind in (wire.SUBACK, wire.PUBLISH, wire.PINGRESP):
            peer.take(kind)
        assert all(packet.type == wire.PUBLISH for packet in peer.rest())


@case(5)
def a_refused_CONNECT_says_why_and_no_more(t):
    """With a session of that client there, as session present would then be wrong in a refusal."""
    sleeper = t.join(keep=60)
    sleeper.disconnect()
    found = t.refused(wire.connect(5, sleeper.client_id, clean=False, props={"authentication_method": "NONE-SUCH"}),
                      ids="MQTT-3.2.2-7 MQTT-4.13.2-1", detail="", packet_types=(wire.CONNACK,))
    t.equal("MQTT-3.2.2-7 MQTT-4.12.0-1", [packet.type for packet in found], [wire.CONNACK])
    t.equal("MQTT-3.2.2-6", found[0].acknowledge_flags, 0)
    t.check("MQTT-3.2.2-8", found[0].reason in (0x8C, 0x87), f"{found[0].reason:#x}")


@case(4, 5)
def session_present_tells_whether_there_is_a_session(t):
    clean = "MQTT-3.2.2-1@4 MQTT-3.2.2-2@5"
    without, stored = "MQTT-3.2.2-3", "MQTT-3.2.2-3@5 MQTT-3.2.2-2@4"
    flags = "MQTT-3.2.2-1@5"
    first = t.join(keep=60)
    t.equal(without, first.connack.acknowledge_flags, 0, "CleanSession 0, nothing stored")
    first.disconnect()
    second = t.back(first)
    t.equal(f"{stored} {flags}", second.connack.acknowledge_flags, 1, "CleanSession 0, a session stored")
    second.disconnect()
    third = t.back(second, clean=True)
    t.equal(f"{clean} {flags}", third.connack.acknowledge_flags, 0, "CleanSession 1, a session stored")
    t.equal(clean, t.join().connack.acknowledge_flags, 0, "CleanSession 1, nothing stored")


@case(5)
def response_information_is_only_given_to_who_asks(t):
    for props in ({}, {"request_response_information": 0}):
        t.check("MQTT-3.1.2-28", "response_information" not in t.join(props=props).connack.props, props)


@case(5)
def CONNACK_stays_within_the_maximum_packet_size(t):
    for size in (2, 5, 8, 20, 40):
        peer = t.dial()
        with t.holds("MQTT-3.2.2-19 MQTT-3.2.2-20 MQTT-3.1.2-24", f"refused, maximum packet size {size}"):
            peer.send_connect(t.id(), props={"authentication_method": "NONE-SUCH", "maximum_packet_size": size})
            peer.end()  # every packet is held to the size
        peer = t.dial()
        with t.holds("MQTT-3.1.2-24", f"accepted, maximum packet size {size}"):
            peer.send_connect(t.id(), props={"maximum_packet_size": size})
            peer.send(wire.disconnect(5))
            peer.end()
