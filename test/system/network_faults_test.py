#!/usr/bin/python3
"""The network fails in every way between clients and server, and nothing acknowledged is lost, doubled or misordered.

Every connection of every client has a fault drawn for it (test/support/bad_network.py), over TLS, WebSockets and TCP;
now and then the server is killed besides. Judged by the clients' ledgers. Five faults for each of SEALPOST_ROUNDS
strike, SEALPOST_SOAK_SECONDS ends them earlier, and SEALPOST_SEED repeats their draw. From 100 rounds on a client that
takes nothing for a minute has its test too.
"""
import collections
import os
import random
import shutil
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bad_network  # noqa: E402
import runner  # noqa: E402
from bad_network import DOWN, UP, BadNetwork, Fault  # noqa: E402
from daemon import PATIENCE, Daemon  # noqa: E402
from lying_network import MOMENT, LyingNetwork  # noqa: E402
from ordinary import OrdinaryCase  # noqa: E402
from stage import ROUNDS, TICKET, Rounds, Stage  # noqa: E402
from system import GENEROUS, note, wait_until  # noqa: E402
from talkers import Talk  # noqa: E402
from transport import Closed  # noqa: E402

SEED = int(os.environ.get("SEALPOST_SEED", random.SystemRandom().randrange(10**6)))
A_CAST = 200  # strikes; then others come, since the checker reads a ledger from its beginning
STRIKES_PER_ROUND = 5
WAYS = {"phone": ("Anna", "mqtts"), "desk": ("Anna", "wss"), "tablet": ("Bert", TICKET), "watch": ("Bert", "mqtt"),
        "laptop": ("Cleo", "ws")}


class BadStage(Stage):
    """A bad line for each device, which is dialled in place of the server. They are good until worsen()."""

    def __init__(self):
        super().__init__()
        self.network, self.lines = BadNetwork(), {}
        for device, (_, way) in WAYS.items():
            self.lines[device] = self.network.line(self.daemon.ports["mqtts" if way == TICKET else way])
        self.daemon.sections["server"]["endpoints"] += [self.endpoint_of(device, way) for device, (_, way) in WAYS.items()]
        self.daemon.write_configuration()

    def endpoint_of(self, device, way):
        return super().endpoint_of(device, way).rpartition(":")[0] + f":{self.lines[device].port}"

    def worsen(self, seed):
        for device, line in self.lines.items():
            chance = random.Random(f"{seed} {device}")
            line.plan = lambda chance=chance: bad_network.drawn(chance)

    def heal(self):
        for line in self.lines.values():
            line.heal()

    def close(self, failed):
        super().close(failed)
        self.network.close()


class RandomFaults(unittest.TestCase):
    def test_nothing_is_lost_when_every_connection_fails(self):
        strikes = ROUNDS * STRIKES_PER_ROUND
        print(f"{strikes} faults, SEALPOST_SEED={SEED}", flush=True)
        stage, chance, rounds = BadStage(), random.Random(SEED), Rounds("faults", strikes)
        self.passed, kills = False, 0
        self.addCleanup(lambda: stage.close(not self.passed))
        stage.daemon.start()
        while rounds.left() > 0:
            stage.forget_cast()
            stage.cast(**WAYS)
            stage.worsen(SEED + rounds.done)
            stage.begin_all(rate=100)
            goal = rounds.done + min(A_CAST, rounds.left())
            while rounds.done < goal:
                wait_until(lambda: stage.network.strikes() > rounds.done, 30, "another fault")
                rounds.count(stage.network.strikes() - rounds.done)
                if chance.random() < 0.05:
                    stage.daemon.restart()
                    kills += 1
            stage.heal()
            self.assertGreater(stage.acks(), 0, "all faults came before anybody had said anything")
            result = stage.settle()
            self.assertEqual(result[0], 0, f"after {rounds.done} faults, SEALPOST_SEED={SEED}: {result[1]}")
        kinds = collections.Counter(fault.kind for line in stage.lines.values() for fault in line.strikes)
        print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
              + f", kills {kills}; of the last cast: {result[1].splitlines()[-1]}", flush=True)
        self.assertEqual(stage.daemon.terminate(), 0)
        stage.daemon.command("verify", "--config", stage.daemon.configuration)
        self.passed = True


class ANetworkThatLies(unittest.TestCase):
    """That the verdict can be other than ok."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-lies-")
        self.addCleanup(shutil.rmtree, self.folder)
        daemon = Daemon(("mqtt",), settings=GENEROUS)
        self.network = LyingNetwork(daemon.ports["mqtt"])
        self.addCleanup(self.network.close)
        self.endpoint = f"mqtt://127.0.0.1:{self.network.port}"
        daemon.sections["server"]["endpoints"].append(self.endpoint)
        daemon.write_configuration()
        self.enterContext(daemon)

    def verdict_on(self, sin):
        """Anna says six things to the bot while the network sins."""
        talk = Talk(self.folder, {"Anna": self.endpoint})
        anna, = talk.talkers
        talk.connect()
        self.network.begin(sin)
        for _ in range(MOMENT if sin == "swallows" else 2 * MOMENT):
            anna.write(anna.client.server, note())
            last = anna.outbox[-1][0].link
            talk.until(lambda: not anna.outbox)
        if sin == "swallows":
            talk.hang_up()
            talk.connect()  # and hears what the server has
        else:
            talk.until(lambda: last not in talk.due)
        talk.close()
        return talk.verdict()

    def test_the_checker_finds_out_each_of_its_sins(self):
        for sin, verdict in ((None, "ok"), ("drops", "lost"), ("repeats", "doubled"), ("swaps", "misordered"),
                             ("swallows", "lost")):
            with self.subTest(sin):
                found, findings = self.verdict_on(sin)
                self.assertEqual(found, verdict, findings)


if ROUNDS >= 100:  # with a real clock it takes more than a minute; with a virtual one: test/pipeline/slow_reader_test.cpp

    class AClientThatTakesNothing(OrdinaryCase):
        kinds = ("open-mqtt", "health-http")

        def test_it_is_cut_after_a_minute_and_one_that_takes_a_little_is_not(self):
            silent, sipping, other = self.plain("silent"), self.plain("sipping"), self.plain("other")
            for peer in (silent, sipping):
                peer.pipe.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                peer.subscribe(("flood", 0))
            begun = time.monotonic()
            for _ in range(60):  # 15 MB for each, which is more than the kernel holds
                other.publish("flood", bytes(250_000), 0)
            while self.daemon.counter("mqtt_sessions") == 3:
                self.assertLess(time.monotonic() - begun, 75 + 30 * PATIENCE, "it was not cut")
                sipping.pipe.receive(10 * PATIENCE)
                time.sleep(0.5)  # it takes its time
            self.assertGreater(time.monotonic() - begun, 55)
            self.assertEqual(self.daemon.counter("mqtt_sessions"), 2)
            with self.assertRaises(Closed):
                while True:
                    silent.pipe.receive(10 * PATIENCE)
            sipping.pipe.receive(10 * PATIENCE)


class EachKindOfFault(unittest.TestCase):
    """What a line does to bytes, seen from both of its ends."""

    def setUp(self):
        self.network = BadNetwork()
        self.addCleanup(self.network.close)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10 * PATIENCE)
        self.addCleanup(self.listener.close)

    def ends(self, *faults):
        """(client, server): the two ends of a connection over a line with `faults`, one for each connection."""
        faults = iter(faults)
        self.line = self.network.line(self.listener.getsockname()[1], lambda: next(faults, None))
        return self.another()

    def another(self):
        client = socket.create_connection(("127.0.0.1", self.line.port), 10 * PATIENCE)
        return client, self.server_end()

    def server_end(self):
        server, _ = self.listener.accept()
        server.settimeout(10 * PATIENCE)
        return server

    @staticmethod
    def all_of(sock):
        """Everything up to the end of the stream."""
        with sock:
            return b"".join(iter(lambda: sock.recv(100), b""))

    @staticmethod
    def some_of(sock, count):
        raw = b""
        while len(raw) < count:
            raw += sock.recv(count - len(raw))
        return raw

    def test_a_line_without_a_fault_passes_all_bytes_and_ends_each_way_by_itself(self):
        client, server = self.ends()
        client.sendall(b"up" * 50_000)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.all_of(server.dup()), b"up" * 50_000)
        server.sendall(b"down")
        server.close()
        self.assertEqual(self.all_of(client), b"down")

    def test_close_ends_the_stream_after_so_many_bytes(self):
        for way in (UP, DOWN):
            client, server = self.ends(Fault("close", way, 3))
            source, sink = (client, server) if way == UP else (server, client)
            source.sendall(b"abcdef")
            self.assertEqual(self.all_of(sink), b"abc")

    def test_delay_and_twice_end_so_too(self):
        client, server = self.ends(Fault("delay", UP, 3), Fault("twice", UP, 3))
        client.sendall(b"abcdef")
        self.assertEqual(self.all_of(server), b"abc")
        client = socket.create_connection(("127.0.0.1", self.line.port), 10 * PATIENCE)
        both = self.server_end(), self.server_end()
        client.sendall(b"abcdef")
        self.assertEqual([self.all_of(server) for server in both], [b"abc", b"abc"])

    def test_reset_is_seen_by_both_sides(self):
        client, server = self.ends(Fault("reset", UP, 1))
        client.sendall(b"ab")
        for sock in (client, server):
            with self.assertRaises(ConnectionResetError):
                self.all_of(sock)

    def test_dribble_brings_every_byte_until_it_resets(self):
        client, server = self.ends(Fault("dribble", UP, 400))
        client.sendall(b"x" * 399)
        self.assertEqual(self.some_of(server, 399), b"x" * 399)
        client.sendall(b"yz")
        with self.assertRaises(ConnectionResetError):
            self.all_of(server)

    def test_half_close_ends_one_way_and_the_other_goes_on(self):
        client, server = self.ends(Fault("half-close", UP, 2))
        client.sendall(b"abc")
        self.assertEqual(self.all_of(server.dup()), b"ab")
        server.sendall(b"still here")
        server.close()
        self.assertEqual(self.all_of(client), b"still here")

    def test_silence_lets_the_client_go_and_the_old_bytes_come_when_a_new_connection_has_passed_some(self):
        for kind in ("silence", "stall"):
            client, server = self.ends(Fault(kind, UP, 2, late=4))
            client.sendall(b"ab")
            self.assertEqual(self.some_of(server, 2), b"ab")
            client.sendall(b"cd")
            self.assertEqual(self.all_of(client), b"")  # the client has given up
            later, its_end = self.another()
            later.sendall(b"123")
            self.assertEqual(self.some_of(its_end, 3), b"123")
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):  # of the old one nothing, and not its end either
                server.recv(1)
            server.settimeout(10 * PATIENCE)
            later.sendall(b"4")
            self.assertEqual(self.all_of(server), b"cd")

    def test_one_way_silence_lets_the_other_way_go_on(self):
        client, server = self.ends(Fault("silence", DOWN, 0))
        server.sendall(b"unheard")
        client.sendall(b"heard")
        self.assertEqual(self.some_of(server, 5), b"heard")
        self.assertEqual(self.all_of(client), b"")


if __name__ == "__main__":
    runner.main()
