#!/usr/bin/python3
"""The server, the clients or both are killed with kill -9, and nothing acknowledged is lost, doubled or out of order.

Judged by the clients' ledgers. SEALPOST_ROUNDS is the number of kills at random moments, SEALPOST_SEED repeats a run,
and SEALPOST_SOAK_SECONDS lets the random kills go on for so long. (also: dev)
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import ledger  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, Daemon, StartFailed  # noqa: E402
from ledger_client import Correspondent, introduce, say_next  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from system import GENEROUS, LEDGER_CLIENT, checked, note, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("SEALPOST_ROUNDS", "30"))
SOAK_SECONDS = float(os.environ.get("SEALPOST_SOAK_SECONDS", "0"))
SEED = int(os.environ.get("SEALPOST_SEED", random.SystemRandom().randrange(10**6)))


class Stage:
    """A server, a folder of ledgers, and the people who keep them."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-ledgers-")
        self.daemon = Daemon(settings=GENEROUS)
        self.paths, self.permalinks, self.processes = {}, {}, {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def cast(self, **devices):
        """Makes a ledger for each device: name of the device = name of the person."""
        identities = {}
        for device, person in devices.items():
            self.paths[device] = self.path(device + ".ledger")
            identities[person] = ledger.create(self.paths[device], person, device, identities.get(person))
            self.permalinks[device] = introduce(self.paths[device], self.daemon.endpoint())

    def peers_of(self, device):
        return sorted(set(self.permalinks.values()) - {self.permalinks[device]})

    def begin(self, device, rate):
        command = [sys.executable, LEDGER_CLIENT, self.paths[device], self.daemon.endpoint(), "--messages", "1000000",
                   "--rate", str(rate), "--hush", self.path("hush"), "--until", self.path("until")]
        for peer in self.peers_of(device):
            command += ["--peer", peer]
        with open(self.path(device + ".out"), "ab") as output:
            self.processes[device] = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def kill_client(self, device):
        self.processes[device].send_signal(signal.SIGKILL)
        self.processes[device].wait(10)

    def acks(self):
        return sum(entry["kind"] == "ack" for path in self.paths.values() for entry in ledger.entries(path))

    def settle(self, seconds):
        """No more new messages; waits until the checker finds all accounted for. Gives its (status, output)."""
        open(self.path("hush"), "w").close()
        deadline = time.monotonic() + seconds * PATIENCE
        while (result := checked(self.paths.values()))[0] and time.monotonic() < deadline:
            time.sleep(0.2)  # the checker costs time of the machine
        open(self.path("until"), "w").close()
        for device, process in self.processes.items():
            status = process.wait(20 * PATIENCE)
            if status:
                return status, f"the client {device} ended with {status}: {self.output_of(device)}"
        result = checked(self.paths.values())
        for name in ("hush", "until"):
            os.unlink(self.path(name))
        return result

    def output_of(self, device):
        with open(self.path(device + ".out"), encoding="utf-8") as file:
            return file.read()

    def close(self, failed):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.daemon.__exit__(AssertionError if failed else None, None, None)
        if failed:
            print(f"the ledgers are in {self.folder}", flush=True)
        else:
            subprocess.run(["rm", "-r", self.folder], check=True)


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
        chance, stage = random.Random(SEED), self.stage
        stage.cast(phone="Anna", desk="Anna", tablet="Bert")
        victims, done, ends = [], 0, time.monotonic() + SOAK_SECONDS
        while done < ROUNDS or time.monotonic() < ends:
            for device in stage.paths:
                stage.begin(device, rate=40)
            for _ in range(min(10, max(ROUNDS - done, 1))):
                victims.append(self.kill_round(chance))
                done += 1
            result = stage.settle(60)
            self.assertEqual(result[0], 0, f"after round {done}, SEALPOST_SEED={SEED}: {result[1]}")
        print(f"{done} kills ({', '.join(f'{victims.count(kind)} of {kind}' for kind in sorted(set(victims)))}); "
              + result[1].splitlines()[-1], flush=True)
        self.passed = True

    def kill_round(self, chance):
        """Something happens, then a kill at a random moment, then all goes on."""
        stage, victim = self.stage, chance.choice(("the server", "the server", "a client", "both"))
        before = stage.acks()
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
            stage.begin(device, rate=40)
        return victim


class AtNamedMoments(StageCase):
    """One client in this process stops at a chosen step; the server is killed there; then all goes on."""

    def setUp(self):
        super().setUp()
        self.stage.cast(phone="Anna")
        self.open()

    def open(self):
        self.anna = Correspondent(self.stage.paths["phone"], self.stage.daemon.endpoint(), timeout=15 * PATIENCE)

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
