#!/usr/bin/python3
"""The server is killed at a system call of its own choosing: each one on the way of a message is a point to die at.

A rehearsal under strace counts the calls of a start, two handshakes over TLS, messages to the bot and to each other with
their acks and deliveries, and a stop with its checkpoint. Then the same is run again and again, and the N-th call of a
kind kills the server before it is done, for each kind and N, or for a draw of them: as many as twice SEALPOST_ROUNDS.
After each kill a new server has to go on, and the checker has to find the ledgers in order. SEALPOST_SEED repeats a draw.
"""
import collections
import concurrent.futures
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
import traced  # noqa: E402
from daemon import Daemon, StartFailed  # noqa: E402
from ledger_client import Shut  # noqa: E402
from stage import ROUNDS, Rounds  # noqa: E402
from system import GENEROUS, merged, note  # noqa: E402
from talkers import Talk, finish_in_spite_of  # noqa: E402

SEED = int(os.environ.get("SEALPOST_SEED", random.SystemRandom().randrange(10**6)))
# What leaves a trace on the disk or the network, and what waits for the network. Reading changes nothing: to die at it is
# to die after what came before.
CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename,sendto,sendmsg,recvfrom,accept4"
# strace counts the calls of each thread: with one for all connections the N-th is the same each time.
SETTINGS = merged(GENEROUS, {"server": {"threads": 1}})
TALKS_OF_A_CAST = 40


class Scene:
    """A server that is killed and started again over one data folder, and two who talk over it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-points-")
        self.daemon = Daemon(("mqtts", "wss"), settings=SETTINGS, folder=self.folder)
        self.talk, self.talks = None, 0

    def new_cast(self):
        if self.talk:
            self.talk.close()
        self.talk = Talk(self.folder, {"Anna": self.daemon.endpoint("mqtts"), "Bert": self.daemon.endpoint("wss")},
                         self.daemon.certificate)
        self.daemon.start()
        self.talk.connect()
        self.end()

    def end(self):
        self.daemon.kill9()
        self.talk.hang_up()

    def converse(self):
        """What is done under strace."""
        self.talk.connect()
        anna, bert = self.talk.talkers
        for _ in range(2):
            anna.write(anna.client.server, note("for the bot"))
            anna.write(bert.client.permalink, note("for Bert"))
            bert.write(anna.client.permalink, note("for Anna"))
            self.talk.finish()

    def rehearse(self):
        """{call: how many of it there are}."""
        self.new_cast()
        rehearsal = traced.Traced(self.daemon, CALLS)
        status = rehearsal.run(self.converse)
        self.talk.hang_up()
        if status or self.talk.verdict()[0] != "ok":
            raise AssertionError(f"the rehearsal failed: {status}, {self.talk.verdict()}")
        return traced.most_of_a_thread(rehearsal.calls())

    def die_at(self, call, number):
        """Where it was killed, or None where the talk had less of these calls. Raises what is wrong afterwards."""
        if self.talks % TALKS_OF_A_CAST == 0:
            self.new_cast()
        self.talks += 1
        run = traced.Traced(self.daemon, CALLS, f"{call}:signal=SIGKILL:when={number}")
        status = run.run(self.converse)
        self.talk.hang_up()
        if status not in (0, -signal.SIGKILL):
            raise AssertionError(f"the server ended with {status}:\n{self.daemon.log_tail()}")
        self.daemon.start()
        finish_in_spite_of(self.talk, self.restart)
        self.end()
        verdict, findings = self.talk.verdict()
        if verdict != "ok":
            raise AssertionError(f"{verdict}: {findings}")
        return self.where(run, call) if status else None

    def restart(self):
        self.end()
        self.daemon.start()

    @staticmethod
    def where(run, call):
        """The call and its file, and what was done before it: `sendto socket after fdatasync log.db-wal` is an ack."""
        calls = [f"{name} {place}" for _, name, place in run.calls()]
        at = max((at for at, told in enumerate(calls) if told.startswith(call + " ")), default=None)
        return f"{calls[at] if at is not None else call} after {calls[at - 1] if at else 'nothing'}"

    def close(self):
        if self.talk:
            self.talk.close()
        self.daemon.remove()
        shutil.rmtree(self.folder)


def in_turn(most, chance):
    """All points (call, N), drawn from each kind of call in turn."""
    left = {call: list(range(1, most[call] + 1)) for call in sorted(most)}
    for numbers in left.values():
        chance.shuffle(numbers)
    points = []
    while any(left.values()):
        points += [(call, numbers.pop()) for call, numbers in left.items() if numbers]
    return points


class EachCallIsAPointToDieAt(unittest.TestCase):
    def setUp(self):
        reason = traced.why_not()
        if reason:
            self.skipTest(reason)
        self.places, self.unmet, self.lock = collections.Counter(), 0, threading.Lock()

    def test_nothing_is_lost_wherever_it_is_killed(self):
        scenes = [Scene() for _ in range(2)]
        self.addCleanup(lambda: [scene.close() for scene in scenes])
        points = in_turn(scenes[0].rehearse(), random.Random(SEED))
        wanted = 2 * ROUNDS
        print(f"{min(len(points), wanted)} of {len(points)} points, SEALPOST_SEED={SEED}", flush=True)
        rounds = Rounds("kills at named points", wanted)
        queue = (points[at % len(points)] for at in range(wanted))
        with concurrent.futures.ThreadPoolExecutor(len(scenes)) as pool:
            for worker in [pool.submit(self.work, scene, queue, rounds) for scene in scenes]:
                worker.result()
        for place, count in sorted(self.places.items()):
            print(f"killed {count:3} times before {place}", flush=True)
        self.assertLess(self.unmet, rounds.done / 4, "most points of the rehearsal must be met again")
        for scene in scenes:
            scene.daemon.command("verify", "--config", scene.daemon.configuration)

    def work(self, scene, queue, rounds):
        while True:
            with self.lock:
                point = next(queue, None) if rounds.left() > 0 else None
            if point is None:
                return
            try:
                where = scene.die_at(*point)
            except Exception as error:
                raise AssertionError(f"killed before call {point[1]} of {point[0]}, SEALPOST_SEED={SEED}") from error
            with self.lock:
                rounds.count()
                if where:
                    self.places[where] += 1
                else:
                    self.unmet += 1


class AServerThatForgets(unittest.TestCase):
    def test_one_that_comes_back_without_its_last_commits_is_found_out(self):
        scene = Scene()
        self.addCleanup(scene.close)
        scene.new_cast()
        scene.daemon.start()
        scene.converse()
        wal = os.path.join(scene.daemon.data_dir, "log.db-wal")
        shutil.copy(wal, wal + ".earlier")
        scene.converse()
        scene.end()
        os.replace(wal + ".earlier", wal)
        with self.assertRaisesRegex(StartFailed, "has lost commits"):  # as the shared memory beside it tells
            scene.daemon.start()
        os.unlink(wal.removesuffix("-wal") + "-shm")
        scene.daemon.start()
        with self.assertRaises(Shut):
            scene.talk.connect()
        self.assertEqual(scene.talk.verdict()[0], "lost")


if __name__ == "__main__":
    runner.main()
