#!/usr/bin/python3
"""A disk that is full, and starts that cannot be: nothing is acknowledged that is lost, and the error is plain."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import ledger  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, Daemon, program  # noqa: E402
from ledger_client import Correspondent, introduce  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from system import GENEROUS, checked, note  # noqa: E402

QUOTA_EXCEEDED = 0x97


class FaultCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-fault-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ledger = os.path.join(self.folder, "anna.ledger")

    def daemon_in(self, folder=None, **options):
        daemon = Daemon(settings=GENEROUS, folder=folder or self.folder, **options)
        self.addCleanup(daemon.remove)
        return daemon

    def anna(self, daemon):
        if not os.path.exists(self.ledger):
            ledger.create(self.ledger, "Anna")
            introduce(self.ledger, daemon.endpoint())
        return Correspondent(self.ledger, daemon.endpoint(), timeout=15 * PATIENCE)

    def write_until_closed(self, anna, text="", most=1000):
        """Writes messages one after the other until the server ends the connection."""
        for _ in range(most):
            anna.write(anna.client.server, note(text))
            deadline = time.monotonic() + 15 * PATIENCE
            while anna.outbox:
                self.assertLess(time.monotonic(), deadline, "neither answered nor closed")
                try:
                    anna.step()
                except Closed:
                    return
        raise AssertionError(f"{most} messages were taken, and no fault showed")

    def finish(self, anna, daemon):
        """All that Anna's ledger holds is answered, and the checker agrees."""
        deadline, quiet = time.monotonic() + 30 * PATIENCE, 0
        connected = False
        while quiet < 5 and time.monotonic() < deadline:
            try:
                if not connected:
                    anna.connect()
                    connected = True
                quiet = 0 if anna.step(0.1) or anna.outbox else quiet + 1
            except Closed:
                connected, quiet = False, 0
                time.sleep(0.1)
        anna.close()
        status, output = checked([self.ledger])
        self.assertEqual(status, 0, output)
        self.assertEqual(daemon.terminate(), 0)
        daemon.command("verify", "--config", daemon.configuration)
        daemon.must_be_clean()


class FullDisk(FaultCase):
    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.folder, "disk")
        os.mkdir(self.disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", self.disk],
                                               capture_output=True).returncode:
            self.skipTest("cannot mount a small tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk])

    def test_a_full_disk_acknowledges_nothing_says_so_and_recovers_by_itself(self):
        daemon = self.daemon_in(self.disk)
        daemon.log_path = os.path.join(self.folder, "daemon.log")  # not on the full disk
        daemon.start()
        anna = self.anna(daemon)
        anna.connect()
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb") as file:
            file.write(bytes(10 << 20))
        self.write_until_closed(anna, "x" * 100_000)
        self.assertEqual(anna.client.goodbye.reason, QUOTA_EXCEEDED)
        self.assertTrue(daemon.running, "a full disk must not end the server")
        self.assertRegex(daemon.log().lower(), "disk.*full|full.*disk|no space")
        os.unlink(ballast)
        self.finish(anna, daemon)


class BadStarts(FaultCase):
    def test_a_second_server_on_the_same_data_is_refused_and_the_first_lives(self):
        first = self.daemon_in().start()
        anna = self.anna(first)
        self.assertTrue(self.refused(first))
        self.finish(anna, first)

    def refused(self, daemon):
        """What sealpostd says on standard error as it refuses to start."""
        done = subprocess.run([program("sealpostd"), "--config", daemon.configuration], capture_output=True, text=True,
                              timeout=30 * PATIENCE)
        self.assertGreater(done.returncode, 0)
        return done.stderr

    def test_a_misspelt_key_is_refused_with_file_line_and_the_nearest_key(self):
        daemon = self.daemon_in()
        daemon.sections["limits"]["windwo"] = 3
        daemon.write_configuration()
        with open(daemon.configuration, encoding="utf-8") as file:
            line = file.read().split("windwo")[0].count("\n") + 1
        said = self.refused(daemon)
        self.assertIn(f"{daemon.configuration}:{line}", said)
        self.assertRegex(said, r"\bwindow\b")

    def test_a_data_folder_that_is_a_file_is_refused_by_its_name(self):
        daemon = self.daemon_in()
        shutil.rmtree(daemon.data_dir)
        with open(daemon.data_dir, "w", encoding="utf-8") as file:
            file.write("not a folder")
        self.assertIn(daemon.data_dir, self.refused(daemon))


if __name__ == "__main__":
    runner.main()
