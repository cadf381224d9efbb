#!/usr/bin/python3
"""Server and clients in network namespaces of their own, over a link that is narrow, drops packets, or is down.

Nothing acknowledged is lost, doubled or misordered; judged by the clients' ledgers. Needs root, for `ip netns` and `tc`."""
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from stage import TICKET, Stage  # noqa: E402
from system import wait_until  # noqa: E402

SERVER_ADDRESS, CLIENT_ADDRESS = "10.99.77.1", "10.99.77.2"  # known in the two namespaces only


class LinkRefused(Exception):
    """This machine does not let us."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise LinkRefused(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Link:
    """Two namespaces with one cable between them."""

    def __init__(self):
        self.server, self.client = (f"sealpost{os.getpid()}{side}" for side in "sc")

    def make(self):
        for command in ("ip", "tc"):
            if not shutil.which(command):
                raise LinkRefused(f"{command} is not installed")
        self.remove_orphans()
        for name in (self.server, self.client):
            run("ip", "netns", "add", name)
        run("ip", "-n", self.server, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", self.client)
        for name, address in ((self.server, SERVER_ADDRESS), (self.client, CLIENT_ADDRESS)):
            run("ip", "-n", name, "address", "add", f"{address}/30", "dev", "cable")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "cable", "up")

    @staticmethod
    def remove_orphans():
        """What is left of tests that were killed."""
        for name, process in re.findall(r"^(sealpost(\d+)[sc])\b", run("ip", "netns", "list"), re.MULTILINE):
            if not os.path.exists(f"/proc/{process}"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30)

    def narrow(self, rate, limit):
        """At most `rate` each way; what finds more than `limit` bytes waiting is dropped."""
        for name in (self.server, self.client):
            run("tc", "-n", name, "qdisc", "replace", "dev", "cable", "root", "tbf", "rate", rate, "burst", "3000", "limit",
                str(limit))

    def dropped(self):
        told = (run("tc", "-n", name, "-s", "qdisc", "show", "dev", "cable") for name in (self.server, self.client))
        return sum(int(count) for text in told for count in re.findall(r"dropped (\d+)", text))

    def set(self, state):
        run("ip", "-n", self.client, "link", "set", "cable", state)

    def remove(self):
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30)


class FarStage(Stage):
    """The server at one end of the link, the clients at the other."""

    def __init__(self, link):
        self.client_wrapper = ["ip", "netns", "exec", link.client]
        super().__init__(wrapper=["ip", "netns", "exec", link.server], address=SERVER_ADDRESS)

    def introduce(self, device):
        subprocess.run(self.command(device, "--messages", "0", "--until", "/dev/null"), check=True, timeout=30 * PATIENCE)


class OverALink(unittest.TestCase):
    def setUp(self):
        self.link, self.passed = Link(), False
        self.addCleanup(self.link.remove)
        try:
            self.link.make()
            self.link.narrow("1gbit", 1_000_000)
        except LinkRefused as error:
            self.skipTest(f"no network namespaces here: {error}")
        self.stage = FarStage(self.link)
        self.addCleanup(lambda: self.stage.close(not self.passed))
        self.stage.daemon.start()
        self.stage.cast(phone=("Anna", "mqtts"), desk=("Anna", "wss"), tablet=("Bert", TICKET), watch=("Cleo", "mqtt"))

    def more_acks(self, count):
        goal = self.stage.acks() + count
        wait_until(lambda: self.stage.acks() >= goal, 60, f"{count} more acks")

    def must_settle(self):
        status, output = self.stage.settle(120)
        self.assertEqual(status, 0, output)
        self.passed = True

    def test_a_narrow_link_that_drops_packets(self):
        self.link.narrow("1mbit", 6000)
        self.stage.begin_all(rate=30)
        self.more_acks(200)
        wait_until(self.link.dropped, 30, "packets are dropped")
        self.must_settle()

    def test_a_link_that_is_down_for_a_while(self):
        self.stage.begin_all(rate=30)
        for _ in range(2):
            for meanwhile in (lambda: None, self.stage.daemon.restart, self.another_phone):
                self.more_acks(20)
                self.link.set("down")
                meanwhile()
                time.sleep(0.3)  # in which both ends send, and hear nothing
                self.link.set("up")
        self.more_acks(20)
        self.must_settle()

    def another_phone(self):
        """The client begins anew; the server does not hear that its last connection has ended."""
        self.stage.kill_client("phone")
        self.stage.begin("phone", rate=30)


if __name__ == "__main__":
    runner.main()
