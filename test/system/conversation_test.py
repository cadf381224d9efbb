#!/usr/bin/python3
"""Clients talk with the bot and with each other over every carrier. (also: dev)"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from sealpost_client import ABSENT, Mark, Memory  # noqa: E402
from signed import Key, link_of, now_ms  # noqa: E402
from system import ServerCase, note  # noqa: E402


class WithTheBot(ServerCase):
    def test_a_message_is_acked_and_answered(self):
        anna = self.person("anna")
        before = now_ms()
        message = anna.compose(anna.server, note("hello"))
        ack = anna.deliver(message)
        self.assertEqual((ack["link"], ack["n"]), (link_of(message), 1))
        self.assertGreater(ack["event"], 0)
        self.assertRegex(ack["hash"], "^[0-9a-f]{64}$")
        self.assertLess(abs(ack["time"] - before), 60_000)
        reply = anna.take_reply(link_of(message))
        self.assertEqual(reply["object"], {"_t": "demo.Echo", "echo": note("hello")})

    def test_a_full_window_of_messages_is_acked_and_answered_in_order(self):
        anna = self.person("anna")
        messages = [anna.compose(anna.server, note(f"number {n}")) for n in range(16)]
        packets = [anna.publish(message) for message in messages]
        for packet in packets:
            anna.wait_answer(packet)
        events = [anna.acks[link_of(message)]["event"] for message in messages]
        self.assertEqual(events, sorted(set(events)))
        replies = [anna.take() for _ in messages]
        self.assertEqual([reply["inReplyTo"] for reply in replies], [link_of(message) for message in messages])

    def test_the_out_lane_is_dense_linked_and_later_each_time(self):
        anna = self.person("anna")
        for n in range(5):
            anna.say(anna.server, note(f"{n}"))
        replies = [anna.take() for _ in range(5)]
        self.assertNotIn("_q", replies[0])
        for n, (before, reply) in enumerate(zip(replies, replies[1:]), 2):
            self.assertEqual((reply["_n"], reply["_q"]), (n, link_of(before)))
            self.assertGreater(reply["_time"], before["_time"])

    def test_a_payload_of_any_json_comes_back_canonical(self):
        anna = self.person("anna")
        payload = {"_t": "demo.Note", "ö": "\u20ac\U0001f600", "\U0001f600": 1, "\ufb33": [1.5, 1e21, -0.0, None],
                   "deep": {"a": [{"b": {}}]}, "text": "\u0000\u001f\\\"/\u2028"}
        message = anna.compose(anna.server, payload)
        anna.deliver(message)
        self.assertEqual(anna.take_reply(link_of(message))["object"]["echo"], payload)

    def test_a_message_of_nearly_the_largest_size_passes(self):
        anna = self.person("anna")
        largest = anna.challenge_got["limits"]["maxMessage"]
        message = anna.compose(anna.server, note("x" * (largest - 1000)))
        anna.deliver(message)
        self.assertEqual(anna.take_reply(link_of(message))["object"]["echo"], message["object"])

    def test_nothing_is_delivered_before_the_subscription(self):
        anna = self.client()
        anna.dial().handshake()
        anna.wait_answer(anna.publish(anna.compose(anna.server, note())))
        self.assertTrue(anna.nothing_more())
        anna.subscribe()
        self.assertEqual(anna.take()["_n"], 1)

    def test_without_a_receive_maximum_one_delivery_is_under_way(self):
        anna = self.person("anna")
        for n in range(3):
            anna.say(anna.server, note(f"{n}"))
        first = anna.next_delivery()
        self.assertTrue(anna.nothing_more())
        anna.store(first)
        self.assertEqual([anna.take()["_n"], anna.take()["_n"]], [2, 3])

    def test_a_receive_maximum_is_the_window_and_nothing_comes_twice_within_a_connection(self):
        anna = self.client()
        anna.dial().handshake(props={"receive_maximum": 4})
        anna.subscribe()
        for n in range(6):
            anna.say(anna.server, note(f"{n}"))
        held = [anna.next_delivery() for _ in range(4)]
        self.assertEqual([delivery.fields["_n"] for delivery in held], [1, 2, 3, 4])
        self.assertTrue(anna.nothing_more())
        for delivery in held:
            anna.store(delivery)
        self.assertEqual([anna.take()["_n"], anna.take()["_n"]], [5, 6])
        self.assertTrue(anna.nothing_more())

    def test_a_reply_that_was_not_acknowledged_comes_again_with_the_same_bytes(self):
        anna = self.person("anna")
        anna.say(anna.server, note())
        first = anna.next_delivery()
        anna.close()
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["position"]["acked"], 0)
        self.assertEqual(anna.next_delivery().text, first.text)

    def test_a_reply_that_was_acknowledged_does_not_come_again(self):
        anna = self.person("anna")
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        anna, welcome = self.again(anna)
        self.assertEqual((welcome["position"]["acked"], welcome["light"]), (1, "green"))
        self.assertTrue(anna.nothing_more())

    def test_a_reply_that_was_acknowledged_does_not_come_again_though_no_session_was_kept(self):
        anna = self.client()
        anna.dial().handshake(props={"session_expiry": 0})
        anna.subscribe()
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        anna.memory = Memory(head=Mark())
        anna, welcome = self.again(anna)
        self.assertEqual((welcome["position"]["acked"], welcome["light"]), (1, "green"))


class WithEachOther(ServerCase):
    def test_a_message_to_another_client_travels_whole_after_its_authors_identity(self):
        anna, bert = self.person("anna"), self.person("bert")
        message = anna.compose(bert.permalink, note("hello Bert"), context="greetings")
        anna.deliver(message)
        introduction = bert.take()
        self.assertEqual(introduction["object"], anna.identity.versions[0])
        self.assertEqual(bert.take()["object"], message)

    def test_an_identity_is_introduced_once(self):
        anna, bert = self.person("anna"), self.person("bert")
        for n in range(3):
            anna.say(bert.permalink, note(f"{n}"))
        types = [bert.take()["object"]["_t"] for _ in range(4)]
        self.assertEqual(types, ["sealpost.Identity"] + 3 * ["sealpost.Message"])

    def test_a_changed_identity_is_sent_ahead_of_the_next_message(self):
        anna, bert = self.person("anna"), self.person("bert")
        anna.say(bert.permalink, note("old key"))
        bert.take_until(lambda fields: fields["object"]["_t"] == "sealpost.Message")
        anna.close()
        anna.identity.next_version(sign_key=Key())
        anna.memory.confirmed = False
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["identity"], anna.identity.link)
        message = anna.compose(bert.permalink, note("new key"))
        anna.deliver(message)
        self.assertEqual(bert.take()["object"], anna.identity.versions[1])
        self.assertEqual(bert.take()["object"], message)

    def test_a_client_that_is_away_gets_all_of_it_in_order_when_it_is_back(self):
        anna, bert = self.person("anna"), self.person("bert")
        bert.close()
        onlooker = self.other_device(bert)
        messages = [anna.compose(bert.permalink, note(f"{n}")) for n in range(40)]
        for message in messages:
            anna.deliver(message)
        for _ in range(41):  # the relay goes on after the ack; Anna's identity comes first
            onlooker.take()
        bert, welcome = self.again(bert)
        self.assertEqual((welcome["light"], welcome["position"]["sent"]["n"]), ("drain", 41))
        bert.take()
        self.assertEqual([bert.take()["object"] for _ in messages], messages)

    def test_two_clients_that_talk_at_once_both_keep_order(self):
        people = [self.person("anna"), self.person("bert")]
        said = {person: [person.compose(other.permalink, note(f"{n}")) for n in range(10)]
                for person, other in (people, reversed(people))}
        packets = {person: [person.publish(message) for message in messages] for person, messages in said.items()}
        for person in people:
            for packet in packets[person]:
                person.wait_answer(packet)
        for person, other in (people, reversed(people)):
            person.take()
            self.assertEqual([person.take()["object"] for _ in said[other]], said[other])


class WithSeveralDevices(ServerCase):
    def test_each_device_has_an_in_lane_of_its_own_and_all_share_the_out_lane(self):
        phone = self.person("anna")
        desk = self.other_device(phone)
        for client in (phone, desk):
            self.assertEqual(client.say(client.server, note(client.device))["n"], 1)
        got = [[client.take() for _ in range(2)] for client in (phone, desk)]
        self.assertEqual(got[0], got[1])

    def test_a_new_device_starts_at_the_out_lanes_head(self):
        phone = self.person("anna")
        self.echoed(phone)
        desk = self.client(phone.identity)
        welcome = desk.login()
        self.assertEqual(welcome["position"]["acked"], 1)
        self.assertTrue(desk.nothing_more())
        self.echoed(phone)
        self.assertEqual(desk.take()["_n"], 2)

    def test_a_new_device_may_ask_for_everything_from_the_first(self):
        phone = self.person("anna")
        for n in range(3):
            self.echoed(phone, f"{n}")
        desk = self.client(phone.identity)
        welcome = desk.login(from_first=True)
        self.assertEqual((welcome["position"]["acked"], welcome["light"]), (0, "drain"))
        self.assertEqual([desk.take()["object"]["echo"]["text"] for _ in range(3)], ["0", "1", "2"])

    def test_devices_acknowledge_apart_from_each_other(self):
        phone = self.person("anna")
        desk = self.other_device(phone)
        self.echoed(phone)
        self.assertTrue(phone.stays_open())
        desk.close()
        desk, welcome = self.again(desk)
        self.assertEqual(welcome["position"]["acked"], 0)
        self.assertEqual(desk.take()["_n"], 1)

    def test_a_seventeenth_device_is_refused(self):
        phone = self.person("anna")
        for _ in range(15):
            self.other_device(phone).close()
        seventeenth = self.client(phone.identity)
        self.assert_refused(seventeenth.login)
        self.assertTrue(phone.stays_open())

    def test_the_newest_connection_of_a_device_takes_over(self):
        older = self.person("anna")
        newer, _ = self.again(older)
        goodbye = older.wait_closed()
        self.assertEqual(goodbye.reason, 0x8E)
        self.echoed(newer)

    def test_a_device_that_forgot_everything_is_told_where_it_stands(self):
        anna = self.person("anna")
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        anna.memory = Memory(head=Mark())
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["position"]["received"]["n"], 1)
        self.assertEqual(welcome["position"]["acked"], 1)


class OverEveryCarrier(ServerCase):
    kinds = ("mqtt", "mqtts", "ws", "wss", "http")

    def test_a_conversation_over_each_carrier(self):
        for kind in ("mqtt", "mqtts", "ws", "wss"):
            with self.subTest(kind):
                self.echoed(self.person("anna", kind=kind))

    def test_people_on_different_carriers_reach_each_other(self):
        anna, bert = self.person("anna", kind="wss"), self.person("bert", kind="mqtts")
        message = anna.compose(bert.permalink, note())
        anna.deliver(message)
        bert.take()
        self.assertEqual(bert.take()["object"], message)

    def test_a_tls_listener_offers_a_channel_binding_and_takes_the_right_one(self):
        anna = self.person("anna", kind="mqtts")
        self.assertTrue(anna.challenge_got["binding"])
        self.assertIn("binding", anna.proof_sent)
        self.assertFalse(self.person("bert").challenge_got["binding"])

    def test_a_wrong_channel_binding_is_refused(self):
        anna = self.client(kind="mqtts")
        anna.dial()
        anna.send_connect(anna.hello())
        anna.wait_challenge()
        anna.send_auth(anna.proof({"binding": "A" * 43}))
        self.assert_refused(anna.wait_welcome)

    def test_a_client_behind_a_proxy_gives_no_binding(self):
        anna = self.client(kind="mqtts")
        anna.dial()
        anna.send_connect(anna.hello())
        anna.wait_challenge()
        anna.send_auth(anna.proof({"binding": ABSENT}))
        self.assertEqual(anna.wait_welcome()["light"], "green")


if __name__ == "__main__":
    runner.main()
