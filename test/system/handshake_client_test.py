#!/usr/bin/python3
"""The client that ships, when somebody in the middle alters what the server says in the handshake, or is another server.

Any one character that is another in the Challenge or the Welcome, and the client says nothing more. (also: dev)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from between import Relay  # noqa: E402
from daemon import PATIENCE, free_port, program  # noqa: E402
from system import ServerCase  # noqa: E402

CHALLENGE = "_author _time hello client nonce received expires maxMessage window sessionSeconds key sig".split()
WELCOME = "_author _time proof session epoch expires reauthAfter identity acked light id head key sig".split()


def turned(kind, name):
    """Turns over one character of the member `name` of the object of type `kind`, in what passes by; the count of times is
    its `done`."""
    pattern = re.compile(b'("%s":"?)([0-9A-Za-z_-])' % name.encode())

    def tamper(raw):
        if b'"_t":"sealpost.%s"' % kind.encode() not in raw:
            return raw
        spoiled, tamper.done = pattern.subn(lambda found: found[1] + (b"2" if found[2] != b"2" else b"3"), raw, count=1)
        return spoiled
    tamper.done = 0
    return tamper


class ShippedClient(ServerCase):
    kinds = ("mqtt", "http", "health-http")
    relay_port = free_port()

    @classmethod
    def new_daemon(cls, **options):
        daemon = super().new_daemon(**options)
        daemon.sections["server"]["endpoints"].append(f"mqtt://127.0.0.1:{cls.relay_port}")
        daemon.write_configuration()
        return daemon

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = tempfile.mkdtemp(prefix="sealpost-home-")
        cls.addClassCleanup(shutil.rmtree, cls.home)

    def says(self, text, tamper=None, to=None):
        """`sealpost send` through somebody in the middle; gives its exit status and output."""
        relay = Relay((to or self.daemon).ports["mqtt"], port=self.relay_port, tamper=tamper)
        try:
            command = [program("sealpost"), "send", text, "--home", self.home, "--server",
                       f"mqtt://127.0.0.1:{self.relay_port}", "--timeout", str(int(5 * PATIENCE))]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE)
            return done.returncode, done.stdout + done.stderr
        finally:
            relay.close()

    def must_be_said(self, text):
        status, output = self.says(text)
        self.assertEqual(status, 0, output)
        self.assertIn("acked", output)

    def refuses_altered(self, kind, names):
        self.must_be_said("before")
        proven = self.daemon.counter("handshakes_total")
        for name in names:
            with self.subTest(name):
                tamper = turned(kind, name)
                status, output = self.says(name, tamper)
                self.assertEqual(tamper.done, 1, "it met nothing to alter")
                self.assertIn(status, (3, 4), output)
                self.assertNotIn("acked", output)
        proofs = self.daemon.counter("handshakes_total") - proven
        self.assertEqual(proofs, 0 if kind == "Challenge" else len(names))
        self.must_be_said("after")

    def test_a_challenge_with_any_field_altered_is_not_answered(self):
        self.refuses_altered("Challenge", CHALLENGE)

    def test_after_a_welcome_with_any_field_altered_nothing_is_said(self):
        self.refuses_altered("Welcome", WELCOME)

    def test_another_server_at_the_same_address_is_refused(self):
        self.must_be_said("before")
        with self.new_daemon() as false_server:
            status, output = self.says("to another", to=false_server)
            self.assertEqual(status, 4, output)
            self.assertEqual(false_server.counter("handshakes_total"), 0)
        self.must_be_said("after")


if __name__ == "__main__":
    runner.main()
