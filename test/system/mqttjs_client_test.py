#!/usr/bin/python3
"""MQTT.js in whole conversations over TCP, TLS and WebSocket: the client of test/clients. (also: dev)"""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in
                ("support", "clients")]
import ledger  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, free_port  # noqa: E402
from driven import MqttJs, PlainMqttJs, node_folder  # noqa: E402
from fake_server import FakeServer  # noqa: E402
from real_clients import RealClientsCase  # noqa: E402
from signed import Identity, link_of  # noqa: E402
from system import ROOT, checked, note  # noqa: E402

DAY_MS = 24 * 3_600_000


class MqttJsCase(RealClientsCase):
    def setUp(self):
        self.modules = node_folder(self.folder())

    def start(self, endpoint, book=None, **options):
        """A process of the client, with the ledger `book` or a new one."""
        self.book = book or os.path.join(self.modules, f"{len(os.listdir(self.modules))}.ledger")
        driven = MqttJs(self.modules, self.book, endpoint, ca=self.daemon.certificate, **options)
        self.addCleanup(lambda: driven.process.poll() is None and driven.kill())
        return driven

    def online(self, kind="mqtt", book=None, **options):
        driven = self.start(self.daemon.endpoint(kind), book, **options)
        return driven, driven.wait_for("online")[0]

    def ticketed(self, kind):
        return self.online(kind, rest=self.daemon.rest_base)[0]

    def converse(self, driven, count):
        """Writes and is answered; all in order, once and as it was said."""
        texts = [f"from MQTT.js {n}" for n in range(count)]
        links = driven.write(*texts)
        replies = driven.replies(count)
        self.assertEqual([event["link"] for event in driven.wait_for("ack", count)], links)
        self.assertEqual([reply["inReplyTo"] for reply in replies], links)
        self.assertEqual([reply["object"]["echo"]["text"] for reply in replies], texts)

    def assert_nothing_lost_or_doubled(self):
        status, output = checked([self.book])
        self.assertEqual(status, 0, output)


class MqttJsConverses(MqttJsCase):
    def test_the_javascript_of_signed_objects_holds_to_the_golden_vectors(self):
        done = subprocess.run(["node", "check_vectors.mjs", os.path.join(ROOT, "proto/vectors")], cwd=self.modules,
                              capture_output=True, text=True, timeout=60 * PATIENCE)
        self.assertRegex(done.stdout, r"^\d\d+ vectors hold$", done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_mqttjs_converses_after_the_handshake_over_each_carrier(self):
        for kind in ("mqtt", "mqtts", "ws", "wss"):
            with self.subTest(kind):
                driven, online = self.online(kind)
                self.assertEqual(online["bound"], kind == "mqtts")
                self.converse(driven, 20)
                self.assertEqual(driven.stop(), 0)
                self.assert_nothing_lost_or_doubled()

    def test_mqttjs_converses_with_a_ticket_and_version_3_1_1_over_each_carrier(self):
        for kind in ("mqtt", "mqtts", "ws", "wss"):
            with self.subTest(kind):
                driven = self.ticketed(kind)
                self.converse(driven, 20)
                self.assertEqual(driven.stop(), 0)
                self.assert_nothing_lost_or_doubled()

    def test_mqttjs_proves_itself_again_while_messages_flow(self):
        driven, _ = self.online("wss")
        for again in (1, 2):
            driven.do("reauthenticate")
            driven.write(*"abcde")
            renewed = driven.wait_for("renewed", again)
        self.assertEqual(len({event["session"] for event in renewed}), 1)
        driven.replies(10)
        self.assertEqual(driven.stop(), 0)
        self.assert_nothing_lost_or_doubled()

    def test_mqttjs_renews_its_session_when_the_time_has_come(self):
        driven, _ = self.online("wss")
        driven.do("jump", ms=DAY_MS)
        driven.wait_for("renewed")
        self.converse(driven, 3)
        self.assertEqual(driven.stop(), 0)
        driven = self.ticketed("ws")
        driven.do("jump", ms=DAY_MS)
        driven.wait_for("online", 2)
        self.converse(driven, 3)

    def test_mqttjs_reaches_another_person_and_checks_his_signature(self):
        driven, _ = self.online("wss")
        [self_event] = driven.wait_for("self")
        bert = self.person("bert", kind="mqtts")
        [link] = driven.write("to Bert", to=bert.permalink)
        self.assertEqual(bert.take()["object"]["_t"], "sealpost.Identity")
        self.assertEqual(link_of(bert.take()["object"]), link)  # checked by his client
        message = bert.compose(self_event["permalink"], note("to Jo"))
        bert.deliver(message)
        identity, relayed = driven.wait_for("message", 2)
        self.assertEqual((identity["object"], relayed["object"]), (bert.identity.versions[0], message))

    def test_mqttjs_with_a_wrong_clock_corrects_itself_and_signs_again(self):
        driven, _ = self.online()
        driven.do("jump", ms=60_000)
        links = driven.write("early", "and", "later")
        rejected = driven.wait_for("reject", code="clock")
        self.assertEqual(rejected[0]["link"], links[0])
        replies = driven.replies(3)
        self.assertEqual([reply["object"]["echo"]["text"] for reply in replies], ["early", "and", "later"])
        self.assertEqual(driven.stop(), 0)
        self.assert_nothing_lost_or_doubled()

    def test_mqttjs_killed_while_it_signs_again_says_the_rest_after_its_start(self):
        server = self.daemon.rest().get("/v1/info").must().json["permalink"]
        for code, texts in (("clock", ["one", "two", "three"]), ("malformed", ["two", "three"])):
            with self.subTest(code):
                driven = self.start(f"mqtt://127.0.0.1:{free_port()}")  # nobody is there
                links = driven.write("one", "two", "three", to=server)
                driven.kill()
                with open(self.book, "a", encoding="utf-8") as file:
                    file.write(json.dumps({"kind": "reject", "link": links[0], "n": 1, "code": code}) + "\n")
                driven, _ = self.online(book=self.book)
                replies = driven.replies(len(texts))
                self.assertEqual([reply["object"]["echo"]["text"] for reply in replies], texts)
                self.assertEqual(driven.stop(), 0)
                self.assert_nothing_lost_or_doubled()

    def test_mqttjs_stops_when_another_connection_of_its_device_takes_over(self):
        driven, _ = self.online()
        shutil.copy(self.book, self.book + ".copy")
        self.online(book=self.book + ".copy")
        self.assertIn("taken over", driven.wait_for("over")[0]["reason"])
        self.assertEqual(driven.finish(), 0)


class MqttJsResumes(MqttJsCase):
    def test_mqttjs_goes_on_when_the_server_is_killed_with_messages_under_way(self):
        for name, begin in (("handshake over wss", lambda: self.online("wss")[0]),
                            ("ticket over ws", lambda: self.ticketed("ws"))):
            with self.subTest(name):
                self.outlive_the_server(begin())

    def outlive_the_server(self, driven):
        links = driven.write(*[f"{n}" for n in range(20)])
        driven.wait_for("ack", 20)
        self.stop_in_the_middle()
        links += driven.write(*[f"under way {n}" for n in range(10)])
        driven.wait_for("published", 30)
        self.daemon.kill9()
        driven.wait_for("offline")
        links += driven.write(*[f"offline {n}" for n in range(10)])
        self.daemon.start()
        self.assertEqual(driven.wait_for("online", 2)[1]["received"]["n"], 20)
        self.assertEqual([reply["inReplyTo"] for reply in driven.replies(40)], links)
        self.assertEqual(driven.stop(), 0)
        self.assert_nothing_lost_or_doubled()
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon.command("verify", "--config", self.daemon.configuration)
        self.daemon.start()

    def test_mqttjs_goes_on_when_it_is_killed_itself_at_any_moment(self):
        driven, _ = self.online("mqtts")
        for times in range(1, 4):
            for n in range(60):
                driven.do("write", object=note(f"{times} {n}"))
            driven.wait_for("ack", 7 * times)
            driven.kill()
            kinds = [entry["kind"] for entry in ledger.entries(self.book)]
            driven, _ = self.online("mqtts", self.book)
        # Each message that it had stored is sent and answered, whatever was under way.
        driven.replies(kinds.count("intent") - kinds.count("received"))
        self.assertEqual(driven.stop(), 0)
        self.assert_nothing_lost_or_doubled()

    def test_mqttjs_takes_a_delivery_that_it_was_killed_before_it_could_store(self):
        driven, _ = self.online("ws")
        [self_event] = driven.wait_for("self")
        driven.process.send_signal(signal.SIGSTOP)
        bert = self.person("bert")
        bert.say(self_event["permalink"], note("nobody hears"))
        driven.kill()
        driven, online = self.online("ws", self.book)
        self.assertEqual((online["light"], online["acked"], online["sent"]["n"]), ("drain", 0, 2))
        [link] = driven.write("not before what waits")
        driven.wait_for("light", light="green")
        self.assertEqual([reply["inReplyTo"] for reply in driven.replies(1)], [link])
        names = [event["heard"] for event in driven.events if event["heard"] in ("message", "light", "published")]
        self.assertEqual(names, ["message", "message", "light", "published", "message"])


class MqttJsPlain(MqttJsCase):
    """Ordinary MQTT, as any program would use MQTT.js, on an open listener."""

    def plain(self, kind="open-mqtt", version=5, keep=None, **options):
        path = "/mqtt" if "ws" in kind else ""
        driven = PlainMqttJs(self.modules, self.daemon.endpoint(kind) + path, self.daemon.certificate,
                             protocolVersion=version, clean=keep is None,
                             properties={"sessionExpiryInterval": keep or 0}, **options)
        self.addCleanup(lambda: driven.process.poll() is None and driven.kill())
        driven.wait_for("connected")
        return driven

    def carriers(self):
        for kind in ("open-mqtt", "open-mqtts", "open-ws", "open-wss"):
            for version in (4, 5):
                yield kind, version, f"{self._testMethodName}/{kind}/{version}"

    def test_mqttjs_publishes_and_subscribes_at_each_qos_over_each_carrier(self):
        for kind, version, topic in self.carriers():
            driven = self.plain(kind, version)
            self.assertEqual(driven.subscribe(topic + "/#"), [2])
            for qos in (0, 1, 2):
                driven.publish(f"{topic}/{qos}", f"qos {qos}", qos)
            got = driven.wait_for("message", 3)
            self.assertEqual([(event["topic"], event["text"], event["qos"]) for event in got],
                             [(f"{topic}/{qos}", f"qos {qos}", qos) for qos in (0, 1, 2)])
            self.assertEqual(driven.end(), 0)

    def test_mqttjs_is_given_what_is_retained_and_the_wills_of_others(self):
        for kind, version, topic in self.carriers():
            driven = self.plain(kind, version, will={"topic": topic + "/will", "payload": "gone", "qos": 2,
                                                     "retain": True})
            driven.publish(topic + "/kept", "kept", 2, True)
            driven.end("vanish")
            other = self.plain(kind, 9 - version)
            other.subscribe(topic + "/+")
            got = other.wait_for("message", 2)
            self.assertEqual(sorted(event["text"] for event in got), ["gone", "kept"])
            other.end()

    def test_the_members_of_a_share_divide_the_messages(self):
        members = [self.plain(kind) for kind in ("open-mqtt", "open-wss")]
        for member in members:
            self.assertEqual(member.subscribe("$share/js/js/work"), [2])
        publisher = self.plain("open-ws", 4)
        for n in range(20):
            publisher.publish("js/work", str(n), n % 3)
        self.assertEqual(sorted(int(text) for member in members for text in member.texts(10)), list(range(20)))

    def test_mqttjs_goes_on_with_its_session_when_the_server_was_killed(self):
        drivens = [(self.plain(kind, version, keep=600, clientId=topic.replace("/", "-"), resubscribe=False), topic)
                   for kind, version, topic in self.carriers()]
        for driven, topic in drivens:
            driven.subscribe("js/killed")
        self.daemon.kill9()
        for driven, _ in drivens:
            driven.wait_for("closed")
        self.daemon.start()
        for driven, _ in drivens:
            self.assertTrue(driven.wait_for("connected", 2)[1]["present"])
        drivens[0][0].publish("js/killed", "again", 2)
        for driven, _ in drivens:
            self.assertEqual(driven.texts(1), ["again"])
            driven.end()


class Impostor(FakeServer):
    """A stand-in that delivers something else than it has signed."""

    def deliver(self, client):
        for message in self.out.get(client, []):
            message["object"]["altered"] = True
        super().deliver(client)


class Forger(FakeServer):
    """A stand-in whose Welcome somebody else has signed."""

    def welcome(self, connection, hello, proof):
        return Identity("somebody else").sign(super().welcome(connection, hello, proof))


class MqttJsIsNotDeceived(MqttJsCase):
    def fake(self, kind):
        server = kind()
        self.addCleanup(server.close)
        return server

    def test_mqttjs_refuses_a_server_that_is_not_the_one_it_was_told_of(self):
        driven = self.start(self.daemon.endpoint(), server="5e" * 32)
        self.assertIn("another server", driven.wait_for("offline")[0]["reason"])

    def test_mqttjs_gives_up_where_the_server_says_no(self):
        driven = self.start(self.daemon.endpoint().replace("127.0.0.1", "localhost"))  # an endpoint that it has not
        self.assertIn("the server says no", driven.wait_for("over")[0]["reason"])
        self.assertEqual(driven.finish(), 0)

    def test_mqttjs_refuses_another_server_in_the_place_of_the_one_it_knows(self):
        server = self.fake(FakeServer)
        driven = self.start(server.endpoint)
        driven.wait_for("online")
        server.identity = Identity("somebody else")
        server.cut_all()
        self.assertIn("no Challenge of the server", driven.wait_for("offline", 2)[1]["reason"])

    def test_mqttjs_refuses_a_challenge_under_a_key_that_is_not_the_servers(self):
        server = self.fake(FakeServer)
        driven = self.start(server.endpoint)
        driven.wait_for("online")
        server.identity.sign_key = Identity("somebody else").sign_key
        server.cut_all()
        self.assertIn("Challenge is not signed by the server", driven.wait_for("offline", 2)[1]["reason"])

    def test_mqttjs_refuses_a_welcome_under_a_key_that_is_not_the_servers(self):
        server = self.fake(Forger)
        driven = self.start(server.endpoint)
        self.assertIn("Welcome is not signed by the server", driven.wait_for("offline")[0]["reason"])
        self.assertNotIn("welcome", {entry["kind"] for entry in ledger.entries(self.book)})

    def test_mqttjs_neither_stores_nor_acknowledges_an_altered_delivery(self):
        server = self.fake(Impostor)
        driven = self.start(server.endpoint)
        driven.wait_for("online")
        driven.do("write", object=note())
        self.assertIn("delivery is not signed by the server", driven.wait_for("offline")[0]["reason"])
        driven.kill()
        self.assertEqual(set(server.acked.values()), {0})
        self.assertNotIn("received", {entry["kind"] for entry in ledger.entries(self.book)})


if __name__ == "__main__":
    runner.main()
