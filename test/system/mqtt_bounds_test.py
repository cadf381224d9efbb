#!/usr/bin/python3
"""Clients that keep to the protocol and ask for too much: each bound of [mqtt] holds, and memory with it. (also: dev)

hostile_mqtt_test.py has those who do not keep to the protocol.
"""
import contextlib
import os
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import hostile  # noqa: E402
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from sealpost_client import Closed, TimedOut  # noqa: E402
from system import wait_until  # noqa: E402

VERSIONS = (5, 4)
RECEIVE_MAXIMUM, QUOTA, TAKEN_OVER = 0x93, 0x97, 0x8E
MIB = 1 << 20


def windows(items, size=200):
    return (items[at:at + size] for at in range(0, len(items), size))


class Subscriptions(hostile.HostileMqttCase):
    settings = {"mqtt": {"subscriptions_max": 100}}

    def test_a_session_has_so_many_subscriptions_and_no_more(self):
        for version, keep in ((5, 600), (4, 600), (5, None), (4, None)):
            peer = self.plain("hoarder" if keep else "", version=version, keep=keep)
            refused = QUOTA if version == 5 else 0x80
            filters = [f"s/{n}" for n in range(90)] + [f"s/+/{n}" for n in range(9)] + ["$share/g/s/#"]
            self.assertEqual(peer.subscribe(*filters).reasons, [2] * 100)
            self.assertEqual(peer.subscribe("one/more", "s/0", "$share/g/more", ("s/1", 0)).reasons,
                             [refused, 2, refused, 0])
            peer.unsubscribe("s/5")
            self.assertEqual(peer.subscribe("one/more", "and/more").reasons, [2, refused])
            if keep:
                peer.drop()
                peer = self.plain("hoarder", version=version, keep=keep)
                self.assertTrue(peer.connack.session_present)
                self.assertEqual(peer.subscribe("and/more", "s/0").reasons, [refused, 2])
            self.assertTrue(self.plain("hoarder", clean=True))

    def test_long_and_deep_filters_take_bounded_memory(self):
        """For all of a session there are 2 KiB for each subscription that it may have, and one filter fits always."""
        long, deep = "x" * 60_000, "/".join("y" * 190)
        with self.memory_grows_by_at_most(20 * MIB):
            for kind, filters in (("long", [f"{at}/{long}" for at in range(100)]),
                                  ("deep", [f"{at}/+/{deep}/#" for at in range(100)])):
                for n in range(20):
                    peer = self.plain(kind, keep=600) if n == 0 else self.plain()
                    reasons = [peer.subscribe((f"{n}/{name}", 0)).reasons[0] for name in filters]
                    self.assertEqual(reasons, sorted(reasons))
                    self.assertIn(reasons.count(0), range(3, 10))
                    self.assertEqual(set(reasons), {0, QUOTA})
        self.give_back("long", f"0/1/{long}", f"0/80/{long}")
        self.give_back("deep", f"0/1/+/{deep}/#", f"0/80/+/{deep}/#")

    def give_back(self, client_id, held, wanted):
        """What a session has given up it can have again, also after a restart of the server."""
        peer = self.plain(client_id, keep=600)
        self.assertEqual(peer.subscribe(wanted).reasons, [QUOTA])
        peer.unsubscribe(held)
        self.assertEqual(peer.subscribe(wanted, held).reasons, [2, QUOTA])
        self.plain(client_id, clean=True).close()


class Retained(hostile.HostileMqttCase):
    """Of the messages that may be retained, $SYS/broker/version is one."""
    settings = {"mqtt": {"retained_messages_max": 151, "retained_bytes_max": 4 * MIB}}

    def keep(self, peer, topic, payload, qos=1):
        return peer.publish(topic, payload, qos, retain=True)

    def clear(self):
        """Of what earlier tests have left."""
        peer = self.plain()
        peer.subscribe(("#", 0))
        topics = [found.topic for found in peer.rest() if found.retain]
        for topic in topics:
            self.keep(peer, topic, "")
        peer.close()
        return len(topics)

    def test_so_many_messages_are_retained_and_no_more(self):
        self.clear()
        peer = self.plain()
        for n in range(150):
            self.assertLess(self.keep(peer, f"r/{n}", "x", n % 2 + 1).reason, 0x80)
        for qos in (1, 2):
            self.assertEqual(self.keep(peer, "r/one-more", "x", qos).reason, QUOTA)
        self.keep(peer, "r/one-more", "x", 0)  # nobody can be told
        peer.stays()
        self.assertLess(self.keep(peer, "r/5", "another").reason, 0x80)
        self.assertLess(self.keep(peer, "r/6", "").reason, 0x80)
        self.assertLess(self.keep(peer, "r/one-more", "x").reason, 0x80)
        self.assertEqual(self.clear(), 150)

    def test_so_many_bytes_are_retained_and_no_more(self):
        self.clear()
        peer, kept = self.plain(), 0
        while self.keep(peer, f"r/{kept}", b"x" * 100_000).reason < 0x80:
            kept += 1
            self.assertLess(kept, 43)
        self.assertGreater(kept, 30)
        self.assertEqual(self.clear(), kept)

    def test_an_older_client_that_asks_for_too_much_is_cut(self):
        self.clear()
        peer = self.plain(version=4)
        with contextlib.suppress(Closed):
            for n in range(151):
                self.keep(peer, f"r/{n}", "x")
            self.fail("151 messages are retained")
        self.assertEqual(self.clear(), 150)

    def test_a_flood_of_retained_messages_that_nobody_waits_for_takes_bounded_memory(self):
        self.clear()
        with self.memory_grows_by_at_most(64 * MIB):
            peer = self.plain()
            for n in range(30_000):  # 150 MB
                peer.send(wire.publish(5, f"r/{n % 200}", b"x" * 5000, 0, retain=True))
            peer.stays()
            self.good.publish("good", "x", 2)
            self.good.message()
        self.clear()


class ManyRetained(hostile.HostileMqttCase):
    COUNT = 10_000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        filler = cls("fill")
        filler.fill()
        filler.doCleanups()

    def fill(self):
        peer = self.plain()
        for part in windows(range(self.COUNT)):
            peer.send(*(wire.publish(5, f"many/{n}", str(n), 1, n + 1, retain=True) for n in part))
            for n in part:
                self.assertLess(peer.take(wire.PUBACK, n + 1).reason, 0x80)

    def everything(self, peer, filter_, qos):
        peer.send(wire.subscribe(peer.version, 1, [(filter_, qos)]))
        peer.take(wire.SUBACK)
        found = peer.messages(self.COUNT)
        self.assertEqual(sorted(int(message.payload) for message in found), list(range(self.COUNT)))
        self.assertTrue(all(message.retain and message.qos == min(qos, 1) for message in found))

    def test_a_subscription_to_all_of_ten_thousand_retained_messages_gets_them_all(self):
        for version in VERSIONS:
            for keep, qos in ((None, 0), (None, 1), (600, 1)):
                peer = self.plain("all" if keep else "", version=version, keep=keep)
                self.everything(peer, "#" if qos else "many/+", qos)
                peer.stays()
                peer.close()
        self.plain("all", clean=True).close()

    def test_asking_for_all_of_it_again_and_again_without_taking_it_is_bounded(self):
        for keep in (None, 600):
            before = self.dropped()
            with self.memory_grows_by_at_most(60 * MIB):
                peer = self.plain("greedy", keep=keep)
                for n in range(60):
                    peer.send(wire.subscribe(5, n + 1, [("#", 1)]))
                self.good.publish("good", "x", 2)
                self.good.message()
                expected = before + 58 * self.COUNT  # there is room for one answer, and for what it is sent
                wait_until(lambda: self.dropped() >= expected, 60, "what has no room is dropped")
            peer.drop()
            self.plain("greedy", clean=True).close()


class Exchanges(hostile.HostileMqttCase):
    def test_a_packet_id_of_qos_2_used_again_before_its_release_brings_the_message_once(self):
        for version in VERSIONS:
            for keep in (None, 600):
                peer = self.plain("again" if keep else "", version=version, keep=keep)
                peer.subscribe(("twice", 2))
                for n in range(500):
                    peer.send(wire.publish(version, "twice", str(n), 2, 7, dup=n > 0))
                self.assertLess(peer.take(wire.PUBREC, 7).reason, 0x80)
                self.assertEqual(peer.message().payload, b"0")
                # Each is answered, or all that came before the first was on disk together.
                self.assertTrue(all(found.type == wire.PUBREC and found.reason < 0x80 for found in peer.rest()))
                peer.send(wire.acknowledge(wire.PUBREL, 7))
                peer.take(wire.PUBCOMP, 7)
                peer.stays()
                peer.publish("twice", "next", 2, packet_id=7)
                self.assertEqual(peer.message().payload, b"next")
                self.plain("again", clean=True).close()

    def test_more_unreleased_messages_than_the_receive_maximum_end_the_connection(self):
        maximum = self.good.connack.props.get("receive_maximum", 65_535)
        peer = self.plain()
        for n in range(maximum):
            peer.send(wire.publish(5, "never", "x", 2, n + 1))
            peer.take(wire.PUBREC, n + 1)
        peer.stays()
        self.ends_with(peer, RECEIVE_MAXIMUM, wire.publish(5, "never", "x", 2, maximum + 1))

    def test_all_packet_ids_of_an_older_client_can_stay_unreleased_in_little_memory(self):
        with self.memory_grows_by_at_most(8 * MIB):
            peer = self.plain("never", version=4, keep=600)
            for part in windows(range(1, 20_001)):
                peer.send(*(wire.publish(4, "never", "x", 2, number) for number in part))
                for number in part:
                    peer.take(wire.PUBREC, number)
            peer.drop()
            peer = self.plain("never", version=4, keep=600)
            for number in (1, 20_000, 30_000):
                peer.send(wire.acknowledge(wire.PUBREL, number))
                peer.take(wire.PUBCOMP, number)
        self.plain("never", clean=True).close()

    def test_answers_to_what_was_never_sent_change_nothing(self):
        for version in VERSIONS:
            peer = self.plain(version=version)
            for number in (1, 9, 65_535):
                peer.send(*(wire.acknowledge(kind, number) for kind in (wire.PUBACK, wire.PUBCOMP)))
                peer.send(wire.acknowledge(wire.PUBREC, number))
                self.assertEqual(peer.take(wire.PUBREL, number).reason, 0x92 if version == 5 else 0)
                peer.send(wire.acknowledge(wire.PUBREL, number))
                self.assertEqual(peer.take(wire.PUBCOMP, number).reason, 0x92 if version == 5 else 0)
            peer.stays()


class SlowReaders(hostile.HostileMqttCase):
    QUEUED, SIZE = 200, 8192
    settings = {"mqtt": {"queued_messages_max": QUEUED, "queued_bytes_max": 4 * MIB},
                "app": {"clients_publish": ["app/#"], "clients_subscribe": ["app/#"]}}

    def flood(self, topic, count, qos):
        publisher = self.plain()
        for part in windows(range(count)):
            publisher.send(*(wire.publish(5, topic, str(n).ljust(self.SIZE), qos, n + 1 if qos else None)
                             for n in part))
            for n in part if qos else ():
                publisher.take(wire.PUBACK if qos == 1 else wire.PUBREC, n + 1)
                if qos == 2:
                    publisher.send(wire.acknowledge(wire.PUBREL, n + 1))
                    publisher.take(wire.PUBCOMP, n + 1)
        publisher.stays()
        publisher.close()

    def test_what_a_slow_reader_does_not_take_is_dropped_and_counted_and_the_rest_is_in_order(self):
        for version in VERSIONS:
            for keep, granted, qos in ((None, 0, 0), (None, 1, 1), (600, 1, 1), (600, 2, 2)):
                with self.subTest(f"version {version} QoS {qos} {'persistent' if keep else ''}"):
                    self.assert_bounded(self.plain("slow", version=version, keep=keep), granted, qos)

    def assert_bounded(self, slow, granted, qos):
        slow.subscribe(("slow", granted))
        before, count = self.dropped(), 2000
        with self.memory_grows_by_at_most(8 * MIB):
            self.flood("slow", count, qos)
        dropped = self.dropped() - before
        self.assertGreater(dropped, 0)
        got = []
        with contextlib.suppress(TimedOut):
            while len(got) < count - dropped:
                got.append(int(slow.message().payload))
        self.assertEqual(len(got), count - dropped, "dropped and taken make all")
        self.assertEqual(got, sorted(set(got)))
        self.assertEqual(got[:self.QUEUED // 2], list(range(self.QUEUED // 2)), "the oldest stay, the newest go")
        self.good.publish("slow", "after", qos)
        self.assertEqual(slow.message().payload, b"after")
        slow.stays()
        self.plain("slow", clean=True).close()

    def test_what_waits_for_one_who_is_away_is_bounded_too(self):
        for limit, size in ((self.QUEUED, 1), (4 * MIB // 100_000, 100_000)):
            self.plain("away", keep=600).subscribe(("away", 1))
            self.plain("away", keep=600).drop()
            before = self.dropped()
            for n in range(limit + 50):
                self.good.publish("away", str(n).ljust(size), 1)
            away = self.plain("away", keep=600)
            got = [int(found.payload) for found in away.messages(limit + 50 - (self.dropped() - before))]
            self.assertEqual(got, list(range(len(got))))
            self.assertGreater(len(got), limit * 0.9)
            self.assertLessEqual(len(got), limit + 1)
            self.plain("away", clean=True).close()

    def test_answers_that_a_client_does_not_take_keep_it_from_asking(self):
        asks = {"PINGREQ": wire.pingreq() * 10_000, "QoS 1": wire.publish(5, "x", b"", 1, 1) * 1000,
                "SUBSCRIBE": wire.subscribe(5, 1, [("x", 0)]) * 1000, "PUBREL": wire.acknowledge(wire.PUBREL, 1) * 1000}
        for keep in (None, 600):
            for name, raw in asks.items():
                with self.subTest(name), self.memory_grows_by_at_most(8 * MIB):
                    peer = self.plain("asks", keep=keep)
                    with contextlib.suppress(TimedOut, Closed):
                        for _ in range(1000):
                            peer.pipe.send(raw, 0.3)
                    begun = time.monotonic()
                    self.plain("other", keep=600).subscribe("other")  # what waits for a commit too is not held up
                    self.assertLess(time.monotonic() - begun, 2 * PATIENCE)
                    peer.drop()
        for client_id in ("asks", "other"):
            self.plain(client_id, clean=True).close()


    def test_a_client_with_an_identity_that_does_not_take_its_answers_is_held_up_too(self):
        for name, raw in (("PINGREQ", wire.pingreq() * 10_000), ("SUBSCRIBE", wire.subscribe(5, 1, [("app/x", 0)]) * 1000),
                          ("PUBLISH", wire.publish(5, "app/x", b"x" * 1000, 0, retain=True) * 100)):
            anna = self.proven("anna")
            anna.subscribe_app("app/x")
            with self.subTest(name), self.memory_grows_by_at_most(12 * MIB):
                with contextlib.suppress(TimedOut, Closed):
                    for _ in range(500):
                        anna.pipe.send(raw, 0.3)
            anna.close()
        self.good.publish("app/x", "", 1, retain=True)

    def test_more_requests_than_may_wait_are_all_answered(self):
        count = 3000
        for version in VERSIONS:
            peer, anna = self.plain("asks", version=version, keep=600), self.proven("anna", version)
            for client in (peer, anna):
                client.send(b"".join(wire.subscribe(version, n + 1, [(f"app/{n % 50}", 0)]) for n in range(count)))
                client.send(b"".join(wire.publish(version, "app/retained", str(n), 0, retain=True)
                                     for n in range(count)))
                client.send(b"".join(wire.unsubscribe(version, n + 1, [f"app/{n % 50}"]) for n in range(count)))
            for n in range(count):
                self.assertEqual(peer.take(wire.SUBACK, n + 1).reasons, [0])
            for n in range(count):
                peer.take(wire.UNSUBACK, n + 1)
            for kind in (wire.SUBACK, wire.UNSUBACK):  # what had nothing to write overtakes
                self.assertEqual({anna.wait_packet(kind).packet_id for _ in range(count)}, set(range(1, count + 1)))
            peer.stays()
            self.assertTrue(anna.stays_open())
            anna.close()
        self.good.publish("app/retained", "", 1, retain=True)
        self.plain("asks", clean=True).close()


class Sessions(hostile.HostileMqttCase):
    settings = {"mqtt": {"sessions_max": 50}}

    def test_so_many_sessions_there_are_and_no_more(self):
        keepers = [self.plain(f"k{n}", version=VERSIONS[n % 2], keep=600) for n in range(49)]  # and the good one
        for version in VERSIONS:
            peer = self.dialled(version=version)
            peer.send_connect("one-more")
            self.assertEqual(peer.next().reason, QUOTA if version == 5 else 3)
        keepers[0].drop()
        again = self.plain("k0", keep=600)
        self.assertTrue(again.connack.session_present)
        self.plain("k1", keep=None, clean=True)  # one that takes the place of its own
        for n in range(49):
            self.plain(f"k{n}", clean=True).disconnect()
        self.wait_for_sessions(1)
        self.plain("one-more").stays()

    def test_sessions_that_end_make_room(self):
        for n in range(200):
            peer = self.plain(f"e{n}", keep=0)
            peer.subscribe("#")
            peer.disconnect()
        self.wait_for_sessions(1)


class Takeovers(hostile.HostileMqttCase):
    THREADS, SECONDS = 8, 3
    MOST = 4000  # connections, which this process holds open

    def test_a_storm_of_takeovers_leaves_one_connection_and_loses_nothing(self):
        for version in VERSIONS:
            with self.subTest(f"MQTT version {version}"):
                self.storm(version)

    def storm(self, version):
        first = self.plain("storm", version=version, keep=600)
        first.subscribe(("storm", 1))
        self.got, self.connections, self.faults, stop = set(), [], [], threading.Event()
        threads = [threading.Thread(target=self.connect_again_and_again, args=(version, stop))
                   for _ in range(self.THREADS)]
        for thread in threads:
            thread.start()
        sent, deadline = 0, time.monotonic() + self.SECONDS
        while time.monotonic() < deadline:
            self.assertEqual(self.good.publish("storm", str(sent), 1).reason, 0)
            sent += 1
        stop.set()
        for thread in threads:
            thread.join(60 * PATIENCE)
        self.assertEqual(self.faults, [])
        self.assertGreater(len(self.connections), 5 * self.THREADS)
        self.drain(sent)
        self.plain("storm", clean=True).close()

    def drain(self, sent):
        """Exactly one of the connections is there, and gets what is left."""
        alive = [peer for peer in self.connections if not peer.ended and self.is_alive(peer)]
        self.assertEqual(len(alive), 1)
        deadline = time.monotonic() + 20 * PATIENCE
        while len(self.got) < sent and time.monotonic() < deadline:
            self.got.add(int(alive[0].message().payload))
        self.assertEqual(self.got, set(range(sent)))
        alive[0].close()

    def is_alive(self, peer):
        try:
            peer.send(wire.pingreq())
            peer.take(wire.PINGRESP)
            return True
        except (Closed, TimedOut):
            return False

    def connect_again_and_again(self, version, stop):
        try:
            while not stop.is_set() and len(self.connections) < self.MOST:
                peer = self.dialled(version=version)
                peer.send_connect("storm", clean=False, props={"session_expiry": 600} if version == 5 else None)
                self.connections.append(peer)
                self.read_for_a_while(peer)
        except Exception as error:  # of a thread: the test must hear of it
            self.faults.append(repr(error))

    def read_for_a_while(self, peer):
        """A few packets, all acknowledged, until another connection takes over or the next one does."""
        with contextlib.suppress(Closed, TimedOut):
            connack = peer.next(0.5)
            if connack.type != wire.CONNACK or connack.reason != 0 or not connack.session_present:
                self.faults.append(f"{connack.name} {connack.reason:#x}")
            for _ in range(5):
                found = peer.next(0.05)
                if found.type == wire.PUBLISH:
                    self.got.add(int(found.payload))
                    peer.acknowledge(found)
                elif found.type != wire.DISCONNECT or found.reason != TAKEN_OVER:
                    self.faults.append(f"{found.name}")


class OnDisk(hostile.HostileMqttCase):
    settings = {"mqtt": {"queued_messages_max": 20}}

    def rows(self, table):
        """How many there are, once the server has stopped."""
        self.assertEqual(self.daemon.terminate(), 0)
        with contextlib.closing(sqlite3.connect(os.path.join(self.daemon.data_dir, "log.db"))) as log:
            count = log.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        self.daemon.start()
        self.setUp()
        return count

    def away(self, *names, topic="disk"):
        for name in names:
            peer = self.plain(name, keep=600)
            peer.subscribe((topic, 2))
            peer.drop()

    def test_messages_that_had_no_room_leave_nothing_on_disk(self):
        self.away("a", "b")
        for n in range(200):
            self.good.publish("disk", str(n), n % 2 + 1)
        self.assertEqual(self.rows("mqtt_message"), 20)
        self.assertEqual(self.rows("mqtt_delivery"), 40)
        for name in ("a", "b"):
            self.take_all(name, 20)
            self.plain(name, clean=True).disconnect()
        self.assertEqual(self.rows("mqtt_message") + self.rows("mqtt_delivery") + self.rows("mqtt_session"), 0)

    def take_all(self, name, count):
        peer = self.plain(name, keep=600)
        peer.messages(count)
        peer.stays()

    def test_a_message_of_two_is_gone_when_one_has_it_and_the_other_has_ended_in_either_order(self):
        for first_ends in (True, False):
            self.away("a", "b")
            for n in range(10):
                self.good.publish("disk", str(n), 2)
            steps = [lambda: self.plain("a", clean=True).close(),
                     lambda: self.take_all("b", 10)]
            for step in steps if first_ends else reversed(steps):
                step()
            self.assertEqual(self.rows("mqtt_message"), 0, f"the one that ends is first: {first_ends}")
            self.plain("b", clean=True).close()

    def test_sessions_that_end_while_they_are_sent_to_leave_nothing_on_disk(self):
        for round_ in range(30):
            peer = self.plain("ends", keep=600)
            peer.subscribe(("disk", 1))
            for n in range(20):
                self.good.send(wire.publish(5, "disk", str(n), 1, n + 1))
            again = self.plain("ends", clean=True)
            for n in range(20):
                self.good.take(wire.PUBACK, n + 1)
            again.close()
        self.assertEqual(self.rows("mqtt_message") + self.rows("mqtt_delivery") + self.rows("mqtt_session"), 0)


class Shares(hostile.HostileMqttCase):
    settings = {"mqtt": {"queued_messages_max": 20}}

    def test_a_share_whose_members_are_all_away_keeps_its_messages_for_them(self):
        names = ("m0", "m1", "m2")
        for n, name in enumerate(names):
            peer = self.plain(name, version=VERSIONS[n % 2], keep=600)
            peer.subscribe(("$share/away/work", 2))
            peer.drop()
        self.good.publish("work", "nobody", 0)
        before = self.dropped()
        for n in range(100):
            self.assertEqual(self.good.publish("work", str(n), n % 2 + 1).reason, 0)
        dropped = self.dropped() - before
        got = []
        for n, name in enumerate(names):
            peer = self.plain(name, version=VERSIONS[n % 2], keep=600)
            self.assertTrue(peer.connack.session_present)
            found = peer.messages(20)
            got += [int(message.payload) for message in found]
            peer.stays()
            peer.close()
            self.plain(name, clean=True).close()
        self.assertEqual((len(got), len(set(got)), dropped), (60, 60, 40))

    def test_a_share_without_members_takes_nothing(self):
        peer = self.plain()
        peer.subscribe("$share/gone/work")
        peer.disconnect()
        self.assertEqual(self.good.publish("work", "x", 1).reason, 0x10)


if __name__ == "__main__":
    runner.main()
