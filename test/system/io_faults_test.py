#!/usr/bin/python3
"""System calls of the real server fail, one kind after the other: it stops, refuses or goes on, and never loses.

strace makes the calls fail while the server runs, starts or stops. Whatever happened, the server that comes after it has
to go on, and the checker has to find the ledgers in order."""
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
import traced  # noqa: E402
from daemon import PATIENCE, Daemon, StartFailed  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from system import GENEROUS, note, wait_until  # noqa: E402
from talkers import Talk, finish_in_spite_of  # noqa: E402

DATABASE, WAL, SHARED, LISTENING = "log.db", "log.db-wal", "log.db-shm", "listening.json.new"
IO_ERROR = 74  # EX_IOERR of sysexits.h, the status of a server whose log failed
QUOTA_EXCEEDED = 0x97
SEND, RECEIVE = "sendto,sendmsg", "recvfrom,recvmsg"

# While it runs: (calls, error, which of them, files, what the server does)
RUNNING = (
    # After a sync or a write that failed nobody knows what the disk has: nothing is acknowledged, and the server stops.
    ("fdatasync", "EIO", "1+", [WAL], "stops"),
    ("fdatasync", "EIO", "1", [WAL], "stops"),  # the next one would succeed, and say nothing of this one
    ("fdatasync", "ENOSPC", "1+", [WAL], "stops"),
    ("fdatasync", "EDQUOT", "1+", [WAL], "stops"),
    ("pwrite64", "EIO", "1+", [WAL], "stops"),
    ("pwrite64", "EIO", "1", [WAL], "stops"),
    ("pread64", "EIO", "1+", [WAL, DATABASE], "ends"),  # perhaps of a reader, after a commit
    # Without room it takes nothing, says so, and goes on when there is some. Not 1+: strace that lets go in the middle of
    # a call that it makes fail leaves ENOSYS behind, which is an I/O error.
    ("pwrite64", "ENOSPC", "1..2", [WAL], "refuses"),
    ("pwrite64", "EDQUOT", "1..2", [WAL], "refuses"),
    ("pwrite64", "EFBIG", "1..2", [WAL], "refuses"),
    # What fails of a connection is that connection's.
    (SEND, "ENOBUFS", "1+", [], "cuts"),
    (SEND, "EPIPE", "1+", [], "cuts"),
    (SEND, "ECONNRESET", "1+", [], "cuts"),
    (RECEIVE, "ECONNRESET", "1+", [], "cuts"),
    (RECEIVE, "ENOMEM", "1+", [], "cuts"),
    # No connection can be taken for now: it waits in the queue of the listener.
    ("accept4", "EMFILE", "1..2", [], "accepts later"),
    ("accept4", "ENFILE", "1..2", [], "accepts later"),
    ("accept4", "ENOMEM", "1..2", [], "accepts later"),
    ("accept4", "ENOBUFS", "1..2", [], "accepts later"),
    ("accept4", "ECONNABORTED", "1..9", [], "accepts later"),
    ("epoll_wait", "EINTR", "1..9", [], "accepts later"),
    # Where the system gives no memory it may die, but no worse.
    ("mmap", "ENOMEM", "1+", [], "may die"),
)
# While it starts: (calls, error, which of them, files, what it says)
STARTING = (
    ("openat", "EACCES", "1+", [DATABASE], r"log\.db"),
    ("openat", "EMFILE", "1+", [DATABASE], r"log\.db"),
    ("pread64", "EIO", "1+", [DATABASE], r"log\.db: the disk has failed"),
    ("mmap", "ENOMEM", "1+", [SHARED], r"log\.db: the disk has failed"),
    ("ftruncate", "ENOSPC", "1+", [SHARED], r"log\.db"),
    ("write", "ENOSPC", "1+", [LISTENING], r"listening\.json"),
)
# While it stops, with all commits done: (calls, error, which of them, files, what it says). What is left is the
# checkpoint, which the next start does.
STOPPING = (
    ("pwrite64", "ENOSPC", "1+", [DATABASE], "stopped"),
    ("pwrite64", "EIO", "1+", [DATABASE], "Nothing is lost"),
    ("fdatasync", "EIO", "1+", [DATABASE], "Nothing is lost"),
    ("ftruncate", "EIO", "1+", [DATABASE, WAL], "Nothing is lost"),
)


def told(row):
    return f"{row[0]} {row[1]} {row[2]} {' '.join(row[3])}"


class IoCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = traced.why_not()
        if reason:
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-io-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.daemon = Daemon(("mqtts", "mqtt"), settings=GENEROUS, folder=self.folder)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def new_talk(self):
        """Anna and Bert, connected."""
        self.talk = Talk(self.folder, {"Anna": self.daemon.endpoint("mqtts"), "Bert": self.daemon.endpoint("mqtt")},
                         self.daemon.certificate)
        self.addCleanup(self.talk.close)
        self.talk.finish()

    def paths(self, files):
        return [os.path.join(self.daemon.data_dir, name) for name in files]

    def lie(self, row):
        calls, error, which, files = row[:4]
        return traced.Lie(self.daemon, calls, f"{calls}:error={error}:when={which}", paths=self.paths(files))

    def say_something(self):
        anna, bert = self.talk.talkers
        anna.write(anna.client.server, note("to the bot"))
        anna.write(bert.client.permalink, note("to Bert"))

    def all_is_well(self):
        """A server runs, starts where need be, and takes and gives what is due; the checker agrees."""
        if not self.daemon.running:
            self.talk.hang_up()
            self.daemon.start()
        finish_in_spite_of(self.talk, lambda: time.sleep(0.1), tries=50)  # until it has seen that the fault is over
        self.say_something()
        self.talk.finish()
        verdict, findings = self.talk.verdict()
        self.assertEqual(verdict, "ok", findings)


class WhileItRuns(IoCase):
    def test_each_call_that_fails(self):
        for row in RUNNING:
            with self.subTest(told(row)):
                if row[4] == "may die":
                    self.daemon.kill9()  # one that has run for a while has all the memory it needs
                if not self.daemon.running:
                    self.daemon.start()
                self.new_talk()
                if row[4] == "accepts later":
                    self.talk.hang_up()
                mark = len(self.daemon.log())
                with self.lie(row) as lie:
                    getattr(self, row[4].replace(" ", "_"))(mark)
                    self.assertGreater(lie.told(), 0, "the call was never made")
                    if ".." in row[2]:
                        self.all_is_well()  # the lies end by themselves
                self.all_is_well()
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon.command("verify", "--config", self.daemon.configuration)

    def said_since(self, mark):
        return self.daemon.log()[mark:].lower()

    def cut_off(self):
        """Something is said, and the connection of somebody ends; gives who that was."""
        self.say_something()
        with self.assertRaises(Closed):
            self.talk.until(lambda: False)
        return next(talker for talker in self.talk.talkers if not talker.connected)

    def ends(self, mark):
        self.cut_off()
        self.assertEqual(self.daemon.wait(15 * PATIENCE), IO_ERROR, self.daemon.log_tail())
        self.assertIn("the disk failed: the disk has failed", self.said_since(mark))  # and not: it is damaged

    def stops(self, mark):
        self.ends(mark)
        self.assertEqual(len(self.talk.talkers[0].outbox), 2, "acknowledged, and not on the disk")

    def refuses(self, mark):
        who = self.cut_off()
        self.assertEqual(who.client.goodbye.reason, QUOTA_EXCEEDED)
        self.assertEqual(len(self.talk.talkers[0].outbox), 2, "acknowledged, and not on the disk")
        self.assertTrue(self.daemon.running, "a full disk must not end the server")
        self.assertRegex(self.said_since(mark), "the disk is full")

    def cuts(self, _):
        self.cut_off()
        self.assertTrue(self.daemon.running)

    def accepts_later(self, _):
        finish_in_spite_of(self.talk, lambda: None)
        self.assertTrue(self.daemon.running)

    def may_die(self, _):
        self.say_something()
        try:
            self.talk.finish()
        except Closed:
            self.assertIn(self.daemon.wait(15 * PATIENCE), (-signal.SIGABRT, IO_ERROR), self.daemon.log_tail())
        self.daemon.kill9()


class WhileItStarts(IoCase):
    def test_each_call_that_fails(self):
        self.new_talk()
        for row in STARTING:
            with self.subTest(told(row)):
                self.daemon.kill9()
                self.talk.hang_up()
                calls, error, which, files, says = row
                mark = len(self.daemon.log())
                self.daemon.wrapper = traced.strace(calls, f"{calls}:error={error}:when={which}", paths=self.paths(files))
                try:
                    with self.assertRaises(StartFailed):
                        self.daemon.start()
                finally:
                    self.daemon.kill9()  # while it is known to be under strace
                    self.daemon.wrapper = []
                self.assertEqual(self.daemon.wait(), 1, self.daemon.log_tail())
                self.assertRegex(self.daemon.log()[mark:], f"cannot start: .*{says}")
                self.all_is_well()


class WhileItStops(IoCase):
    def test_the_checkpoint_that_fails_is_told_and_made_up_for(self):
        for row in STOPPING:
            with self.subTest(told(row)):
                if not self.daemon.running:
                    self.daemon.start()
                self.new_talk()
                self.say_something()
                self.talk.finish()
                mark = len(self.daemon.log())
                with self.lie(row) as lie:
                    self.assertEqual(self.daemon.terminate(), 0)
                    self.assertGreater(lie.told(), 0, "the call was never made")
                self.assertIn(row[4], self.daemon.log()[mark:])
                self.all_is_well()

    def test_a_commit_that_fails_while_it_stops_ends_it_with_the_status_of_a_failed_disk(self):
        self.new_talk()
        delay_us = int(1_000_000 * PATIENCE)
        injection = f"fdatasync:error=EIO:delay_enter={delay_us}:when=1+"
        with traced.Lie(self.daemon, "fdatasync", injection, paths=self.paths([WAL])):
            self.say_something()
            self.talk.talkers[0].send_waiting()
            wait_until(self.is_held, 15, "the commit at its sync")
            self.daemon.signal(signal.SIGTERM)
            self.daemon.wait_for_line("stopping")
            self.assertEqual(self.daemon.wait(15 * PATIENCE), IO_ERROR, self.daemon.log_tail())
        with self.assertRaises(Closed):
            self.talk.until(lambda: False)
        self.assertEqual(len(self.talk.talkers[0].outbox), 2, "acknowledged, and not on the disk")
        self.all_is_well()

    def is_held(self):
        """Whether strace holds a thread at a call that it makes another of: the thread is in no call then, and does not
        run."""
        tasks = f"/proc/{self.daemon.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/syscall", encoding="ascii") as file:
                if file.read().startswith("-1 "):
                    return True
        return False


if __name__ == "__main__":
    runner.main()
