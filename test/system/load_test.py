#!/usr/bin/python3
"""Many clients with many messages in flight, while connections break, certificates are read again and the server stops.
`sealpost bench` checks that nothing is lost and that order and links hold; a sanitized server has nothing to say.
(also: dev)"""
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE, free_port, program  # noqa: E402
from rest import Rest  # noqa: E402
from system import ServerCase, bot_token, note, wait_until  # noqa: E402

# As docs/performance.md has it, for a hundred clients from one address; and with more threads than most machines that
# test have cores, so that they meet at every point.
BUSY = {"server": {"threads": 8}, "limits": {"max_unproven_per_address": 4096, "inbox_messages": 1_000_000},
        "logging": {"level": "warn"}}


class Bench:
    """A running `sealpost bench`; killed at the end, if it has not ended."""

    def __init__(self, case, kind="mqtt", clients=100, messages=30, more=()):
        trust = ["--insecure"] if kind == "mqtts" else []
        self.process = subprocess.Popen(
            [program("sealpost"), "bench", "--server", case.daemon.endpoint(kind), *trust, "--clients", str(clients),
             "--messages", str(messages), "--in-flight", "16", "--rounds", "1", "--no-ceiling", *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        case.addCleanup(self.end)

    def must_lose_nothing(self):
        output, _ = self.process.communicate(timeout=60 * PATIENCE)
        if self.process.returncode != 0:
            raise AssertionError(f"bench ended with {self.process.returncode}:\n{output}")

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()


class LoadCase(ServerCase):
    settings = BUSY

    @classmethod
    def setUpClass(cls):
        cls.daemon, cls.health_port = cls.new_daemon(), free_port()
        with open(cls.daemon.configuration, "a", encoding="utf-8") as file:
            file.write(f'\n[[listener]]\nname = "health"\nkind = "http"\nserves = ["health"]\nport = {cls.health_port}\n')
        cls.daemon.start()

    def taken(self):
        """How many messages the server has taken."""
        metrics = Rest(f"http://127.0.0.1:{self.health_port}").get("/metrics").must().raw.decode()
        return next(int(line.split()[1]) for line in metrics.splitlines()
                    if line.startswith("sealpost_messages_in_total "))

    def wait_for_messages(self, more):
        goal = self.taken() + more
        wait_until(lambda: self.taken() >= goal, 30, f"{more} messages more")


class Talking(LoadCase):
    kinds = ("mqtt", "mqtts", "ws", "http")

    def test_a_hundred_clients_with_a_full_window_lose_nothing(self):
        Bench(self).must_lose_nothing()

    def test_a_hundred_clients_over_tls_lose_nothing(self):
        Bench(self, "mqtts", messages=10).must_lose_nothing()

    def test_clients_that_break_off_at_any_moment_disturb_nobody(self):
        staying = Bench(self, clients=20, messages=60)
        for kind in ("mqtt", "mqtts") * 2:
            breaking = Bench(self, kind, clients=20, messages=200)
            self.wait_for_messages(100)
            breaking.kill()
        staying.must_lose_nothing()

    def test_websockets_that_break_off_amid_replies_disturb_nobody(self):
        staying = Bench(self, clients=10, messages=60)
        for n in range(30):
            client = self.client(kind="ws" if n % 3 else "mqtt")
            client.login()
            for _ in range(n % 8):
                client.publish(client.compose(client.server, note("gone")))
            client.close()
        staying.must_lose_nothing()

    def test_a_device_that_connects_again_and_again_takes_over_amid_its_own_traffic(self):
        staying = Bench(self, clients=10, messages=60)
        client = self.person("anna")
        for n in range(20):
            client.publish(client.compose(client.server, note(f"{n}")))
            client, _ = self.again(client)
        staying.must_lose_nothing()

    def test_reloading_under_load_breaks_no_connection(self):
        staying = Bench(self, "mqtts", clients=20, messages=40)
        for _ in range(5):
            self.wait_for_messages(20)
            self.daemon.signal(signal.SIGHUP)
        staying.must_lose_nothing()


class Relaying(LoadCase):
    @staticmethod
    def write_and_read(me, others, rounds):
        """What `me` gets from each of the others, while it writes `rounds` messages to each."""
        for n in range(rounds):
            packets = [me.publish(me.compose(other.permalink, note(f"{n}"))) for other in others]
            for packet in packets:
                me.wait_answer(packet)
        got = {other.permalink: [] for other in others}
        while sum(map(len, got.values())) < rounds * len(others):
            payload = me.take()["object"]
            if payload["_t"] == "sealpost.Message":
                got[payload["_author"]].append(int(payload["object"]["text"]))
        return got

    def test_clients_that_all_write_to_each_other_at_once_get_everything_once_and_in_order(self):
        staying = Bench(self, clients=20, messages=40)
        people, rounds = [self.person() for _ in range(6)], 15
        with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
            circles = [(me, [other for other in people if other is not me]) for me in people]
            under_way = [pool.submit(self.write_and_read, me, others, rounds) for me, others in circles]
            for (_, others), each in zip(circles, under_way):
                self.assertEqual(each.result(), {other.permalink: list(range(rounds)) for other in others})
        staying.must_lose_nothing()


class Stopping(LoadCase):
    kinds = ("mqtt", "mqtts", "http")

    def test_a_server_that_is_asked_to_stop_under_load_ends_in_order(self):
        for kind in ("mqtt", "mqtts", "mqtt"):
            with self.subTest(kind):
                load = Bench(self, kind, clients=40, messages=200)
                self.wait_for_messages(200)
                self.assertEqual(self.daemon.terminate(), 0)
                load.kill()
                self.daemon.start()


class RestBot(LoadCase):
    bot = "rest"

    def work(self, rest, over):
        """A bot that answers whatever waits until `over`."""
        while not over.is_set():
            for update in rest.updates(wait=1, limit=100)["updates"]:
                rest.acknowledge("bot", [update["event"]], [{"object": {"_t": "demo.Answer"}}])

    def test_messages_to_a_bot_over_rest_are_all_answered(self):
        rest, over = Rest(self.daemon.rest_base, bot_token(self.daemon), timeout=15 * PATIENCE), threading.Event()
        bots = [threading.Thread(target=self.work, args=(rest, over)) for _ in range(3)]
        for bot in bots:
            bot.start()
        try:
            Bench(self, clients=40, messages=10).must_lose_nothing()
        finally:
            over.set()
            for bot in bots:
                bot.join()


if __name__ == "__main__":
    runner.main()
