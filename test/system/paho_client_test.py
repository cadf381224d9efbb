#!/usr/bin/python3
"""Eclipse Paho (python3-paho-mqtt) with ordinary MQTT: both versions over TCP, TLS and WebSocket. (also: dev)"""
import collections
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from ordinary import OrdinaryCase  # noqa: E402
from signed import Identity  # noqa: E402
from rest import ticket_for  # noqa: E402
from system import bot_token  # noqa: E402

try:
    import paho.mqtt.client as paho
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
except ImportError:
    paho = None

SECONDS = 15 * PATIENCE
CARRIERS = ("open-mqtt", "open-mqtts", "open-ws", "open-wss")


class Client:
    """A client of Paho with its loop in a thread; what it hears is waited for."""

    def __init__(self, daemon, kind, version, client_id="", clean=True, keep=0, will=None, password=None, user=None):
        self.daemon, self.kind, self.version = daemon, kind, version
        spoken = daemon.spoken(kind)
        options = {} if version == 5 else {"clean_session": clean}
        self.paho = paho.Client(client_id, protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311,
                                transport="websockets" if spoken.startswith("ws") else "tcp", **options)
        if spoken in ("mqtts", "wss"):
            self.paho.tls_set(ca_certs=daemon.certificate)
        if spoken.startswith("ws"):
            self.paho.ws_set_options(path="/mqtt")
        if password:
            self.paho.username_pw_set(user or "bot", password)
        self.paho.reconnect_delay_set(1, 1)
        if will:
            self.paho.will_set(*will)
        self.changed, self.messages = threading.Condition(), collections.deque()
        self.connects, self.granted, self.published, self.disconnects = [], [], set(), []
        self.paho.on_connect, self.paho.on_message = self.on_connect, self.on_message
        self.paho.on_subscribe, self.paho.on_publish = self.on_subscribe, self.on_publish
        self.paho.on_disconnect = self.on_disconnect
        self.clean, self.keep, self.gone = clean, keep, False

    def tell(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def on_connect(self, _client, _user, flags, reason, *_):
        self.tell(lambda: self.connects.append((getattr(reason, "value", reason), flags["session present"])))

    def on_message(self, _client, _user, message):
        self.tell(lambda: self.messages.append(message))

    def on_subscribe(self, _client, _user, _mid, granted, *_):
        self.tell(lambda: self.granted.append([getattr(one, "value", one) for one in granted]))

    def on_publish(self, _client, _user, mid, *_):
        self.tell(lambda: self.published.add(mid))

    def on_disconnect(self, _client, _user, reason, *_):
        self.tell(lambda: self.disconnects.append(getattr(reason, "value", reason)))

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, SECONDS):
                raise AssertionError(f"{what} did not come over {self.kind} of version {self.version}; connects "
                                     f"{self.connects}, disconnects {self.disconnects}, {len(self.messages)} messages")

    def connect(self):
        """Gives (reason, session present)."""
        options, count = {}, len(self.connects)
        if self.version == 5:
            options = {"clean_start": self.clean, "properties": Properties(PacketTypes.CONNECT)}
            options["properties"].SessionExpiryInterval = self.keep
        host = "localhost" if self.daemon.certificate else "127.0.0.1"
        self.paho.connect(host, self.daemon.ports[self.kind], keepalive=20, **options)
        self.paho.loop_start()
        self.wait(lambda: len(self.connects) > count, "CONNACK")
        return self.connects[-1]

    def subscribe(self, filter_, qos=2):
        count = len(self.granted)
        self.paho.subscribe(filter_, qos)
        self.wait(lambda: len(self.granted) > count, "SUBACK")
        return self.granted[-1]

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        mid = self.paho.publish(topic, payload, qos, retain, **({"properties": properties} if properties else {})).mid
        self.wait(lambda: mid in self.published, "the answer to a PUBLISH")

    def message(self):
        self.wait(lambda: self.messages, "a message")
        return self.messages.popleft()

    def leave(self):
        """Says good-bye."""
        count = len(self.disconnects)
        self.paho.disconnect()
        self.wait(lambda: len(self.disconnects) > count, "its end")
        self.paho.loop_stop()

    def vanish(self):
        """Is gone without a word."""
        self.paho.loop_stop()
        self.paho.socket().close()
        self.gone = True

    def close(self):
        if not self.gone:
            self.paho.disconnect()
            self.paho.loop_stop()


@unittest.skipIf(paho is None, "python3-paho-mqtt is not installed")
class PahoCase(OrdinaryCase):
    kinds = ("mqtt", "http", *CARRIERS, "bots-mqtt")
    settings = {"app": {"clients_publish": ["app/of/%c/#"], "clients_subscribe": ["app/of/%c/#"]}}

    def carriers(self):
        for kind in CARRIERS:
            for version in (4, 5):
                yield kind, version

    def paho(self, kind="open-mqtt", version=5, connect=True, **options):
        client = Client(self.daemon, kind, version, **options)
        self.addCleanup(client.close)
        if connect:
            self.assertEqual(client.connect()[0], 0)
        return client

    def topic(self, *more):
        return "/".join([self._testMethodName, *map(str, more)])


class Conversation(PahoCase):
    def test_paho_publishes_and_subscribes_at_each_qos_over_each_carrier(self):
        for kind, version in self.carriers():
            client = self.paho(kind, version)
            topic = self.topic(kind, version)
            self.assertEqual(client.subscribe(topic + "/+"), [2])
            for qos in (0, 1, 2):
                for n in range(5):
                    client.publish(f"{topic}/{n}", f"{qos} {n}", qos)
            got = [client.message() for _ in range(15)]
            self.assertEqual([(each.payload.decode(), each.qos) for each in got],
                             [(f"{qos} {n}", qos) for qos in (0, 1, 2) for n in range(5)])
            client.leave()

    def test_paho_sends_large_messages_over_each_carrier(self):
        payload = os.urandom(200_000)
        for kind, version in self.carriers():
            client = self.paho(kind, version)
            client.subscribe(self.topic(kind, version))
            for qos in (0, 1, 2):
                client.publish(self.topic(kind, version), payload, qos)
                self.assertEqual(client.message().payload, payload)
            client.leave()

    def test_paho_goes_on_with_its_session(self):
        for kind, version in self.carriers():
            options = {"client_id": f"p-{kind}-{version}", "clean": False, "keep": 600}
            client, topic = self.paho(kind, version, **options), self.topic(kind, version)
            client.subscribe(topic)
            client.leave()
            publisher = self.paho()
            for n in range(10):
                publisher.publish(topic, str(n), n % 2 + 1)
            publisher.leave()
            client = self.paho(kind, version, connect=False, **options)
            self.assertEqual(client.connect(), (0, 1))
            got = [int(client.message().payload) for _ in range(10)]
            # Paho gives a QoS 2 message to its user when that is released, so later.
            self.assertEqual(([n for n in got if n % 2], [n for n in got if n % 2 == 0]),
                             ([1, 3, 5, 7, 9], [0, 2, 4, 6, 8]))
            client.leave()

    def test_paho_connects_again_by_itself_when_the_server_was_killed_and_nothing_is_lost(self):
        clients = [self.paho(kind, version, client_id=f"k-{kind}-{version}", clean=False, keep=600)
                   for kind, version in self.carriers()]
        for client in clients:
            client.subscribe(self.topic())
        publisher = self.plain("publisher")
        for n in range(10):
            publisher.publish(self.topic(), str(n), 1)
        self.daemon.restart()
        for client in clients:
            client.wait(lambda client=client: len(client.connects) > 1, "it is back")
            self.assertEqual(client.connects[-1], (0, 1))
        publisher = self.plain("publisher")
        for n in range(10, 20):
            publisher.publish(self.topic(), str(n), 2)
        for client in clients:
            got = []
            while len(set(got)) < 20:
                got.append(int(client.message().payload))
            first = [n for at, n in enumerate(got) if n not in got[:at]]  # QoS 1 may come twice
            self.assertEqual(first, list(range(20)))
            self.assertEqual(len(set(got[got.index(10):]) & set(range(10, 20))), 10)
            client.leave()

    def test_the_will_of_paho_is_sent_when_it_vanishes(self):
        watcher = self.paho()
        watcher.subscribe(self.topic("#"))
        for kind, version in self.carriers():
            topic = self.topic(kind, version)
            self.paho(kind, version, will=(topic, "good-bye", 1)).leave()
            self.paho(kind, version, will=(topic, "gone", 1)).vanish()
            message = watcher.message()
            self.assertEqual((message.topic, message.payload), (topic, b"gone"))

    def test_paho_is_given_what_is_retained(self):
        for kind, version in self.carriers():
            topic, client = self.topic(kind, version), self.paho(kind, version)
            client.publish(topic, "kept", 1, retain=True)
            other = self.paho("open-mqtt", 9 - version)
            other.subscribe(topic)
            message = other.message()
            self.assertEqual((message.payload, message.retain), (b"kept", True))
            client.publish(topic, "", 1, retain=True)
            self.assertFalse(other.message().payload)
            client.leave()
            other.leave()

    def test_pahos_of_a_share_divide_the_messages(self):
        members = [self.paho(kind, 5) for kind in CARRIERS]
        for member in members:
            self.assertEqual(member.subscribe("$share/pahos/" + self.topic()), [2])
        publisher = self.paho()
        for n in range(40):
            publisher.publish(self.topic(), str(n), n % 3)
        got = [int(member.message().payload) for member in members for _ in range(10)]
        self.assertEqual(sorted(got), list(range(40)))

    def test_what_paho_adds_in_version_5_arrives(self):
        client = self.paho("open-wss")
        client.subscribe(self.topic())
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType, properties.ResponseTopic = "text/plain", "answers"
        properties.CorrelationData, properties.UserProperty = b"\0\1", ("a", "1")
        client.publish(self.topic(), "x", 2, properties=properties)
        got = client.message().properties
        self.assertEqual((got.ContentType, got.ResponseTopic, got.CorrelationData, got.UserProperty),
                         ("text/plain", "answers", b"\0\1", [("a", "1")]))


class WithProof(PahoCase):
    def test_paho_with_a_ticket_uses_app(self):
        for version in (4, 5):
            anna = self.app_client("anna", version)
            ticket_for(anna, self.daemon.rest_base)
            client = self.paho("mqtt", version, client_id=anna.client_id, user=anna.client_id, password=anna.ticket,
                               clean=False, keep=600)
            self.assertEqual(client.subscribe(f"app/of/{anna.permalink}/#"), [2])
            other = Identity("other").permalink
            self.assertEqual(client.subscribe(f"app/of/{other}/#"), [0x80 if version == 4 else 0x87])
            for qos in (0, 1, 2):
                client.publish(f"app/of/{anna.permalink}/x", str(qos), qos)
                self.assertEqual(client.message().payload.decode(), str(qos))
            client.leave()

    def test_paho_with_a_token_is_a_bot(self):
        for version in (4, 5):
            client = self.paho("bots-mqtt", version, client_id="bot", password=bot_token(self.daemon, f"b{version}"))
            self.assertEqual(client.subscribe("app/#"), [2])
            client.publish("app/x", "from a bot", 2)
            self.assertEqual(client.message().payload, b"from a bot")
            client.leave()
            wrong = self.paho("bots-mqtt", version, connect=False, client_id="bot", password="wrong")
            self.assertEqual(wrong.connect()[0], 4 if version == 4 else 0x86)


if __name__ == "__main__":
    runner.main()
