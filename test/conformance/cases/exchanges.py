"""QoS 1 and 2 on one connection, both ways (4.3)."""
from harness import case, wire


def deliver(t, qos, **options):
    """(publisher, subscriber, topic, message): a message of `qos` that the subscriber has and did not acknowledge."""
    publisher, subscriber, topic = t.join(), t.join(**options), t.topic("delivered", qos)
    subscriber.subscribe(topic)
    publisher.publish(topic, "first", qos)
    return publisher, subscriber, topic, subscriber.take(wire.PUBLISH)


@case(4, 5)
def a_receiver_at_QoS_1_acknowledges(t):
    peer, watcher, topic = t.join(), t.join(), t.topic("a")
    watcher.subscribe(topic)
    ids = "MQTT-4.3.2-4@5 MQTT-4.3.2-2@4"
    peer.send(wire.publish(t.v, topic, b"x", 1, 77))
    with t.holds(ids):
        assert peer.take(wire.PUBACK).packet_id == 77
        assert watcher.message().payload == b"x"
    with t.holds("MQTT-4.3.2-5@5 MQTT-4.3.2-2@4", "the same identifier again, with DUP"):
        for dup in (True, False):
            peer.publish(topic, f"new {dup}", 1, packet_id=77, dup=dup)
            assert watcher.message().payload == f"new {dup}".encode()


@case(4, 5)
def a_receiver_at_QoS_2_delivers_once(t):
    peer, watcher, topic = t.join(), t.join(), t.topic("a")
    watcher.subscribe(topic)
    once = "MQTT-4.3.3-10@5 MQTT-4.3.3-2@4"
    peer.send(wire.publish(t.v, topic, b"x", 2, 77))
    with t.holds("MQTT-4.3.3-8@5 MQTT-4.3.3-2@4"):
        assert peer.take(wire.PUBREC).packet_id == 77
    for dup in (True, False):
        with t.holds(once, f"again, DUP {dup}"):
            peer.send(wire.publish(t.v, topic, b"x", 2, 77, dup=dup))
            assert peer.take(wire.PUBREC).packet_id == 77
    peer.send(wire.acknowledge(wire.PUBREL, 77))
    with t.holds("MQTT-4.3.3-11@5 MQTT-4.3.3-2@4"):
        assert peer.take(wire.PUBCOMP).packet_id == 77
    with t.holds(once):
        found = t.before_marker(peer, watcher, 2)
        assert [message.payload for message in found] == [b"x"], f"{len(found)} deliveries"
    with t.holds("MQTT-4.3.3-11@5 MQTT-4.3.3-2@4", "PUBREL again"):
        peer.send(wire.acknowledge(wire.PUBREL, 77))
        answer = peer.take(wire.PUBCOMP)
        assert answer.packet_id == 77 and (t.v == 4 or answer.reason in (0, 0x92))
    with t.holds("MQTT-4.3.3-12@5 MQTT-4.3.3-2@4"):
        for dup in (False, True):
            peer.publish(topic, f"new {dup}", 2, packet_id=77, dup=dup)
            assert watcher.message().payload == f"new {dup}".encode()


@case(4, 5)
def a_receiver_at_QoS_2_delivers_once_over_a_reconnect(t):
    peer, watcher, topic = t.join(keep=60), t.join(), t.topic("a")
    watcher.subscribe(topic)
    peer.send(wire.publish(t.v, topic, b"x", 2, 77))
    peer.take(wire.PUBREC)
    peer.drop()
    peer = t.back(peer)
    with t.holds("MQTT-4.3.3-10@5 MQTT-4.3.3-2@4"):
        peer.send(wire.publish(t.v, topic, b"x", 2, 77, dup=True))
        assert peer.take(wire.PUBREC).packet_id == 77
        peer.send(wire.acknowledge(wire.PUBREL, 77))
        peer.take(wire.PUBCOMP)
        assert [message.payload for message in t.before_marker(peer, watcher, 2)] == [b"x"]


@case(5)
def an_identifier_is_free_after_a_PUBREC_of_failure(t):
    peer, watcher, topic = t.join(), t.join(), t.topic("a")
    watcher.subscribe(topic)
    peer.send(wire.publish(5, t.broker.refused, b"no", 2, 77))
    refusal = peer.take(wire.PUBREC, 77)
    assert refusal.reason >= 0x80, refusal.reason
    with t.holds("MQTT-4.3.3-9"):
        assert peer.publish(topic, "new", 2, packet_id=77).reason in (0, 0x10)
        assert watcher.message().payload == b"new"


@case(4, 5)
def a_sender_at_QoS_1_holds_until_PUBACK(t):
    holds = "MQTT-4.3.2-3@5 MQTT-4.3.2-1@4"
    publisher, subscriber, topic, first = deliver(t, 1, keep=60)
    t.check("MQTT-4.3.2-2@5 MQTT-4.3.2-1@4", first.qos == 1 and not first.dup and first.packet_id, first)
    publisher.publish(topic, "second", 1)
    second = subscriber.take(wire.PUBLISH)
    subscriber.acknowledge(second)
    subscriber.stays()
    subscriber.drop()
    subscriber = t.back(subscriber)
    with t.holds(f"{holds} MQTT-3.3.1-1 MQTT-4.4.0-1 MQTT-2.3.1-4@4"):
        again = subscriber.take(wire.PUBLISH)
        assert (again.packet_id, again.dup, again.qos) == (first.packet_id, True, 1), vars(again)
        assert again.payload == b"first"
    subscriber.acknowledge(again)
    with t.holds(holds, "the acknowledged one"):
        subscriber.stays()
        subscriber.drop()
        t.back(subscriber).stays()


@case(4, 5)
def a_sender_at_QoS_2_goes_through_its_exchange(t):
    one = "MQTT-4.3.3-1@4"
    publisher, subscriber, topic, first = deliver(t, 2, keep=60)
    t.check(f"MQTT-4.3.3-2@5 {one}", first.qos == 2 and not first.dup and first.packet_id, first)
    subscriber.drop()
    subscriber = t.back(subscriber)
    with t.holds(f"MQTT-4.3.3-3@5 MQTT-3.3.1-1 MQTT-4.4.0-1 {one}", "no PUBREC"):
        again = subscriber.take(wire.PUBLISH)
        assert (again.packet_id, again.dup, again.qos, again.payload) == (first.packet_id, True, 2, b"first")
        subscriber.stays()
    with t.holds(f"MQTT-4.3.3-4@5 {one}"):
        subscriber.send(wire.acknowledge(wire.PUBREC, first.packet_id))
        assert subscriber.take(wire.PUBREL).packet_id == first.packet_id
    subscriber.drop()
    subscriber = t.back(subscriber)
    with t.holds(f"MQTT-4.3.3-5@5 MQTT-4.3.3-6@5 MQTT-4.4.0-1 {one}", "no PUBCOMP"):
        assert subscriber.take(wire.PUBREL).packet_id == first.packet_id
        subscriber.stays()
    subscriber.send(wire.acknowledge(wire.PUBCOMP, first.packet_id))
    with t.holds(f"MQTT-4.3.3-5@5 {one}", "all done"):
        subscriber.stays()
        subscriber.drop()
        t.back(subscriber).stays()


@case(4, 5)
def a_second_PUBREC_does_not_bring_the_message_back(t):
    _, subscriber, _, first = deliver(t, 2)
    with t.holds("MQTT-4.3.3-6@5 MQTT-4.3.3-1@4"):
        subscriber.send(wire.acknowledge(wire.PUBREC, first.packet_id))
        subscriber.take(wire.PUBREL, first.packet_id)
        subscriber.send(wire.acknowledge(wire.PUBREC, first.packet_id))
        assert all(packet.type == wire.PUBREL for packet in subscriber.rest())


@case(5)
def a_message_refused_by_the_receiver_is_not_sent_again(t):
    for qos, kind in ((1, wire.PUBACK), (2, wire.PUBREC)):
        _, subscriber, _, first = deliver(t, qos, keep=60)
        subscriber.send(wire.acknowledge(kind, first.packet_id, 0x83))
        with t.holds("MQTT-4.4.0-2", f"QoS {qos}"):
            subscriber.stays()
            subscriber.drop()
            t.back(subscriber).stays()


@case(5, slow=True)
def nothing_is_sent_again_on_a_connection_that_lives(t):
    _, subscriber, _, first = deliver(t, 1)
    other = deliver(t, 2)
    other[1].send(wire.acknowledge(wire.PUBREC, other[3].packet_id))
    other[1].take(wire.PUBREL)
    t.wait(3)
    with t.holds("MQTT-4.4.0-1"):
        subscriber.stays()
        other[1].stays()
        subscriber.acknowledge(first)


@case(4, 5)
def unacknowledged_messages_come_again_in_their_order(t):
    publisher, subscriber, topic = t.join(), t.join(keep=60), t.topic("a")
    subscriber.subscribe(topic)
    for n in range(12):
        publisher.publish(topic, str(n), 1 + n % 2)
    first = [subscriber.take(wire.PUBLISH) for _ in range(12)]
    for n in (1, 7):  # these have got to their second half
        subscriber.send(wire.acknowledge(wire.PUBREC, first[n].packet_id))
        subscriber.take(wire.PUBREL, first[n].packet_id)
    subscriber.acknowledge(first[4])
    subscriber.stays()
    subscriber.drop()
    subscriber = t.back(subscriber)
    with t.holds("MQTT-4.6.0-1@4 MQTT-4.6.0-6@4 MQTT-4.6.0-5@5 MQTT-4.4.0-1"):
        again = [subscriber.take(wire.PUBLISH) for _ in range(9)]
        expected = [message for n, message in enumerate(first) if n not in (1, 4, 7)]
        for qos in (1, 2):
            assert [packet.packet_id for packet in again if packet.qos == qos] == [
                packet.packet_id for packet in expected if packet.qos == qos], [packet.payload for packet in again]
        assert [packet.payload for packet in again] == [packet.payload for packet in expected]
        assert all(packet.dup for packet in again)
    with t.holds("MQTT-4.6.0-4@4 MQTT-4.4.0-1"):
        assert [subscriber.take(wire.PUBREL).packet_id for _ in range(2)] == [first[n].packet_id for n in (1, 7)]
        subscriber.stays()


@case(4, 5)
def messages_keep_their_order(t):
    publishers, subscribers, topic = [t.join() for _ in range(2)], [t.join() for _ in range(2)], t.topic("a")
    for subscriber in subscribers:
        subscriber.subscribe(topic)
    for qos in (0, 1, 2):
        for first in range(0, 40, 8):
            for publisher in publishers:
                stream_of_eight(t.v, publisher, topic, qos, first)
        with t.holds("MQTT-4.6.0-5 MQTT-4.6.0-6", f"QoS {qos}"):
            for subscriber in subscribers:
                found = [message.payload.decode().split(":") for message in subscriber.messages(80)]
                for publisher in publishers:
                    assert [int(n) for name, n in found if name == publisher.client_id] == list(range(40)), found


def stream_of_eight(version, publisher, topic, qos, first):
    """Eight messages in one go, and all that is due to them."""
    numbers = [publisher.number() if qos else None for _ in range(8)]
    publisher.send(*(wire.publish(version, topic, f"{publisher.client_id}:{first + n}", qos, number)
                     for n, number in enumerate(numbers)))
    for number in numbers if qos else ():
        publisher.take(wire.PUBACK if qos == 1 else wire.PUBREC, number)
    if qos == 2:
        publisher.send(*(wire.acknowledge(wire.PUBREL, number) for number in numbers))
        for number in numbers:
            publisher.take(wire.PUBCOMP, number)


@case(4, 5)
def acknowledgements_keep_the_order_of_what_they_answer(t):
    peer, topic = t.join(), t.topic("a")
    numbers = [9, 3, 700, 4, 1]
    for qos, kind, id in ((1, wire.PUBACK, "MQTT-4.6.0-2@4"), (2, wire.PUBREC, "MQTT-4.6.0-3@4")):
        peer.send(*(wire.publish(t.v, topic, b"x", qos, number) for number in numbers))
        t.equal(f"{id} MQTT-4.6.0-6@4", [peer.take(kind).packet_id for _ in numbers], numbers)
    peer.send(*(wire.acknowledge(wire.PUBREL, number) for number in numbers))
    for _ in numbers:
        peer.take(wire.PUBCOMP)
    peer.subscribe(topic)
    for n in range(5):
        peer.publish(topic, str(n), 2)
    received = [peer.take(wire.PUBLISH).packet_id for _ in numbers]
    order = [received[at] for at in (2, 0, 4, 1, 3)]
    peer.send(*(wire.acknowledge(wire.PUBREC, number) for number in order))
    t.equal("MQTT-4.6.0-4@4 MQTT-4.6.0-6@4", [peer.take(wire.PUBREL).packet_id for _ in order], order)


@case(5)
def reasons_of_acknowledgements_are_of_their_tables(t):
    """Every reason is held to its table (lint.py); here each packet says success, and failure where it can."""
    peer, topic = t.join(), t.topic("a")
    unheard, heard = peer.publish(topic, "x", 1), peer.subscribe(topic) and peer.publish(topic, "x", 1)
    peer.acknowledge(peer.take(wire.PUBLISH))
    t.check("MQTT-3.4.2-1", unheard.reason in (0, 0x10) and heard.reason == 0, (unheard.reason, heard.reason))
    peer.send(wire.publish(5, topic, b"x", 2, 900))
    t.equal("MQTT-3.5.2-1", peer.take(wire.PUBREC).reason, 0)
    peer.send(wire.acknowledge(wire.PUBREL, 900))
    t.equal("MQTT-3.7.2-1", peer.take(wire.PUBCOMP).reason, 0)
    message = peer.take(wire.PUBLISH)
    peer.send(wire.acknowledge(wire.PUBREC, message.packet_id))
    t.equal("MQTT-3.6.2-1", peer.take(wire.PUBREL).reason, 0)
    peer.send(wire.acknowledge(wire.PUBCOMP, message.packet_id))
    peer.send(wire.acknowledge(wire.PUBREL, 901))
    t.check("MQTT-3.7.2-1", peer.take(wire.PUBCOMP, 901).reason in (0, 0x92), "PUBREL for nothing")
    peer.send(wire.acknowledge(wire.PUBREC, 902))
    t.check("MQTT-3.6.2-1", peer.take(wire.PUBREL, 902).reason in (0, 0x92), "PUBREC for nothing")
    for qos, kind, id in ((1, wire.PUBACK, "MQTT-3.4.2-1"), (2, wire.PUBREC, "MQTT-3.5.2-1")):
        peer.send(wire.publish(5, t.broker.refused, b"x", qos, 903))
        t.equal(id, peer.take(kind, 903).reason, 0x87, f"not allowed, QoS {qos}")
