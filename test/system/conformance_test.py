#!/usr/bin/python3
"""The statements of MQTT 3.1.1 and 5.0, one by one, on a real server; and the table of them. (also: dev)

SEALPOST_WRITE_PAGES=1 writes docs/mqtt-conformance.md anew.
"""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "test", folder) for folder in ("support", "conformance")]
import harness  # noqa: E402
import mqtt_wire as wire  # noqa: E402
import run  # noqa: E402
import runner  # noqa: E402
import table  # noqa: E402
from daemon import Daemon  # noqa: E402
from system import GENEROUS, merged  # noqa: E402

# A retained message of NO_ROOM bytes can be sent, and not be kept next to nothing.
NO_ROOM = 240_000
SETTINGS = {"mqtt": {"retained_bytes_max": 230_000}}


class ConformanceCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(("mqtt", "open-mqtt", "open-ws"), "echo", merged(GENEROUS, SETTINGS)).start()
        cls.addClassCleanup(cls.daemon.remove)
        cls.broker = cls.broker_of(cls.daemon)

    @staticmethod
    def broker_of(daemon):
        ports = {"tcp": daemon.ports["open-mqtt"], "ws": daemon.ports["open-ws"], "auth": daemon.ports["mqtt"]}
        return harness.Broker("127.0.0.1", ports, NO_ROOM)


class Statements(ConformanceCase):
    """All cases are run at once; each is then a test of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outcomes = {outcome.case: outcome for outcome in run.run(cls.broker)}
        cls.report = [row for outcome in cls.outcomes.values() for row in outcome.rows()]

    @classmethod
    def tearDownClass(cls):
        if cls.daemon.terminate() != 0:
            raise AssertionError(f"the server did not end well:\n{cls.daemon.log_tail()}")
        cls.daemon.must_be_clean()

    @classmethod
    def add(cls, case):
        def test(self):
            outcome = self.outcomes[case]
            self.assertIsNotNone(outcome.good, outcome.detail)
            self.assertTrue(outcome.good, outcome.detail)
        test.__name__ = f"test_{case}".replace(" ", "_")
        setattr(cls, test.__name__, test)

    def test_each_statement_has_a_test_or_a_reason(self):
        self.assertEqual(list(table.faults(self.report)), [])

    def test_the_page_is_what_was_found(self):
        if os.environ.get("SEALPOST_WRITE_PAGES"):
            table.write_page(self.report)
        self.assertEqual(table.page_faults(self.report), [])


for a_case in harness.CASES:
    Statements.add(a_case)


class OverARestart(ConformanceCase):
    """What the standards leave to the server: its sessions and retained messages are on disk."""

    def trial(self, version):
        trial = harness.Trial(harness.Case(self.trial, version, False), self.broker)
        self.addCleanup(lambda: [peer.close() for peer in trial.peers])
        return trial

    def test_sessions_retained_messages_and_open_exchanges_survive_a_kill(self):
        trials = [self.trial(version) for version in harness.VERSIONS]
        left = [self.leave(t) for t in trials]
        self.daemon.restart()
        for t, (peer, opened) in zip(trials, left):
            with self.subTest(harness.VERSIONS[t.v]):
                self.find(t, t.back(peer), opened)

    @staticmethod
    def leave(t):
        """A session with a subscription, a message that was sent, one that waits, and one half taken over."""
        peer, publisher = t.join(keep=600), t.join()
        peer.subscribe((t.topic("a"), 2))
        publisher.publish(t.topic("kept"), "retained", 1, retain=True)
        publisher.publish(t.topic("a"), "sent", 2)
        opened = peer.take(wire.PUBLISH)
        peer.send(wire.publish(t.v, t.topic("a"), b"half", 2, 99))
        peer.take(wire.PUBREC, 99)
        peer.take(wire.PUBLISH)
        peer.drop()
        publisher.publish(t.topic("a"), "waits", 1)
        return peer, opened

    def find(self, t, peer, opened):
        self.assertTrue(peer.connack.session_present)
        again = [peer.take(wire.PUBLISH) for _ in range(3)]
        self.assertEqual([message.payload for message in again], [b"sent", b"half", b"waits"])
        self.assertEqual((again[0].packet_id, again[0].dup), (opened.packet_id, True))
        for message in again:
            peer.acknowledge(message)
        peer.send(wire.publish(t.v, t.topic("a"), b"half", 2, 99, dup=True))
        peer.take(wire.PUBREC, 99)
        peer.send(wire.acknowledge(wire.PUBREL, 99))
        peer.take(wire.PUBCOMP, 99)
        t.reaches_nobody(t.join(), peer)  # it was delivered once
        peer.subscribe((t.topic("kept"), 1))
        self.assertEqual(peer.message().payload, b"retained")

    def test_a_server_that_stops_says_so(self):
        five, four = self.trial(5).join(), self.trial(4).join()
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertEqual([packet.reason for packet in five.end()], [0x8B])
        self.assertEqual(four.end(), [])
        self.daemon.start()


if __name__ == "__main__":
    runner.main()
