#!/usr/bin/python3
"""`sealpost restore`: a backup takes the place of a log, also after a crash, and clients go on. (also: dev)"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from system import ServerCase  # noqa: E402


class Restores(ServerCase):
    def setUp(self):
        self.daemon = self.new_daemon().start()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.log = os.path.join(self.daemon.data_dir, "log.db")
        self.backup = os.path.join(self.daemon.folder, "backup.db")

    @classmethod
    def setUpClass(cls):
        pass  # each test has a server of its own

    @classmethod
    def tearDownClass(cls):
        pass

    def back_up(self):
        self.assertEqual(self.daemon.terminate(), 0)
        shutil.copy(self.log, self.backup)
        self.daemon.start()

    def restore(self):
        """Restores the backup over what a crash has left; gives what the command says."""
        self.daemon.kill9()
        self.assertGreater(os.path.getsize(self.log + "-wal"), 0)
        said = json.loads(self.daemon.command("--json", "restore", self.backup, self.log))
        self.assertFalse(os.path.exists(self.log + "-wal"))
        self.daemon.command("verify", self.log)
        return said

    def cli(self, *arguments):
        return self.daemon.command("--home", os.path.join(self.daemon.folder, "home"), "--server",
                                   self.daemon.endpoint(), *arguments)

    def test_what_a_crash_left_is_kept_and_not_replayed_into_the_backup(self):
        anna = self.person("anna")
        self.echoed(anna)
        self.back_up()
        anna, _ = self.again(anna)
        for n in range(50):
            self.echoed(anna, f"after the backup {n}")
        with open(self.backup, "rb") as file:
            before = file.read()
        said = self.restore()
        self.assertTrue(os.path.getsize(said["kept"] + "-wal") > 0)
        with open(self.backup, "rb") as file:
            self.assertEqual(file.read(), before)
        self.daemon.start()
        anna, welcome = self.again(anna)
        self.assertEqual((welcome["log"]["id"], welcome["position"]["received"]["n"]), (said["log"], 1))
        self.assertNotEqual(welcome["light"], "shut")
        anna.close()
        self.assertEqual(self.daemon.terminate(), 0)
        # What was kept is whole too: it is a backup of the moment of the crash.
        self.assertEqual(json.loads(self.daemon.command("--json", "verify", said["kept"]))["whole"], True)
        again = json.loads(self.daemon.command("--json", "restore", said["kept"], self.log))
        self.assertNotEqual(again["kept"], said["kept"])
        self.daemon.start()
        _, welcome = self.again(anna)
        self.assertEqual(welcome["position"]["received"]["n"], 51)

    def test_a_client_that_registered_after_the_backup_gets_in_again(self):
        self.back_up()
        self.cli("send", "--wait-reply", "before")
        self.restore()
        self.daemon.start()
        self.assertEqual(self.cli("send", "--wait-reply", "after"), "after\n")

    def test_a_client_that_renewed_its_key_after_the_backup_gets_in_again(self):
        self.cli("send", "--wait-reply", "old key")
        self.back_up()
        self.cli("identity", "rotate")
        self.cli("send", "--wait-reply", "new key")
        self.restore()
        self.daemon.start()
        self.assertEqual(self.cli("send", "--wait-reply", "after"), "after\n")

    def test_a_running_servers_log_is_left_alone(self):
        self.back_up()
        refused = self.daemon.command("restore", self.backup, self.log, check=False)
        self.assertEqual(refused.returncode, 6, refused.stderr)
        self.echoed(self.person("anna"))

    def test_a_copy_put_in_place_by_hand_beside_an_old_wal_is_refused(self):
        self.back_up()
        self.echoed(self.person("anna"))
        self.daemon.kill9()
        shutil.copy(self.backup, self.log)
        for arguments in ((self.log,), (self.log, self.log)):
            refused = self.daemon.command("restore", "--config", self.daemon.configuration, *arguments, check=False)
            self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertTrue(os.path.exists(self.log + "-wal"))
        self.daemon.command("restore", "--config", self.daemon.configuration, self.backup)
        self.daemon.command("verify", self.log)

    def test_what_is_no_log_replaces_nothing(self):
        self.assertEqual(self.daemon.terminate(), 0)
        with open(self.backup, "wb") as file:
            file.write(b"x" * 5000)
        refused = self.daemon.command("restore", self.backup, self.log, check=False)
        self.assertNotEqual(refused.returncode, 0)
        left = sorted(name for name in os.listdir(self.daemon.data_dir) if name.startswith("log.db"))
        self.assertEqual(left, ["log.db", "log.db.lock"])
        self.daemon.start()
        self.echoed(self.person("anna"))


if __name__ == "__main__":
    runner.main()
