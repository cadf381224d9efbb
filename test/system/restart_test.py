#!/usr/bin/python3
"""The server, the clients or both are killed with kill -9, and nothing acknowledged is lost, doubled or out of order.

Over TLS, WebSockets and plain TCP, MQTT 5 and 3.1.1; judged by the clients' ledgers. SEALPOST_ROUNDS is the number of
kills at random moments, SEALPOST_SOAK_SECONDS ends them earlier, and SEALPOST_SEED repeats their draw. (also: dev)
"""
import os
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE, StartFailed  # noqa: E402
from ledger_client import Correspondent, say_next  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from stage import ROUNDS, TICKET, Rounds, Stage  # noqa: E402
from system import checked, note, wait_until  # noqa: E402

A_CAST = 100  # rounds; then others come, since the checker reads a ledger from its beginning
RATE = 25     # messages a second of each client
SEED = int(os.environ.get("SEALPOST_SEED", random.SystemRandom().randrange(10**6)))


class StageCase(unittest.TestCase):
    def setUp(self):
        self.stage = Stage()
        self.passed = False
        self.addCleanup(lambda: self.stage.close(not self.passed))
        self.stage.daemon.start()

    def must_be_ok(self, result):
        status, output = result
        self.assertEqual(status, 0, output)
        self.passed = True
        return output


class AtRandomMoments(StageCase):
    def test_nothing_is_lost_when_server_and_clients_are_killed_at_random_moments(self):
        print(f"{ROUNDS} rounds, SEALPOST_SEED={SEED}", flush=True)
        self.chance, self.victims, rounds = random.Random(SEED), [], Rounds("kills")
        while rounds.left():
            if rounds.done % A_CAST == 0:
                self.stage.forget_cast()
                self.stage.cast(phone=("Anna", "mqtts"), desk=("Anna", "wss"), tablet=("Bert", TICKET),
                                laptop=("Bert", "ws"), watch=("Cleo", "mqtt"))
            self.stage.begin_all(RATE)
            for _ in range(min(10, rounds.left())):
                self.kill_round()
                rounds.count()
            result = self.stage.settle()
            self.assertEqual(result[0], 0, f"after round {rounds.done}, SEALPOST_SEED={SEED}: {result[1]}")
        victims = ", ".join(f"{self.victims.count(kind)} of {kind}" for kind in sorted(set(self.victims)))
        print(f"{rounds.done} kills ({victims}); of the last cast: {result[1].splitlines()[-1]}", flush=True)
        self.assertEqual(self.stage.daemon.terminate(), 0)
        self.stage.daemon.command("verify", "--config", self.stage.daemon.configuration)
        self.passed = True

    def kill_round(self):
        """Something happens, then a kill at a random moment, then all goes on."""
        stage, chance = self.stage, self.chance
        victim, before = chance.choice(("the server", "the server", "a client", "both")), stage.acks()
        wait_until(lambda: stage.acks() > before, 30, "an ack, so that the round has something to lose")
        time.sleep(chance.uniform(0, 0.15))  # the random moment
        device = chance.choice(sorted(stage.paths))
        if victim != "the server":
            stage.kill_client(device)
        if victim != "a client":
            stage.daemon.kill9()
            time.sleep(chance.uniform(0, 0.1))  # clients meet a closed port
            stage.daemon.start()
        if victim != "the server":
            stage.begin(device, RATE)
        self.victims.append(victim)


class AtNamedMoments(StageCase):
    """One client in this process, over TLS, stops at a chosen step; the server is killed there; then all goes on."""

    def setUp(self):
        super().setUp()
        self.stage.cast(phone=("Anna", "mqtts"))
        self.open()

    def open(self):
        daemon = self.stage.daemon
        self.anna = Correspondent(self.stage.paths["phone"], daemon.endpoint("mqtts"), daemon.certificate,
                                  timeout=15 * PATIENCE)

    def finish(self, messages=0):
        """The server comes back, Anna reconnects, says `messages` in all, and takes everything."""
        if not self.stage.daemon.running:
            self.stage.daemon.start()
        self.anna.connect()
        quiet = 0
        while quiet < 5:
            say_next(self.anna, messages)
            quiet = 0 if self.anna.step(0.1) or self.anna.outbox else quiet + 1
        self.anna.close()
        self.must_be_ok(checked(self.stage.paths.values()))

    def killed(self):
        """Kills the server and lets Anna see it."""
        self.stage.daemon.kill9()
        with self.assertRaises(Closed):
            while True:
                self.anna.step(1)

    def step_until(self, condition):
        deadline = time.monotonic() + 15 * PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "the moment did not come")
            self.anna.step()

    def test_while_a_message_is_unanswered(self):
        self.anna.connect()
        self.stage.daemon.signal(signal.SIGSTOP)
        for text in ("one", "two", "three"):
            self.anna.write(self.anna.client.server, note(text))
        self.anna.send_waiting()
        self.killed()
        self.assertEqual(len(self.anna.outbox), 3)
        self.finish()

    def test_as_soon_as_a_message_is_acknowledged(self):
        self.anna.connect()
        for _ in range(16):
            self.anna.write(self.anna.client.server, note("quick"))
        self.step_until(lambda: len(self.anna.outbox) < 16)
        self.killed()
        self.finish()

    def test_while_a_delivery_waits_for_its_puback(self):
        self.anna.connect()
        self.anna.write(self.anna.client.server, note())
        held = []
        self.anna._received = held.append
        self.step_until(lambda: held)
        self.killed()
        del self.anna._received
        self.finish()

    def test_after_a_delivery_is_stored_and_before_its_puback(self):
        self.anna.connect()
        self.anna.write(self.anna.client.server, note())
        self.anna.client.acknowledge = lambda delivery: self.stage.daemon.kill9()
        with self.assertRaises(Closed):
            self.step_until(lambda: False)
        del self.anna.client.acknowledge
        self.finish()

    def test_after_the_challenge(self):
        client = self.anna.client.dial()
        client.send_connect(client.hello())
        client.wait_challenge()
        self.stage.daemon.kill9()
        self.finish(3)

    def test_right_after_the_proof(self):
        for delay_ms in (0, 1, 2, 5, 10):
            client = self.anna.client.dial()
            client.send_connect(client.hello())
            client.wait_challenge()
            client.send_auth(client.proof())
            time.sleep(delay_ms / 1000)  # the named moment lies somewhere in here
            self.stage.daemon.restart()
        self.finish(3)

    def test_during_reauthentication(self):
        self.anna.connect()
        for _ in range(4):
            self.anna.write(self.anna.client.server, note())
        self.anna.send_waiting()
        self.anna.client.send_auth(self.anna.client.hello("reauth"), reason=0x19)
        self.killed()
        self.finish()

    def test_while_it_starts(self):
        self.anna.connect()
        for _ in range(16):
            self.anna.write(self.anna.client.server, note())
        self.anna.send_waiting()
        self.killed()
        for delay_ms in (0, 5, 10, 20, 40, 80, 160):
            try:
                self.stage.daemon.start(timeout=delay_ms / 1000 / PATIENCE)
            except StartFailed as failure:
                self.assertIn("was not ready", str(failure))  # killed by us, and did not end by itself
            self.stage.daemon.kill9()
        self.finish()

    def test_while_it_stops(self):
        for delay_ms in (0, 2, 5, 10):
            self.anna.connect()
            for _ in range(16):
                self.anna.write(self.anna.client.server, note())
            self.anna.send_waiting()
            self.stage.daemon.signal(signal.SIGTERM)
            time.sleep(delay_ms / 1000)  # the named moment lies somewhere in here
            self.killed()
            self.stage.daemon.start()
        self.finish()

    def test_a_server_that_is_asked_to_stop_says_goodbye_and_loses_nothing(self):
        self.anna.connect()
        for _ in range(16):
            self.anna.write(self.anna.client.server, note())
        self.anna.send_waiting()
        self.stage.daemon.signal(signal.SIGTERM)
        with self.assertRaises(Closed):
            while True:
                self.anna.step(1)
        self.assertEqual(self.anna.client.goodbye.reason, 0x8B)
        self.assertEqual(self.stage.daemon.wait(15), 0)
        self.finish()

    def test_the_log_verifies_after_all_of_it(self):
        for _ in range(3):
            self.anna.connect()
            for _ in range(16):
                self.anna.write(self.anna.client.server, note())
            self.step_until(lambda: len(self.anna.outbox) < 10)
            self.killed()
            self.stage.daemon.start()
        self.finish()
        self.assertEqual(self.stage.daemon.terminate(), 0)
        self.stage.daemon.command("verify", "--config", self.stage.daemon.configuration)


if __name__ == "__main__":
    runner.main()
