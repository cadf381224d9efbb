#!/usr/bin/python3
"""What strangers, and clients without measure, may cost: bounded memory, log, time and places for others. (also: dev)"""
import http.client
import os
import select
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, Daemon, StartFailed, free_port  # noqa: E402
from rest import Answer, Rest, ticket_for  # noqa: E402
from sealpost_client import Closed, Refused  # noqa: E402
from signed import Identity, Key  # noqa: E402
from system import GENEROUS, ServerCase, bot_token, merged  # noqa: E402

QUOTA_EXCEEDED, RATE_EXCEEDED = 0x97, 0x9F


def exchange(port, raw, timeout=10):
    """What the server answers to `raw` on a connection of its own, until it closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(raw)
        connection.settimeout(timeout)
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except OSError:
            pass
        return answer


class BehindTheConnect(ServerCase):
    settings = {"server": {"threads": 2}}

    def test_what_comes_right_behind_a_connect_with_a_ticket_is_served(self):
        """While the client's strand is busy with another device, and other clients fill the buffers for reading."""
        others = [self.person(f"other {n}") for n in range(16)]
        anna = self.client(Identity("anna"), version=4)
        first = self.client(anna.identity)
        first.login()
        anna.memory.confirmed = True
        count = 40
        for _ in range(6):
            ticket_for(anna, self.daemon.rest_base)
            anna.dial()
            behind = b"".join(wire.subscribe(4, n + 1, [(anna.topic("inbox"), 1)]) for n in range(count))
            self.daemon.signal(signal.SIGSTOP)
            first.send(wire.pingreq() * 60_000)
            anna.send(wire.connect(4, anna.client_id, user=anna.client_id, password=anna.ticket, clean=False) + behind)
            for other in others:
                other.send(wire.pingreq() * 6_000)
            self.daemon.signal(signal.SIGCONT)
            anna.wait_packet(wire.CONNACK)
            self.assertEqual([anna.wait_packet(wire.SUBACK).packet_id for _ in range(count)],
                             list(range(1, count + 1)))
            anna.close()
            for one in [first, *others]:
                self.drop_what_came(one)

    @staticmethod
    def drop_what_came(client):
        client.pipe.socket.settimeout(0.05)
        try:
            while client.pipe.socket.recv(1 << 20):
                pass
        except OSError:
            pass


class Strangers(ServerCase):
    def test_a_client_id_that_is_made_up_reaches_neither_the_log_nor_the_lines_of_the_server(self):
        for n in range(100):
            client = self.client().dial()
            client.send(wire.connect(4, f"made-up-{n}-" + "\x01" * 1000, user="x", password="y"))
            with self.assertRaises((Refused, Closed)):
                client.connack = client.wait_packet(wire.CONNACK)
                raise Refused("refused", client.connack.reason)
            client.close()
        lines = self.daemon.log()
        self.assertIn("handshake of ? from 127.0.0.1 failed", lines)
        self.assertNotIn("made-up", lines)
        self.assertNotIn(b"made-up", self.log_bytes())

    def log_bytes(self):
        found = b""
        for name in os.listdir(self.daemon.data_dir):
            if name.startswith("log.db"):
                with open(os.path.join(self.daemon.data_dir, name), "rb") as file:
                    found += file.read()
        return found

    def test_failed_handshakes_write_ten_lines_a_second_at_most(self):
        begun, before = time.monotonic(), self.daemon.log().count("handshake of")
        for _ in range(150):
            client = self.client().dial()
            client.send(wire.connect(4, client.client_id, user=client.client_id, password="y"))
            client.wait_packet(wire.CONNACK)
            client.close()
        lines = self.daemon.log().count("handshake of") - before
        self.assertLessEqual(lines, 10 + 10 * (time.monotonic() - begun + 1))

    def test_the_body_of_a_stranger_is_bounded_before_it_is_read(self):
        token = bot_token(self.daemon)
        cases = [("/v1/auth/hello", 4096, ""), ("/v1/auth/proof", 65_536, ""), ("/v1/messages", 4096, ""),
                 ("/v1/messages", 4096, "Authorization: Bearer wrong\r\n"),
                 ("/v1/messages", 1 << 20, f"Authorization: Bearer {token}\r\n"),
                 ("/v1/messages", 1 << 20, f"Authorization: bearer {token}\r\n")]
        for path, most, header in cases:
            with self.subTest(f"{path} {header[:22]}"):
                def asked(framing, body):
                    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}{framing}\r\n"
                    return exchange(self.daemon.ports["http"], head.encode() + body)
                self.assertNotIn(b" 413 ", asked(f"Content-Length: {most}\r\n", b"x" * most)[:20])
                refused = asked(f"Content-Length: {most + 1}\r\n", b"")
                self.assertIn(b" 413 ", refused[:20])
                self.assertIn(b"application/problem+json", refused)
                self.assertIn(b'"code":"too_large"', refused)
                chunk = b"%x\r\n" % (most + 1) + b"x" * (most + 1) + b"\r\n0\r\n\r\n"
                self.assertIn(b" 413 ", asked("Transfer-Encoding: chunked\r\n", chunk)[:20])

    def test_what_is_no_http_is_answered_by_a_problem(self):
        for raw, status, code in ((b"nonsense\r\n\r\n", b"400", b"malformed"),
                                  (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", b"417", b"expectation_failed"),
                                  (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b"431", b"too_large")):
            answer = exchange(self.daemon.ports["http"], raw)
            self.assertEqual(answer[9:12], status)
            self.assertIn(b'"code":"' + code + b'"', answer)

    def test_a_known_path_with_another_method_names_the_methods_there_are(self):
        answer = Rest(self.daemon.rest_base).call("DELETE", "/v1/info")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))

    def test_a_target_with_scheme_and_host_is_that_path(self):
        for target in ("http://example.org/v1/info", "HTTPS://example.org:8443/v1/info?x=1"):
            raw = f"GET {target} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
            self.assertIn(b" 200 ", exchange(self.daemon.ports["http"], raw.encode())[:20])


class Signatures(ServerCase):
    settings = {"limits": {"signature_checks_per_second": 1, "max_unproven_per_address": 2000}}

    def test_a_hello_counts_as_a_signature_check_and_a_whole_proof_fits(self):
        identity = Identity("many", more_keys=[{"alg": "ed25519", "purpose": "other", "pub": Key().pub}
                                               for _ in range(4)])
        for _ in range(15):
            identity.next_version()
        client = self.client(identity)
        client.login()  # 16 versions: 65 checks or more, of at least 274 at once
        refused = 0
        for _ in range(300):
            stranger = self.client().dial()
            stranger.send_connect(stranger.hello())
            try:
                stranger.wait_challenge()
            except Refused as refusal:
                self.assertEqual(refusal.reason, RATE_EXCEEDED)
                refused += 1
            stranger.close()
        self.assertGreater(refused, 20)
        answer = Rest(self.daemon.rest_base).post("/v1/auth/hello", self.client().hello("ticket"))
        self.assertEqual((answer.status, answer.code), (429, "too_many"))


class HandshakesUnderWay(ServerCase):
    def test_one_hello_more_than_an_address_may_have_under_way_is_too_many(self):
        rest = Rest(self.daemon.rest_base)
        codes = [rest.post("/v1/auth/hello", self.client().hello("ticket")).code for _ in range(65)]
        self.assertEqual(codes, [None] * 64 + ["too_many"])


class PlacesDaemon(Daemon):
    """With a listener for health, and a Unix socket for bots, besides."""

    def write_configuration(self):
        super().write_configuration()
        self.health_port = free_port()
        self.socket_path = os.path.join(self.data_dir, "api.sock")
        with open(self.configuration, "a", encoding="utf-8") as file:
            file.write(f'\n[[listener]]\nname = "health"\nkind = "http"\nserves = ["health"]\nport = {self.health_port}\n'
                       '\n[[listener]]\nname = "local"\nkind = "unix-http"\nserves = ["api"]\npath = "api.sock"\n')


class PlacesCase(ServerCase):
    settings = {"limits": {"max_unproven_connections": 12, "max_unproven_per_address": 12, "unproven_seconds": 2}}

    @classmethod
    def new_daemon(cls, **options):
        return PlacesDaemon(cls.kinds, cls.bot, merged(GENEROUS, cls.settings))

    def connected(self, count, kind):
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", self.daemon.ports[kind]), 5)
            self.addCleanup(connection.close)


class FullHouse(PlacesCase):
    def test_strangers_that_fill_the_house_shut_out_neither_health_checks_nor_the_unix_socket(self):
        self.connected(20, "mqtt")
        self.assertEqual(Rest(f"http://127.0.0.1:{self.daemon.health_port}").get("/livez").status, 200)
        self.assertEqual(Rest(self.daemon.socket_path).get("/v1/clients").status, 200)

    def test_a_listener_for_health_reads_no_large_bodies_either(self):
        head = b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n"
        self.assertIn(b" 413 ", exchange(self.daemon.health_port, head)[:20])


class BotPlaces(PlacesCase):
    def test_the_connection_of_a_bot_is_no_strangers(self):
        token = bot_token(self.daemon)
        bots = [http.client.HTTPConnection("127.0.0.1", self.daemon.ports["http"], timeout=5) for _ in range(14)]
        for bot in bots:
            self.addCleanup(bot.close)
            bot.request("GET", "/v1/clients", headers={"Authorization": f"Bearer {token}"})
            self.assertEqual(Answer(bot.getresponse()).status, 200)
        self.echoed(self.person())
        stranger = socket.create_connection(("127.0.0.1", self.daemon.ports["mqtt"]), 5 * PATIENCE)
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.recv(1), b"")  # the time of one who came later has run out, that of the bots has not
        bots[0].request("GET", "/v1/clients", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual(Answer(bots[0].getresponse()).status, 200)


class StrangerPlaces(PlacesCase):
    def test_an_http_connection_of_nobody_known_ends_with_its_time(self):
        stranger = http.client.HTTPConnection("127.0.0.1", self.daemon.ports["http"], timeout=5)
        self.addCleanup(stranger.close)
        stranger.connect()
        connection, begun = stranger.sock, time.monotonic()
        while time.monotonic() - begun < 6 * PATIENCE:
            try:
                connection.sendall(b"GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n")
                if not connection.recv(65536):
                    break
            except OSError:
                break
        self.assertLess(time.monotonic() - begun, 5 * PATIENCE)


class Clients(ServerCase):
    def test_a_session_has_sixteen_subscriptions(self):
        for version, past in ((5, QUOTA_EXCEEDED), (4, 0x80)):
            with self.subTest(version):
                anna = self.client(Identity("anna"), version=version)
                if version == 5:
                    anna.dial().handshake()
                else:
                    ticket_for(anna, self.daemon.rest_base)
                    anna.dial().connect_with_ticket(anna.ticket)
                names = [anna.topic(f"leaf-{n}") for n in range(20)]
                self.assertEqual(anna.subscribe_to([(name, 0) for name in names]), [0] * 16 + [past] * 4)
                self.assertEqual(anna.subscribe_to([(names[3], 1), (names[18], 0)]), [1, past])  # one is not new
                anna.send(wire.unsubscribe(version, 7, [names[0]]))
                anna.wait_packet(wire.UNSUBACK)
                self.assertEqual(anna.subscribe_to([(names[18], 0)]), [0])

    def test_a_client_that_is_not_read_from_is_not_said_to_be_silent(self):
        anna = self.client(Identity("anna"))
        anna.dial()
        anna.pipe.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        anna.handshake(keep_alive=1)
        channel, sent = anna.pipe.socket, 0
        channel.setblocking(False)
        # Until the server has taken nothing for longer than a silent client has: one and a half keep-alives.
        while select.select([], [channel], [], 4)[1]:
            sent += channel.send(wire.pingreq() * 8000)
        self.assertGreater(sent, 1 << 18)
        bot = Rest(self.daemon.rest_base, bot_token(self.daemon))
        self.assertEqual(bot.get(f"/v1/clients/{anna.permalink}").must().json["connected"], [anna.device])

    def test_a_ticket_for_a_key_that_was_dropped_since_opens_nothing(self):
        anna = self.client(Identity("anna"), version=4)
        ticket_for(anna, self.daemon.rest_base)
        anna.identity.next_version(sign_key=Key())
        other = self.client(anna.identity)
        other.login()
        anna.dial()
        refused = self.assert_refused(anna.connect_with_ticket, anna.ticket)
        self.assertEqual(refused.reason, 5)
        self.echoed(other)


class Starting(ServerCase):
    def test_a_start_that_cannot_say_where_it_listens_ends_with_a_sentence(self):
        daemon = self.new_daemon()
        self.addCleanup(daemon.remove)
        os.mkdir(os.path.join(daemon.data_dir, "listening.json.new"))
        with self.assertRaises(StartFailed):
            daemon.start()
        self.assertEqual(daemon.wait(), 1, daemon.log_tail())
        self.assertIn("cannot start", daemon.log())
        self.assertIn("listening.json", daemon.log())


if __name__ == "__main__":
    runner.main()
