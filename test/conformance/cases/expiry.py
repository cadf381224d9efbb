"""Message expiry (3.3.2.3.3 of 5.0)."""
from harness import case, wire


def absent(t, topic, qos=2):
    peer = t.join(keep=60)
    peer.subscribe((topic, qos))
    peer.disconnect()
    return peer


@case(5, slow=True)
def an_expired_message_is_not_delivered(t):
    topic, publisher = t.topic("a"), t.join()
    peer, present = absent(t, topic), t.join()
    present.subscribe((topic, 2))
    for qos in (1, 2):
        publisher.publish(topic, f"short {qos}", qos, props={"message_expiry": 2})
        publisher.publish(topic, f"long {qos}", qos, props={"message_expiry": 600})
        publisher.publish(topic, f"endless {qos}", qos)
    assert len(t.before_marker(publisher, present)) == 6, "who is there gets them all"
    t.wait(3.5)
    with t.holds("MQTT-3.3.2-5"):
        found = [message.payload.decode() for message in t.before_marker(publisher, t.back(peer))]
        assert found == ["long 1", "endless 1", "long 2", "endless 2"], found


@case(5, slow=True)
def an_expired_retained_message_is_not_delivered(t):
    publisher, topic = t.join(), t.topic("a")
    publisher.publish(topic, "short", 1, retain=True, props={"message_expiry": 2})
    late = t.join()
    late.subscribe(topic)
    assert late.message().payload == b"short"
    t.wait(3.5)
    with t.holds("MQTT-3.3.2-5"):
        late = t.join()
        late.subscribe(topic)
        t.reaches_nobody(publisher, late)


@case(5, slow=True)
def a_message_that_waits_for_quota_expires(t):
    publisher, topic = t.join(), t.topic("a")
    peer = t.join(props={"receive_maximum": 1})
    peer.subscribe((topic, 1))
    publisher.publish(topic, "open", 1)
    first = peer.take(wire.PUBLISH)
    publisher.publish(topic, "waits", 1, props={"message_expiry": 1})
    t.wait(2.5)
    with t.holds("MQTT-3.3.2-5"):
        peer.acknowledge(first)
        t.reaches_nobody(publisher, peer)


@case(5, slow=True)
def the_time_in_the_server_is_taken_off_the_expiry(t):
    topic, publisher = t.topic("a"), t.join()
    peer, present = absent(t, topic), t.join()
    present.subscribe((topic, 1))
    publisher.publish(topic, "kept", 1, retain=True, props={"message_expiry": 100})
    publisher.publish(topic, "no expiry", 1)
    t.check("MQTT-3.3.2-6", present.message().props.get("message_expiry") in range(95, 101), "delivered at once")
    t.check("MQTT-3.3.2-6", "message_expiry" not in present.message().props, "there was none")
    t.wait(2.2)
    late = t.join()
    late.subscribe((topic, 1))
    for detail, client in (("it waited for a client", t.back(peer)), ("it was retained", late)):
        left = client.message().props.get("message_expiry")
        t.check("MQTT-3.3.2-6", left is not None and 85 <= left <= 98, f"{detail}: {left} of 100 left")


@case(5, slow=True)
def a_message_that_was_sent_does_not_expire(t):
    publisher, peer, topic = t.join(), t.join(keep=60), t.topic("a")
    peer.subscribe((topic, 2))
    publisher.publish(topic, "sent", 2, props={"message_expiry": 2})
    first = peer.take(wire.PUBLISH)
    peer.drop()
    t.wait(3.5)
    with t.holds("MQTT-4.3.3-7"):
        peer = t.back(peer)
        again = peer.take(wire.PUBLISH)
        assert (again.packet_id, again.payload, again.dup) == (first.packet_id, b"sent", True)
        peer.acknowledge(again)
        peer.stays()


@case(5, slow=True)
def an_exchange_ends_well_though_its_message_expired(t):
    topic = t.topic("a")
    publisher, peer = t.join(), absent(t, topic)
    publisher.send(wire.publish(5, topic, b"short", 2, 77, props={"message_expiry": 1}))
    publisher.take(wire.PUBREC, 77)
    t.wait(2.5)
    with t.holds("MQTT-4.3.3-13"):
        publisher.send(wire.publish(5, topic, b"short", 2, 77, dup=True, props={"message_expiry": 1}))
        assert publisher.take(wire.PUBREC, 77).reason < 0x80
        publisher.send(wire.acknowledge(wire.PUBREL, 77))
        answer = publisher.take(wire.PUBCOMP, 77)
        assert answer.reason == 0, f"{answer.reason:#x}"
        t.back(peer).stays()
