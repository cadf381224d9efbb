"""Receive maximum and send quota (4.9 of 5.0)."""
from harness import case, wire


def small(t, maximum, qos=1, **options):
    """(publisher, subscriber, topic) with a subscriber that takes `maximum` messages at once."""
    publisher, topic = t.join(), t.topic("a")
    subscriber = t.join(props={"receive_maximum": maximum}, **options)
    subscriber.subscribe((topic, qos))
    return publisher, subscriber, topic


def no_more(t, subscriber, detail=""):
    """No message is sent to the subscriber while the server does other things for it."""
    for qos in (1, 2):
        subscriber.publish(t.topic("elsewhere"), "x", qos)
    found = subscriber.rest()
    assert not found, f"{len(found)} more came {detail}"


@case(5)
def no_more_than_the_receive_maximum_is_open_at_QoS_1(t):
    for maximum in (1, 3):
        publisher, subscriber, topic = small(t, maximum)
        for n in range(10):
            publisher.publish(topic, str(n), 1)
        ids = "MQTT-3.3.4-9 MQTT-4.9.0-1 MQTT-4.9.0-2"
        with t.holds(ids, f"receive maximum {maximum}"):
            waiting = [subscriber.take(wire.PUBLISH) for _ in range(maximum)]
            no_more(t, subscriber)
            got = [int(message.payload) for message in waiting]
            while len(got) < 10:
                subscriber.acknowledge(waiting.pop(0))
                waiting.append(subscriber.take(wire.PUBLISH))
                got.append(int(waiting[-1].payload))
                no_more(t, subscriber, "for one acknowledgement")
            assert got == list(range(10)), got


@case(5)
def no_more_than_the_receive_maximum_is_open_at_QoS_2(t):
    publisher, subscriber, topic = small(t, 2, 2)
    for n in range(6):
        publisher.publish(topic, str(n), 2)
    with t.holds("MQTT-3.3.4-9 MQTT-4.9.0-2"):
        first, second = subscriber.take(wire.PUBLISH), subscriber.take(wire.PUBLISH)
        no_more(t, subscriber)
        subscriber.send(wire.acknowledge(wire.PUBREC, first.packet_id))
        subscriber.take(wire.PUBREL, first.packet_id)
        no_more(t, subscriber, "for a PUBREC, which is not the end of it")
        subscriber.send(wire.acknowledge(wire.PUBCOMP, first.packet_id))
        assert subscriber.take(wire.PUBLISH).payload == b"2"
        no_more(t, subscriber)
        subscriber.send(wire.acknowledge(wire.PUBREC, second.packet_id, 0x80))
        assert subscriber.take(wire.PUBLISH).payload == b"3", "a PUBREC of failure is the end of it"
        no_more(t, subscriber)


@case(5)
def messages_at_QoS_0_need_no_quota(t):
    publisher, subscriber, topic = small(t, 1)
    publisher.publish(topic, "held", 1)
    held = subscriber.take(wire.PUBLISH)
    with t.holds("MQTT-4.9.0-2"):
        publisher.publish(topic, "free", 0)
        assert subscriber.take(wire.PUBLISH).payload == b"free"
        subscriber.acknowledge(held)


@case(5)
def the_receive_maximum_counts_for_what_is_sent_again(t):
    publisher, subscriber, topic = small(t, 5, keep=60)
    for n in range(8):
        publisher.publish(topic, str(n), 1)
    for _ in range(5):
        subscriber.take(wire.PUBLISH)
    no_more(t, subscriber)
    subscriber.drop()
    subscriber = t.back(subscriber, props={"receive_maximum": 2})
    with t.holds("MQTT-3.3.4-9 MQTT-4.9.0-1"):
        waiting = [subscriber.take(wire.PUBLISH) for _ in range(2)]
        no_more(t, subscriber)
        got = []
        while waiting:
            subscriber.acknowledge(waiting[0])
            got.append(int(waiting.pop(0).payload))
            if len(got) + len(waiting) < 8:
                waiting.append(subscriber.take(wire.PUBLISH))
            no_more(t, subscriber)
        assert got == list(range(8)), got


@case(5)
def all_else_goes_on_without_quota(t):
    publisher, subscriber, topic = small(t, 1)
    for n in range(3):
        publisher.publish(topic, str(n), 1)
    subscriber.take(wire.PUBLISH)
    no_more(t, subscriber)
    with t.holds("MQTT-3.3.4-10 MQTT-4.9.0-3"):
        subscriber.subscribe((t.topic("b"), 1))
        subscriber.unsubscribe(t.topic("b"))
        for qos in (1, 2):
            subscriber.publish(t.topic("elsewhere"), "x", qos)
        subscriber.stays()
        assert not subscriber.disconnect()


@case(5)
def a_client_that_sends_more_than_the_receive_maximum_is_cut_off(t):
    peer = t.join()
    maximum = peer.connack.props.get("receive_maximum", 65535)
    with t.holds("MQTT-3.3.4-7", "up to the receive maximum"):
        for first in range(1, maximum + 1, 64):
            numbers = range(first, min(first + 64, maximum + 1))
            peer.send(*(wire.publish(5, t.topic("a"), b"", 2, number) for number in numbers))
            for number in numbers:
                peer.take(wire.PUBREC, number)
        peer.stays()
    found = t.ends("MQTT-3.3.4-7", "and one more", wire.publish(5, t.topic("a"), b"", 2, maximum + 1), peer=peer)
    t.check("MQTT-3.3.4-7", all(farewell.reason == 0x93 for farewell in found), found)


@case(5)
def a_client_that_acknowledges_may_send_for_ever(t):
    peer = t.join()
    maximum = peer.connack.props.get("receive_maximum", 65535)
    with t.holds("MQTT-4.9.0-3"):
        for n in range(2 * min(maximum, 1000) // 50 + 1):
            numbers = [n * 50 + at + 1 for at in range(min(50, maximum))]
            peer.send(*(wire.publish(5, t.topic("a"), b"", 1, number) for number in numbers))
            for number in numbers:
                peer.take(wire.PUBACK, number)
        peer.stays()
