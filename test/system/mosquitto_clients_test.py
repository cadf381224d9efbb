#!/usr/bin/python3
"""libmosquitto, and mosquitto's tools, in whole conversations over TCP and TLS. (also: dev)

libmosquitto of Debian 12 (2.0.11) has no WebSocket: that came with version 2.1. So WebSocket is for MQTT.js
(mqttjs_client_test.py), which is also what a browser would have.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in
                ("support", "clients")]
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from driven import Mosquitto, compiled  # noqa: E402
from real_clients import RealClientsCase  # noqa: E402
from rest import ticket_for  # noqa: E402
from sealpost_client import Delivery, Mark  # noqa: E402
from signed import Identity, canonical_text, link_of  # noqa: E402
from system import checked, note  # noqa: E402

VERSIONS = {"3.1.1": 4, "5": 5}


class MosquittoCase(RealClientsCase):
    """Clients that speak with a ticket, their messages signed and their deliveries judged by our own client."""

    def ticketed(self, kind, version):
        client = self.client(Identity("anna"), kind=kind, version=VERSIONS[version])
        self.renew(client)
        return client

    def renew(self, client):
        return ticket_for(client, self.daemon.rest_base)

    def carriers(self):
        for kind in ("mqtt", "mqtts"):
            for version in VERSIONS:
                with self.subTest(f"MQTT {version} over {kind}"):
                    yield kind, version


class LibmosquittoCase(MosquittoCase):
    @classmethod
    def setUpClass(cls):
        cls.build = tempfile.mkdtemp(prefix="sealpost-libmosquitto-")
        cls.addClassCleanup(shutil.rmtree, cls.build, ignore_errors=True)
        cls.program = compiled(cls.build)
        super().setUpClass()


class Libmosquitto(LibmosquittoCase):
    def mosquitto(self, client):
        kind, version = client.endpoint.split(":")[0], "5" if client.version == 5 else "311"
        driven = Mosquitto(self.program, self.daemon, kind, client.client_id, version, client.topic(""))
        self.addCleanup(lambda: driven.process.poll() is None and driven.kill())
        return driven

    def online(self, kind, version):
        client = self.ticketed(kind, version)
        driven = self.mosquitto(client)
        self.connect(driven, client)
        return client, driven

    def connect(self, driven, client, time=1):
        driven.say(f"connect {client.ticket}")
        self.assertEqual(driven.wait_for("connected", time)[-1], ("connected", "0"))
        driven.wait_for("subscribed", time)

    def publish(self, driven, message):
        driven.say(f"publish {canonical_text(message)}")

    def received(self, driven, client, count):
        """The first `count` deliveries, each checked."""
        texts = driven.messages("inbox", count)
        return [client.check(Delivery(0, text, json.loads(text), link_of(json.loads(text)), False)) for text in texts]

    def test_libmosquitto_converses(self):
        for kind, version in self.carriers():
            anna, driven = self.online(kind, version)
            messages = [anna.compose(anna.server, note(f"from libmosquitto {n}")) for n in range(10)]
            for message in messages:
                self.publish(driven, message)
            links = [link_of(message) for message in messages]
            self.assertEqual({code for _, code in driven.wait_for("answered", 10)}, {"0"})
            self.assertEqual([json.loads(text)["link"] for text in driven.messages("ack", 10)], links)
            replies = [delivery.fields for delivery in self.received(driven, anna, 10)]
            self.assertEqual([reply["inReplyTo"] for reply in replies], links)
            self.assertEqual([reply["object"]["echo"] for reply in replies],
                             [message["object"] for message in messages])
            self.assertEqual([reply["_n"] for reply in replies], list(range(1, 11)))
            driven.say("quit")
            self.assertEqual(driven.finish(), 0)

    def test_libmosquitto_is_told_of_a_reject_by_the_puback_of_version_5_and_by_the_topic_in_both(self):
        for kind, version in self.carriers():
            anna, driven = self.online(kind, version)
            self.publish(driven, anna.compose(anna.server, note(), changes={"_n": 5, "_q": "5e" * 32}))
            reject = json.loads(driven.messages("reject")[0])
            self.assertEqual((reject["code"], reject["expected"]["n"]), ("gap", 1))
            self.assertEqual(driven.wait_for("answered"), [("answered", "131" if version == "5" else "0")])
            self.publish(driven, anna.compose(anna.server, note()))
            self.received(driven, anna, 1)

    def test_libmosquitto_with_a_wrong_ticket_is_refused(self):
        for kind, version in self.carriers():
            driven = self.mosquitto(self.ticketed(kind, version))
            driven.say("connect wrong")
            self.assertEqual(driven.wait_for("connected"), [("connected", "135" if version == "5" else "5")])

    def test_libmosquitto_goes_on_where_it_was_when_the_server_was_killed(self):
        for kind, version in (("mqtt", "5"), ("mqtts", "3.1.1")):
            with self.subTest(f"MQTT {version} over {kind}"):
                self.resume(*self.online(kind, version))

    def resume(self, anna, driven):
        messages = [anna.compose(anna.server, note(f"{n}")) for n in range(4)]
        for message in messages[:3]:
            self.publish(driven, message)
        acks = [json.loads(text) for text in driven.messages("ack", 3)]
        replies = self.received(driven, anna, 3)
        # libmosquitto has sent the PUBACK of the third before anybody could store it, and nobody did.
        anna.memory.sent, anna.memory.received = Mark(3, acks[2]["link"]), Mark(2, replies[1].link)
        self.stop_in_the_middle()
        self.publish(driven, messages[3])
        driven.wait_for("published", 4)
        self.daemon.restart()
        driven.wait_for("disconnected")
        welcome = self.renew(anna)
        self.assertEqual((welcome["light"], welcome["position"]["received"]["n"]), ("drain", 3))
        self.connect(driven, anna, 2)
        self.assertEqual(self.received(driven, anna, 4)[3].text, replies[2].text)
        self.assertEqual(json.loads(driven.messages("light")[0]), {"light": "green"})
        for message in messages[2:]:  # the third for the second time
            self.publish(driven, message)
        later = [json.loads(text) for text in driven.messages("ack", 5)][3:]
        self.assertEqual((later[0], later[1]["link"]), (acks[2], link_of(messages[3])))
        reply = self.received(driven, anna, 5)[4].fields
        self.assertEqual((reply["_n"], reply["_q"], reply["inReplyTo"]), (4, replies[2].link, link_of(messages[3])))
        driven.say("quit")
        driven.finish()
        self.assertEqual(sum(event[:2] == ("message", "inbox") for event in driven.events), 5)


class LibmosquittoPlain(LibmosquittoCase):
    """Ordinary MQTT on an open listener."""

    def plain(self, kind="open-mqtt", version="5", client_id=None, will="-"):
        driven = Mosquitto(self.program, self.daemon, kind, client_id or f"m{os.urandom(6).hex()}",
                           version.replace(".", ""))
        self.addCleanup(lambda: driven.process.poll() is None and driven.kill())
        driven.say(f"connect {will}")
        self.assertEqual(driven.wait_for("connected")[0][1], "0")
        return driven

    def open_carriers(self):
        for kind in ("open-mqtt", "open-mqtts"):
            for version in VERSIONS:
                yield kind, version, f"{self._testMethodName}/{kind}/{version}"

    def subscribe(self, driven, filter_, qos=2):
        before = sum(event[0] == "granted" for event in driven.events)
        driven.say(f"subscribe {qos} {filter_}")
        self.assertEqual(driven.wait_for("granted", before + 1)[before], ("granted", str(qos)))

    def test_libmosquitto_publishes_and_subscribes_at_each_qos(self):
        for kind, version, topic in self.open_carriers():
            driven = self.plain(kind, version)
            self.subscribe(driven, topic + "/#")
            for qos in (0, 1, 2):
                driven.say(f"send {qos} 0 {topic}/{qos} text {qos}")
                driven.wait_for("got", qos + 1)
            self.assertEqual(driven.wait_for("got", 3),
                             [("got", str(qos), f"0 {topic}/{qos} text {qos}") for qos in (0, 1, 2)])
            driven.wait_for("answered", 3)
            driven.say("quit")
            self.assertEqual(driven.finish(), 0)

    def test_what_libmosquitto_retains_and_its_will_are_there_for_others(self):
        for kind, version, topic in self.open_carriers():
            driven = self.plain(kind, version, will=topic + "/will")
            driven.say(f"send 2 1 {topic}/kept kept")
            driven.wait_for("answered")
            watcher = self.plain(version=version)
            self.subscribe(watcher, topic + "/will")
            driven.kill()
            self.assertEqual(watcher.wait_for("got"), [("got", "2", f"0 {topic}/will gone")])
            self.subscribe(watcher, topic + "/+")
            self.assertEqual({event[2] for event in watcher.wait_for("got", 3)[1:]},
                             {f"1 {topic}/kept kept", f"1 {topic}/will gone"})

    def test_libmosquitto_goes_on_with_its_session_when_it_and_the_server_were_killed(self):
        carriers = list(self.open_carriers())
        for kind, version, topic in carriers:
            driven = self.plain(kind, version, topic.replace("/", "-"))
            self.subscribe(driven, topic)
            driven.kill()
            publisher = self.plain(version=version)
            for n in range(6):
                publisher.say(f"send {n % 2 + 1} 0 {topic} {n}")
            publisher.wait_for("answered", 6)
        self.daemon.restart()
        for kind, version, topic in carriers:
            driven = self.plain(kind, version, topic.replace("/", "-"))
            self.assertEqual(driven.wait_for("connected"), [("connected", "0", "present")])
            got = [event[2].split()[-1] for event in driven.wait_for("got", 6)]
            self.assertEqual(([n for n in got if int(n) % 2], [n for n in got if int(n) % 2 == 0]),
                             (["1", "3", "5"], ["0", "2", "4"]))

    def test_the_members_of_a_share_divide_the_messages(self):
        members = [self.plain(kind, version) for kind, version, _ in self.open_carriers()]
        for member in members:
            self.subscribe(member, "$share/lib/lib/work")
        publisher = self.plain()
        for n in range(40):
            publisher.say(f"send {n % 3} 0 lib/work {n}")
        got = [int(event[2].split()[-1]) for member in members for event in member.wait_for("got", 10)]
        self.assertEqual(sorted(got), list(range(40)))


class MosquittoTools(MosquittoCase):
    def tool(self, name, client, *arguments, **options):
        path = shutil.which(name)
        if not path:
            self.skipTest(f"{name} is not installed")
        kind = client.endpoint.split(":")[0]
        tls = ["--cafile", client.certificate] if kind == "mqtts" else []
        command = [path, "-h", "localhost" if tls else "127.0.0.1", "-p", str(self.daemon.ports[kind]), *tls, "-q", "1",
                   "-V", "mqttv5" if client.version == 5 else "mqttv311", "-i", client.client_id,
                   "-u", client.client_id, "-P", client.ticket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=40 * PATIENCE, **options)

    def test_mosquitto_pub_sends_and_mosquitto_sub_receives(self):
        for kind, version in self.carriers():
            anna = self.ticketed(kind, version)
            message = anna.compose(anna.server, note("from mosquitto_pub"))
            done = self.tool("mosquitto_pub", anna, "-t", anna.topic("outbox"), "-s", input=canonical_text(message))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.renew(anna)
            done = self.tool("mosquitto_sub", anna, "-t", anna.topic("inbox"), "-C", "1", "-W", str(int(20 * PATIENCE)))
            self.assertEqual(done.returncode, 0, done.stderr)
            reply = json.loads(done.stdout)
            anna.check(Delivery(0, done.stdout, reply, link_of(reply), False))
            self.assertEqual((reply["inReplyTo"], reply["object"]["echo"]), (link_of(message), message["object"]))


class MosquittoToolsPlain(MosquittoCase):
    """Ordinary MQTT on an open listener."""

    def command(self, name, kind, version, *arguments):
        path = shutil.which(name)
        if not path:
            self.skipTest(f"{name} is not installed")
        tls = ["--cafile", self.daemon.certificate] if kind == "open-mqtts" else []
        return [path, "-h", "localhost" if tls else "127.0.0.1", "-p", str(self.daemon.ports[kind]), *tls,
                "-V", "mqttv5" if version == "5" else "mqttv311", *arguments]

    def tool(self, *arguments):
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=40 * PATIENCE)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout

    def sub(self, kind, version, *arguments):
        return self.tool("mosquitto_sub", kind, version, "-W", str(int(20 * PATIENCE)), *arguments).splitlines()

    def pub(self, kind, version, topic, payload, *arguments):
        self.tool("mosquitto_pub", kind, version, "-t", topic, "-m", payload, *arguments)

    def open_carriers(self):
        for kind in ("open-mqtt", "open-mqtts"):
            for version in VERSIONS:
                yield kind, version, f"{self._testMethodName}/{kind}/{version}"

    @staticmethod
    def session(topic, version):
        """The arguments for a session that stays."""
        return ["-i", topic.replace("/", "-"), "-c", *(["-x", "600"] if version == "5" else [])]

    def test_what_mosquitto_pub_sends_waits_for_mosquitto_sub_at_each_qos(self):
        for kind, version, topic in self.open_carriers():
            me = self.session(topic, version)
            self.sub(kind, version, *me, "-q", "2", "-t", topic, "-E")
            for qos in ("1", "2", "0"):
                self.pub(kind, version, topic, f"at {qos}", "-q", qos)
            self.assertEqual(sorted(self.sub(kind, version, *me, "-q", "2", "-t", topic, "-C", "2", "-F", "%q %p")),
                             ["1 at 1", "2 at 2"])

    def test_what_mosquitto_pub_retains_is_shown_as_retained(self):
        for kind, version, topic in self.open_carriers():
            self.pub(kind, version, topic, "old", "-q", "2", "-r")
            self.pub(kind, version, topic, "new", "-q", "1", "-r")
            self.assertEqual(self.sub(kind, version, "-t", topic, "-C", "1", "-F", "%r %p"), ["1 new"])
            self.tool("mosquitto_pub", kind, version, "-t", topic, "-n", "-r", "-q", "1")
            self.pub(kind, version, topic + "/next", "there", "-q", "1", "-r")
            self.assertEqual(self.sub(kind, version, "-t", topic + "/#", "-C", "1"), ["there"])

    def test_the_will_of_a_mosquitto_sub_that_is_killed_is_sent(self):
        for kind, version, topic in self.open_carriers():
            waiting = subprocess.Popen(
                self.command("mosquitto_sub", kind, version, "-t", topic + "/live", "--will-topic", topic + "/will",
                             "--will-payload", "gone", "--will-qos", "2", "--will-retain"),
                stdout=subprocess.PIPE, text=True)
            self.pub(kind, version, topic + "/live", "hello", "-q", "1", "-r")
            self.assertEqual(waiting.stdout.readline(), "hello\n")
            waiting.kill()
            waiting.communicate()
            self.assertEqual(self.sub(kind, version, "-t", topic + "/will", "-C", "1"), ["gone"])

    def test_two_of_a_share_divide_what_mosquitto_pub_sends(self):
        names = [f"tool/share/{n}" for n in range(2)]
        for name in names:
            self.sub("open-mqtt", "5", *self.session(name, "5"), "-q", "1", "-t", "$share/tools/tool/work", "-E")
        for n in range(6):
            self.pub("open-mqtts", "3.1.1", "tool/work", str(n), "-q", "1")
        got = [self.sub("open-mqtt", "5", *self.session(name, "5"), "-q", "1", "-t", "$share/tools/tool/work", "-C", "3")
               for name in names]
        self.assertEqual(sorted(int(n) for part in got for n in part), list(range(6)))


if __name__ == "__main__":
    runner.main()
