#!/usr/bin/python3
"""MQTT 3.1.1 with a ticket from REST: our own client, Eclipse Paho, and mosquitto's command line tools. (also: dev)"""
import json
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from rest import Rest, ticket_for  # noqa: E402
from sealpost_client import Mark, Rejected  # noqa: E402
from signed import Identity, Key, canonical_text, link_of  # noqa: E402
from system import ServerCase, note  # noqa: E402

try:
    import paho.mqtt.client as paho
except ImportError:
    paho = None


class TicketCase(ServerCase):
    def with_ticket(self, name="anna", **options):
        """A 3.1.1 client that holds a ticket and has not dialled yet."""
        client = self.client(Identity(name), version=4, **options)
        ticket_for(client, self.daemon.rest_base)
        return client

    def person311(self, name="anna"):
        client = self.with_ticket(name)
        client.dial().connect_with_ticket(client.ticket)
        client.subscribe()
        return client


class Tickets(TicketCase):
    def test_a_ticket_opens_a_connection_and_a_message_is_acked_and_answered(self):
        self.echoed(self.person311())

    def test_the_answer_is_sent_before_its_puback(self):
        anna = self.person311()
        message = anna.compose(anna.server, note())
        anna.wait_answer(anna.publish(message))
        self.assertIn(link_of(message), anna.acks)

    def test_a_reject_comes_as_a_topic_before_its_puback(self):
        anna = self.person311()
        with self.assertRaises(Rejected) as caught:
            anna.wait_answer(anna.publish(anna.compose(anna.server, note(), changes={"_n": 5, "_q": "5e" * 32})))
        self.assertEqual((caught.exception.code, caught.exception.reject["expected"]["n"]), ("gap", 1))
        self.echoed(anna)

    def test_the_light_and_positions_of_the_welcome_hold_for_the_connection_of_its_ticket(self):
        anna = self.person311()
        anna.say(anna.server, note("one"))
        anna.say(anna.server, note("two"))
        first = anna.next_delivery()
        onlooker = self.other_device(anna, from_first=True)
        self.assertEqual([onlooker.take()["_n"] for _ in range(2)], [1, 2])  # both answers are on disk
        anna.memory.received = Mark(1, first.link)  # stored, but the server never hears of it
        anna.close()
        self.daemon.restart()
        self.assertEqual(ticket_for(anna, self.daemon.rest_base)["light"], "drain")
        anna.dial().connect_with_ticket(anna.ticket)
        anna.subscribe()
        self.assert_rejected("drain_first", anna, anna.compose(anna.server, note(), changes={"context": "early"}))
        self.assertEqual(anna.take()["_n"], 2)
        self.assertEqual(anna.wait(lambda: anna.lights, "the light event"), ["green"])
        self.echoed(anna)

    def test_a_ticket_is_used_once(self):
        anna = self.with_ticket()
        anna.dial().connect_with_ticket(anna.ticket)
        again = self.client(anna.identity, device=anna.device, version=4, memory=anna.memory)
        refused = self.assert_refused(again.dial().connect_with_ticket, anna.ticket)
        self.assertIn(refused.reason, (4, 5))
        self.assertTrue(anna.stays_open(), "a wrong ticket must not disturb the session")

    def test_a_ticket_is_for_its_own_client_id(self):
        anna, bert = self.with_ticket("anna"), self.with_ticket("bert")
        self.assert_refused(bert.dial().connect_with_ticket, anna.ticket)

    def test_a_ticket_of_an_older_epoch_is_refused(self):
        anna = self.with_ticket()
        old = anna.ticket
        ticket_for(anna, self.daemon.rest_base)
        self.assert_refused(anna.dial().connect_with_ticket, old)
        anna.dial().connect_with_ticket(anna.ticket)

    def test_a_ticket_is_over_when_its_device_has_proven_itself_since(self):
        anna = self.with_ticket()
        newer = self.client(anna.identity, device=anna.device, memory=anna.memory)
        newer.login()
        self.assert_refused(anna.dial().connect_with_ticket, anna.ticket)
        self.assertTrue(newer.stays_open(), "a ticket of an older epoch must not disturb the session")

    def test_a_ticket_is_over_when_its_key_is_dropped(self):
        anna = self.with_ticket()
        anna.identity.next_version(sign_key=Key())
        self.other_device(anna)  # which brings the new version
        self.assert_refused(anna.dial().connect_with_ticket, anna.ticket)

    def test_a_ticket_goes_with_its_own_user_name(self):
        anna = self.with_ticket()
        for user in ("somebody", "", anna.client_id + "x"):
            with self.subTest(user[-8:]):
                anna.dial().send(wire.connect(4, anna.client_id, user=user, password=anna.ticket))
                self.assertIn(anna.wait_packet(wire.CONNACK).reason, (4, 5))
        anna.dial().connect_with_ticket(anna.ticket)

    def test_wrong_tickets_are_refused(self):
        anna = self.with_ticket()
        for ticket in ("", "x", anna.ticket[:-1], anna.ticket + "A", "A" * len(anna.ticket)):
            with self.subTest(ticket[:4]):
                self.assert_refused(anna.dial().connect_with_ticket, ticket)
        anna.dial().connect_with_ticket(anna.ticket)

    def test_a_connect_without_a_ticket_is_refused(self):
        anna = self.with_ticket()
        anna.dial().send(wire.connect(4, anna.client_id))
        self.assertIn(anna.wait_packet(wire.CONNACK).reason, (4, 5))

    def test_a_ticket_opens_a_version_5_connection_too(self):
        anna = self.client(Identity("anna"))
        ticket_for(anna, self.daemon.rest_base)
        anna.dial().connect_with_ticket(anna.ticket)
        anna.subscribe()
        self.echoed(anna)

    def test_a_ticket_takes_over_from_a_version_5_connection(self):
        anna = self.person("anna")
        other = self.client(anna.identity, device=anna.device, version=4, memory=anna.memory)
        ticket_for(other, self.daemon.rest_base)
        other.dial().connect_with_ticket(other.ticket)
        self.assertEqual(anna.wait_closed().reason, 0x8E)
        other.subscribe()
        self.echoed(other)


class HandshakeOverRest(TicketCase):
    def test_a_handshake_that_lies_is_refused_with_a_code_and_no_cause(self):
        rest = Rest(self.daemon.rest_base)
        for changes in ({"v": 2}, {"endpoint": "mqtt://elsewhere:1"}, {"key": "x"}, {"nonce": "x"}, {"client": "x"}):
            with self.subTest(str(changes)):
                anna = self.client()
                answer = rest.post("/v1/auth/hello", anna.hello("ticket", changes))
                if answer.status == 200:
                    anna.take_challenge(answer.json)
                    answer = rest.post("/v1/auth/proof", anna.proof())
                self.assertIn(answer.status, (400, 401, 403))
                self.assertTrue(answer.code)

    def test_a_proof_by_another_key_is_refused(self):
        anna, rest = self.client(), Rest(self.daemon.rest_base)
        anna.take_challenge(rest.post("/v1/auth/hello", anna.hello("ticket")).must().json)
        answer = rest.post("/v1/auth/proof", anna.proof(key=Key()))
        self.assertEqual((answer.status, answer.code), (401, "not_authorized"))

    def test_a_challenge_is_used_once(self):
        anna, rest = self.client(), Rest(self.daemon.rest_base)
        ticket_for(anna, self.daemon.rest_base)
        self.assertEqual(rest.post("/v1/auth/proof", anna.proof_sent).status, 401)

    def test_nonsense_is_refused(self):
        rest = Rest(self.daemon.rest_base)
        for path in ("/v1/auth/hello", "/v1/auth/proof"):
            for body in (b"", b"{", b"[]", b"{}", b"\xff", b"x" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40):
                with self.subTest(f"{path} {body[:8]}"):
                    self.assertIn(rest.post(path, body).status, (400, 401, 413))


class OtherPeoplesClients(TicketCase):
    def setUp(self):
        self.anna = self.with_ticket("anna")
        self.port = str(self.daemon.ports["mqtt"])

    def mosquitto(self, tool, *arguments, ticket=None, **options):
        path = shutil.which(tool)
        if not path:
            self.skipTest(f"{tool} is not installed")
        command = [path, "-V", "311", "-h", "127.0.0.1", "-p", self.port, "-i", self.anna.client_id, "-q", "1",
                   "-u", self.anna.client_id, "-P", ticket or self.anna.ticket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=40, **options)

    def test_mosquitto_pub_sends_and_mosquitto_sub_receives(self):
        message = self.anna.compose(self.anna.server, note("from mosquitto"))
        done = self.mosquitto("mosquitto_pub", "-t", self.anna.topic("outbox"), "-s", input=canonical_text(message))
        self.assertEqual(done.returncode, 0, done.stderr)
        ticket_for(self.anna, self.daemon.rest_base)
        done = self.mosquitto("mosquitto_sub", "-t", self.anna.topic("inbox"), "-C", "1", "-W", "20")
        self.assertEqual(done.returncode, 0, done.stderr)
        reply = json.loads(done.stdout)
        self.assertEqual((reply["inReplyTo"], reply["object"]["echo"]), (link_of(message), note("from mosquitto")))

    def test_mosquitto_with_a_wrong_ticket_is_refused(self):
        done = self.mosquitto("mosquitto_pub", "-t", self.anna.topic("outbox"), "-m", "{}", ticket="wrong")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not authorised", done.stderr.lower() + done.stdout.lower())

    def test_paho_converses(self):
        if not paho:
            self.skipTest("python3-paho-mqtt is not installed")
        anna, replies, acked, done = self.anna, [], [], threading.Event()
        messages = [anna.compose(anna.server, note(f"from Paho {n}")) for n in range(20)]
        client = paho.Client(client_id=anna.client_id, clean_session=False, protocol=paho.MQTTv311)
        client.username_pw_set(anna.client_id, anna.ticket)

        def on_subscribe(*_):
            for message in messages:
                client.publish(anna.topic("outbox"), canonical_text(message), qos=1)

        def on_message(_client, _userdata, received):
            fields = json.loads(received.payload)
            (replies if received.topic.endswith("/inbox") else acked).append(fields)
            if len(replies) == len(acked) == len(messages):
                done.set()

        client.on_connect = lambda *_: client.subscribe([(anna.topic("inbox"), 1), (anna.topic("ack"), 0)])
        client.on_subscribe, client.on_message = on_subscribe, on_message
        client.connect("127.0.0.1", int(self.port), keepalive=20)
        client.loop_start()
        try:
            self.assertTrue(done.wait(anna.timeout), f"{len(acked)} acks and {len(replies)} replies of {len(messages)}")
        finally:
            client.disconnect()
            client.loop_stop()
        links = [link_of(message) for message in messages]
        self.assertEqual([ack["link"] for ack in acked], links)
        self.assertEqual([reply["inReplyTo"] for reply in replies], links)


if __name__ == "__main__":
    runner.main()
