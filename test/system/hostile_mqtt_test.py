#!/usr/bin/python3
"""Hostile bytes on an open listener: before CONNECT, wrong lengths everywhere, one byte at a time, too deep and too many.
(also: dev)

mqtt_bounds_test.py has those who keep to the protocol and ask for too much.
"""
import contextlib
import os
import selectors
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import hostile  # noqa: E402
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from sealpost_client import Closed, TimedOut  # noqa: E402

VERSIONS = (5, 4)
MALFORMED, PROTOCOL_ERROR, TOPIC_INVALID, FILTER_INVALID, TOO_LARGE, QUOTA = 0x81, 0x82, 0x90, 0x8F, 0x95, 0x97
KIB = 1024


class BeforeConnect(hostile.HostileMqttCase):
    SECONDS = 2
    settings = {"limits": {"unproven_seconds": SECONDS, "max_unproven_per_address": 150}}

    def test_connects_that_are_never_whole_take_little_memory_and_are_cut_in_time(self):
        whole = wire.connect(5, "half", will=("a", b"x" * 60_000, 0, False))
        with self.memory_grows_by_at_most(100 * 128 * KIB):
            peers = [self.dialled() for _ in range(100)]
            begun = time.monotonic()
            for peer in peers:
                peer.send(whole[:-1])
            for peer in peers:
                self.assertEqual(peer.end((self.SECONDS + 5) * PATIENCE), [])
            self.assertGreater(time.monotonic() - begun, self.SECONDS - 1)

    def test_what_announces_more_than_it_may_send_is_turned_away_at_once(self):
        for length in (65 * KIB, 10 << 20, 268_435_455):
            for version in VERSIONS:
                peer = self.dialled(version=version)
                peer.send(b"\x10" + wire.varint(length) + wire.binary("MQTT") + bytes([version]))
                begun = time.monotonic()
                peer.end()
                self.assertLess(time.monotonic() - begun, self.SECONDS / 2 * PATIENCE)

    def test_connections_that_say_nothing_are_cut_and_only_so_many_are_taken_of_one_address(self):
        silent = [self.dialled() for _ in range(200)]
        watch, closed, begun = selectors.DefaultSelector(), 0, time.monotonic()
        for peer in silent:
            watch.register(peer.pipe.socket, selectors.EVENT_READ)
        while closed < 50:  # the others have their time
            ready = watch.select(self.SECONDS - 0.5)
            self.assertTrue(ready, f"{closed} were turned away at once")
            for key, _ in ready:
                watch.unregister(key.fileobj)
            closed += len(ready)
        watch.close()
        self.assertEqual(closed, 50)
        for peer in silent:
            self.assertEqual(peer.end((self.SECONDS + 5) * PATIENCE), [])
        self.assertGreater(time.monotonic() - begun, self.SECONDS - 1)
        self.plain().stays()

    def test_a_connect_one_byte_at_a_time_is_served(self):
        for version in VERSIONS:
            peer = self.dialled(version=version)
            raw = wire.connect(version, "slow", user="u", password="p", will=("a", "b", 1, True))
            raw += wire.subscribe(version, 1, [("slow/#", 2)]) + wire.publish(version, "slow/x", "x", 2, 7)
            for at in range(len(raw)):
                peer.send(raw[at:at + 1])
            self.assertEqual(peer.next().type, wire.CONNACK)
            peer.take(wire.SUBACK, 1)
            peer.take(wire.PUBREC, 7)
            self.assertEqual(peer.message().payload, b"x")
            peer.close()

    def test_what_is_no_connect_ends_the_connection(self):
        for raw in (wire.pingreq(), wire.publish(5, "a", b"", 0), wire.subscribe(4, 1, [("a", 0)]), wire.auth(0x18),
                    wire.disconnect(5), wire.puback(1), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                    b"\0" * 64, b"\xff" * 64, b"\x10\xff\xff\xff\xff\x01", b"\x10\x00"):
            with self.subTest(raw[:8]):
                peer = self.dialled()
                peer.send(raw)
                peer.end()


def samples(version):
    """A good packet of each type that a client sends: {name: (packet, whether each cut of its body is a fault)}. MQTT 5
    lets reason codes and properties be left out."""
    five = version == 5
    props = {"user_property": [("a", "b")]} if five else None
    found = {
        "CONNECT": (wire.connect(version, "cut", props=props, user="u", password=b"p", will=("a", "b", 1, True),
                                 will_props=props), True),
        "PUBLISH": (wire.publish(version, "cut/a", b"", 1, 9, props=props), True),
        "SUBSCRIBE": (wire.subscribe(version, 9, [("cut/a", 1)], props), True),
        "UNSUBSCRIBE": (wire.unsubscribe(version, 9, ["cut/a"], props), True),
        "PINGREQ": (wire.pingreq(), True), "DISCONNECT": (wire.disconnect(version, 4, props), True),
    }
    for kind in (wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP):
        reason = 0x80 if kind in (wire.PUBACK, wire.PUBREC) else 0x92
        raw = wire.acknowledge(kind, 9, reason, props) if five else wire.acknowledge(kind, 9)
        found[wire.NAMES[kind]] = (raw, not five)
    if five:
        found["AUTH"] = (wire.auth(0x19, props=props), True)
    return found


class WrongLengths(hostile.HostileMqttCase):
    settings = {"limits": {"max_unproven_per_address": 1000}}

    def sent(self, version, name, raw):
        """A connection on which `raw` has been sent, first or behind a CONNECT."""
        peer = self.dialled(version=version)
        with contextlib.suppress(Closed):
            peer.send((b"" if name == "CONNECT" else wire.connect(version, "")) + raw)
        return peer

    def after(self, version, name, raw):
        """What comes of `raw`: 'ended' or 'served'."""
        peer = self.sent(version, name, raw + wire.pingreq())
        try:
            while peer.next().type != wire.PINGRESP:
                pass
            return "served"
        except Closed:
            return "ended"
        finally:
            peer.drop()

    def each(self):
        for version in VERSIONS:
            for name, (raw, each_cut) in samples(version).items():
                yield version, name, raw, each_cut

    def must(self, expected, version, name, raw):
        self.assertEqual(self.after(version, name, raw), expected, f"{name} of version {version}: {raw}")

    def test_each_packet_is_taken_whole(self):
        for version, name, raw, _ in self.each():
            self.must("ended" if name in ("DISCONNECT", "AUTH") else "served", version, name, raw)

    def test_a_packet_cut_short_at_any_byte_is_a_fault(self):
        for version, name, raw, each_cut in self.each():
            self.assertEqual(raw[1], len(raw) - 2)
            for length in range(raw[1]):
                cut = bytes([raw[0], length]) + raw[2:2 + length]
                shorter_form = not each_cut and length in (2, 3)
                self.must("served" if shorter_form else "ended", version, name, cut)

    def test_bytes_behind_the_end_of_a_packet_are_a_fault(self):
        for version, name, raw, _ in self.each():
            for more in (b"\0", b"\xff", b"x" * 300):
                longer = bytes([raw[0]]) + wire.varint(raw[1] + len(more)) + raw[2:] + more
                self.must("served" if name == "PUBLISH" else "ended", version, name, longer)

    def nudge(self, version, name, raw):
        """Sends what may mean anything; that it does no harm shows in who is served later."""
        peer = self.sent(version, name, raw)
        with contextlib.suppress(Closed, TimedOut):
            peer.pipe.receive(0.0005)
        peer.drop()

    def test_a_length_that_says_less_or_more_than_there_is_does_no_harm(self):
        for version, name, raw, _ in self.each():
            for length in (*range(raw[1]), raw[1] + 1, 127):
                self.nudge(version, name, bytes([raw[0], length]) + raw[2:])

    def test_each_byte_of_each_packet_altered_does_no_harm(self):
        for version, name, raw, _ in self.each():
            for at in range(len(raw)):
                for altered in (raw[at] ^ 0x80, raw[at] ^ 1, 0xFF):
                    self.nudge(version, name, raw[:at] + bytes([altered]) + raw[at + 1:])

    def test_a_length_of_more_bytes_than_four_or_than_it_needs_is_a_fault(self):
        for version in VERSIONS:
            for length in (b"\x80\x00", b"\x80\x80\x00", b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f", b"\x82\x00"):
                peer = self.plain(version=version)
                self.ends_with(peer, MALFORMED, b"\xc0" + length)


class TooMuchInOnePacket(hostile.HostileMqttCase):
    def test_ten_thousand_user_properties_are_refused_in_each_packet(self):
        bomb = {"user_property": [("", "")] * 10_000}
        with self.memory_grows_by_at_most(8 << 20):
            for _ in range(10):
                for raw in (wire.publish(5, "a", b"x", 1, 9, props=bomb), wire.subscribe(5, 9, [("a", 0)], bomb),
                            wire.unsubscribe(5, 9, ["a"], bomb), wire.disconnect(5, 0, bomb),
                            *(wire.acknowledge(kind, 9, 0, bomb) for kind in range(wire.PUBACK, wire.PUBCOMP + 1))):
                    self.ends_with(self.plain(), QUOTA, raw)
                peer = self.dialled()
                self.ends_with(peer, QUOTA, wire.connect(5, "bomb", props=bomb))
                peer = self.dialled()
                self.ends_with(peer, QUOTA, wire.connect(5, "bomb", will=("a", "b", 0, False), will_props=bomb))

    def test_a_thousand_user_properties_are_passed_on(self):
        many = {"user_property": [("name", str(n)) for n in range(1000)]}
        self.good.publish("good", "x", 1, props=many)
        self.assertEqual(self.good.message().props, many)

    def test_more_than_a_thousand_filters_in_one_packet_are_refused(self):
        for version in VERSIONS:
            filters = [(f"many/{n}", 0) for n in range(1024)]
            peer = self.plain(version=version)
            self.assertEqual(peer.subscribe(*filters).reasons, [0] * 1024)
            self.ends_with(peer, QUOTA, wire.subscribe(version, 9, filters + [("one/more", 0)]))
            peer = self.plain(version=version)
            self.ends_with(peer, QUOTA, wire.unsubscribe(version, 9, [f"many/{n}" for n in range(1025)]))

    def test_a_packet_larger_than_allowed_is_refused_before_it_has_come(self):
        maximum = self.good.connack.props["maximum_packet_size"]
        for version in VERSIONS:
            peer = self.plain(version=version)
            begun = time.monotonic()
            self.ends_with(peer, TOO_LARGE, b"\x30" + wire.varint(maximum) + b"\0\1a")
            self.assertLess(time.monotonic() - begun, 3 * PATIENCE)

    def test_a_topic_of_two_hundred_levels_is_taken_and_deeper_ones_are_refused(self):
        deepest = "/".join(["d"] * 200)
        for version in VERSIONS:
            peer = self.plain(version=version)
            peer.subscribe("d/#", "/".join(["d"] * 199 + ["+"]))
            peer.publish(deepest, "x", 1, retain=True)
            self.assertEqual(peer.message().topic, deepest)
            peer.publish(deepest, "", 1, retain=True)
            for topic in (deepest + "/d", "/" * 65_535, "/" * 200, "d/" * 32_767):
                for retain in (False, True):
                    other = self.plain(version=version)
                    self.ends_with(other, TOPIC_INVALID, wire.publish(version, topic, "x", 1, 9, retain))
            for filter_ in (deepest + "/#", "/" * 65_535, "+/" * 1000 + "+", "+/" * 1000 + "#",
                            "$share/g/" + "+/" * 1000 + "x"):
                other = self.plain(version=version)
                self.ends_with(other, FILTER_INVALID, wire.subscribe(version, 9, [(filter_, 0)]))
                other = self.plain(version=version)
                self.ends_with(other, FILTER_INVALID, wire.unsubscribe(version, 9, [filter_]))
            peer.close()

    def test_a_will_on_a_topic_that_is_too_deep_is_refused(self):
        peer = self.dialled()
        self.ends_with(peer, TOPIC_INVALID, wire.connect(5, "", will=("/" * 60_000, "x", 0, False)))

    def test_the_longest_topics_and_filters_come_through(self):
        topic = "t" * 65_535
        self.good.subscribe((topic, 2))
        self.good.publish(topic, "x", 2)
        self.assertEqual(self.good.message().topic, topic)
        self.good.unsubscribe(topic)


class InTime(hostile.HostileMqttCase):
    def test_who_is_silent_for_one_and_a_half_keep_alives_is_cut_and_its_will_sent(self):
        self.good.subscribe(("wills/#", 1))
        peers = [self.plain(version=version, keep_alive=1, will=(f"wills/{n}", "gone", 0, False))
                 for n in range(20) for version in VERSIONS]
        for peer in peers:
            found = peer.end(8 * PATIENCE)
            self.assertEqual([packet.reason for packet in found], [0x8D] if peer.version == 5 else [])
        self.good.messages(len(peers))

    def test_bytes_that_never_make_a_packet_keep_nobody_alive(self):
        for version in VERSIONS:
            peer = self.plain(version=version, keep_alive=1)
            raw, begun = wire.publish(version, "drip", b"x" * 100_000, 1, 1), time.monotonic()
            with self.assertRaises(Closed):
                for at in range(len(raw)):
                    peer.send(raw[at:at + 1])
                    with contextlib.suppress(TimedOut):
                        peer.raw += peer.pipe.receive(0.1)
                    self.assertLess(time.monotonic() - begun, 10 * PATIENCE)

    def test_a_thousand_connections_broken_without_a_word_leave_nothing(self):
        before = self.daemon.counter("mqtt_sessions")
        with self.memory_grows_by_at_most(8 << 20):
            for n in range(1000):
                peer = self.dialled(version=VERSIONS[n % 2])
                peer.send(wire.connect(peer.version, "") + wire.subscribe(peer.version, 1, [("#", 2)]))
                peer.drop()
            self.wait_for_sessions(before)


if __name__ == "__main__":
    runner.main()
