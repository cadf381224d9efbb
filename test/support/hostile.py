"""What tests of hostile MQTT clients share: whatever was tried, a good client is served and nothing is wrong inside."""
import contextlib

import mqtt_wire as wire
from daemon import PATIENCE
from ordinary import OrdinaryCase
from sealpost_client import Closed, TimedOut
from system import wait_until

# What memory may grow by for other reasons than the one at hand; sanitizers keep what was freed for a while.
SLACK = (24 if PATIENCE < 4 else 700) << 20


class HostileMqttCase(OrdinaryCase):
    kinds = ("mqtt", "http", "open-mqtt", "health-http")

    def setUp(self):
        self.good = self.plain("good")
        self.good.subscribe(("good", 2))

    def tearDown(self):
        for qos in (0, 1, 2):
            self.good.publish("good", str(qos), qos)
            self.assertEqual(self.good.message().payload.decode(), str(qos))
        self.daemon.must_be_clean()
        self.assertTrue(self.daemon.running)

    @contextlib.contextmanager
    def memory_grows_by_at_most(self, allowed):
        before = self.daemon.resident_bytes()
        yield
        grown = self.daemon.resident_bytes() - before
        self.assertLess(grown, allowed + SLACK, f"{grown >> 20} MiB more")

    def dropped(self):
        return self.daemon.counter("mqtt_dropped_total")

    def ends_with(self, peer, reason, *packets):
        """The server ends the connection after `packets`: MQTT 5 is told `reason`, 3.1.1 nothing."""
        with contextlib.suppress(Closed, TimedOut):  # it need not read it all
            peer.send(*packets)
        reasons = [packet.reason for packet in peer.end() if packet.type in (wire.DISCONNECT, wire.CONNACK)]
        self.assertEqual(reasons, [reason] if peer.version == 5 else [])

    def wait_for_sessions(self, count):
        wait_until(lambda: self.daemon.counter("mqtt_sessions") == count, 10, f"{count} sessions")
