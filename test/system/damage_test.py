#!/usr/bin/python3
"""Files that have gone bad, on the real programs: the server refuses them, or `sealpost verify` does, and says what to
do; else all that REST and clients are told is as before.

A sample of what test/damage does in thousands. SEALPOST_DAMAGE is how many of each kind, SEALPOST_SEED repeats a run.
What devices have acknowledged and when they were seen is left out, as are retained messages: no checksum covers them.
"""
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE, StartFailed, program  # noqa: E402
from system import ServerCase, bot_token, note  # noqa: E402

AMOUNT = int(os.environ.get("SEALPOST_DAMAGE", "12"))
SEED = int(os.environ.get("SEALPOST_SEED", random.SystemRandom().randrange(10**6)))
DAMAGED, DISK_FAILED = 5, 74  # exit statuses of `sealpost verify` and of the server (docs/operators.md)
OBSERVED = ("acked", "lastSeen", "connected")


class Spoiler:
    """Ways to damage a file; each gives a sentence about what it did."""

    def __init__(self, numbers):
        self.numbers = numbers

    def byte(self, raw):
        at, change = self.numbers.randrange(len(raw)), 1 << self.numbers.randrange(8)
        raw[at] ^= change
        return f"byte {at} differs by {change:#x}"

    def sector(self, raw):
        at = self.numbers.randrange(0, len(raw), 512)
        raw[at:at + 512] = bytes(len(raw[at:at + 512]))
        return f"the sector at {at} is zero"

    def cut(self, raw):
        size = self.numbers.randrange(len(raw))
        del raw[size:]
        return f"cut to {size} bytes"

    def page(self, raw):
        start, end = (self.numbers.randrange(0, len(raw), 4096) for _ in range(2))
        raw[end:end + 4096] = raw[start:start + 4096]
        return f"the page at {end} is that of {start}"


class Damaged(ServerCase):
    patience = 15 * PATIENCE

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.new_daemon().start()
        cls.token = bot_token(cls.daemon)
        cls.people = []
        case = cls("talk")
        for number in range(4):
            person = case.person(f"person {number}")
            for text in ("short", "long " * 900, "last"):
                case.echoed(person, text)
            cls.people.append(person)
        for person, other in zip(cls.people, cls.people[1:]):
            person.say(other.permalink, note("relayed"))
            other.take_until(lambda fields: fields["object"]["_t"] == "sealpost.Message")
        case.doCleanups()
        cls.daemon.kill9()
        cls.killed = cls.keep("killed")
        cls.daemon.start()
        assert cls.daemon.terminate() == 0
        cls.stopped = cls.keep("stopped")
        cls.daemon.start()
        cls.expected = case.answers()
        cls.daemon.kill9()
        case.doCleanups()
        print(f"SEALPOST_SEED={SEED}", flush=True)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.must_be_clean()
        cls.daemon.remove()

    @classmethod
    def keep(cls, name):
        return shutil.copytree(cls.daemon.data_dir, os.path.join(cls.daemon.folder, name))

    def talk(self):
        """Not a test: a case for what is said beforehand."""

    def tell(self, path):
        """What REST says at `path`, less what clients and the server only observe."""
        def less(value):
            if isinstance(value, dict):
                return {name: less(inner) for name, inner in value.items() if name not in OBSERVED}
            return [less(inner) for inner in value] if isinstance(value, list) else value
        return less(self.daemon.rest(self.token).get(path).must().json)

    def answers(self):
        """All that the server tells about what it has: over REST, and to a new device of each person from the start."""
        told = [self.tell("/v1/clients"), self.tell("/v1/info"), self.tell("/v1/identity")]
        for person in self.people:
            told += [self.tell(f"/v1/clients/{person.permalink}"), self.tell(f"/v1/identities/{person.permalink}")]
        for person in self.people:
            told.append(self.delivered(person))
        return told

    def delivered(self, person):
        """The person's whole out-lane, as a new device gets it."""
        device = self.client(person.identity)
        device.timeout = self.patience
        head = device.login(from_first=True)["position"]["sent"]
        got = [device.take() for _ in range(head["n"])]
        device.close()
        return head, got

    def place(self, data):
        shutil.rmtree(self.daemon.data_dir)
        shutil.copytree(data, self.daemon.data_dir)

    def refusal_of_verify(self):
        """What it says, of a log of its own, since the server changes the other; None if it says nothing."""
        folder = os.path.join(self.daemon.folder, "verified")
        shutil.copytree(self.daemon.data_dir, folder)
        try:
            log = os.path.join(folder, "log.db")
            done = subprocess.run([program("sealpost"), "verify", log], capture_output=True, text=True, timeout=60)
        finally:
            shutil.rmtree(folder)
        if done.returncode == 0:
            return None
        self.assertEqual(done.returncode, DAMAGED, done.stderr + done.stdout)
        said = done.stdout + done.stderr
        self.assertRegex(said, r"[Rr]estore|rebuild")
        self.assertIn("log.db", said)
        return said

    def judge(self, name):
        """Starts the server on what was placed; fails unless it refuses with words, or answers as before."""
        refused = self.refusal_of_verify()
        self.patience = (15 if refused is None else 2) * PATIENCE  # what was refused need not answer
        try:
            self.daemon.start()
        except StartFailed:
            self.assertIn(self.daemon.process.returncode, (1, DISK_FAILED), self.daemon.log_tail(3))
            last = self.daemon.log_tail(2)
            self.assertIn(name.removesuffix("-wal"), last)
            self.assertRegex(last, r"(?i)restore|check|run")
            return "refused"
        try:
            same = self.answers() == self.expected
        except Exception:  # whatever a damaged answer makes of its reader
            if refused is None:
                raise
            same = False
        status = self.daemon.kill9()
        self.assertIn(status, (-9, DISK_FAILED), self.daemon.log_tail(5))
        if not same:
            self.assertIsNotNone(refused, "another answer, and nobody said a word")
        return "equal" if same else "verify"

    def spoil_and_judge(self, data, file, way):
        outcomes = []
        for number in range(AMOUNT):
            spoiler = Spoiler(random.Random(f"{SEED} {file} {way} {number}"))
            self.place(data)
            path = os.path.join(self.daemon.data_dir, file)
            with open(path, "rb") as opened:
                raw = bytearray(opened.read())
            what = getattr(spoiler, way)(raw)
            with open(path, "wb") as opened:
                opened.write(raw)
            with self.subTest(f"SEALPOST_SEED={SEED} {file}, {what}"):
                outcomes.append(self.judge(os.path.basename(file)))
            self.daemon.kill9()
            self.doCleanups()
        print(f"{file}, {way}: {', '.join(f'{outcomes.count(kind)} {kind}' for kind in sorted(set(outcomes)))}")
        return outcomes

    def test_undamaged_files_answer_as_before(self):
        for data in (self.stopped, self.killed):
            self.place(data)
            self.assertEqual(self.judge("log.db"), "equal")

    def test_the_database(self):
        for way in ("byte", "sector", "cut", "page"):
            self.spoil_and_judge(self.stopped, "log.db", way)

    def test_the_write_ahead_log(self):
        for way in ("byte", "sector"):
            self.spoil_and_judge(self.killed, "log.db-wal", way)

    def test_the_keys(self):
        outcomes = self.spoil_and_judge(self.stopped, "keys/server.keys", "byte")
        outcomes += self.spoil_and_judge(self.stopped, "keys/server.keys", "cut")
        self.assertEqual(set(outcomes), {"refused"})

    def test_the_configuration(self):
        with open(self.daemon.configuration, "rb") as opened:
            before = opened.read()
        copy = os.path.join(self.daemon.folder, "damaged.toml")
        for number in range(AMOUNT):
            raw = bytearray(before)
            what = Spoiler(random.Random(f"{SEED} configuration {number}")).byte(raw)
            with open(copy, "wb") as opened:
                opened.write(raw)
            with self.subTest(f"SEALPOST_SEED={SEED} {what}"):
                done = subprocess.run([program("sealpostd"), "--config", copy, "--check-config"], timeout=30,
                                      capture_output=True, text=True, errors="replace")
                self.assertIn(done.returncode, (0, 2))
                self.assertIn("damaged.toml", done.stdout + done.stderr)


if __name__ == "__main__":
    runner.main()
