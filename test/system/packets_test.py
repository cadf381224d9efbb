#!/usr/bin/python3
"""MQTT packets that are wrong, too large, too early or too late: each ends as the standards say. (also: dev)"""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from sealpost_client import Closed, Refused, TimedOut  # noqa: E402
from signed import canonical_text, link_of  # noqa: E402
from system import ServerCase, note  # noqa: E402
from transport import open_pipe  # noqa: E402


def connect_bytes(client, **options):
    props = {"authentication_method": "SEALPOST-1", "authentication_data": canonical_text(client.hello()).encode()}
    return wire.connect(5, client.client_id, props=props, clean=False, **options)


class PacketCase(ServerCase):
    def tearDown(self):
        self.echoed(self.person("honest"))

    def ended(self, client, raw, *reasons):
        """The server ends the connection after `raw`; with one of `reasons`, where some are given."""
        try:
            client.send(raw)
            goodbye = client.wait_closed()
        except (Closed, TimedOut) as error:
            self.assertIsInstance(error, Closed)
            goodbye = client.goodbye
        if reasons:
            answer = goodbye or client.connack or next(iter(client.other), None)
            self.assertIsNotNone(answer, "no reason was given")
            self.assertIn(answer.reason, reasons)


class BeforeTheProof(PacketCase):
    settings = {"limits": {"unproven_seconds": 1, "unproven_bytes": 65536, "max_unproven_per_address": 20}}

    def dialled(self):
        return self.client().dial()

    def test_a_first_packet_that_is_not_connect_ends_the_connection(self):
        for raw in (wire.pingreq(), wire.publish(5, "a", b"", 0), wire.subscribe(5, 1, [("a", 0)]), wire.auth(0x18),
                    wire.disconnect(5), wire.puback(1), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
            with self.subTest(raw[:8]):
                self.ended(self.dialled(), raw)

    def test_a_malformed_connect_ends_the_connection(self):
        good = connect_bytes(self.dialled())
        body = good[3:] if good[1] & 128 else good[2:]
        wrong = {"reserved flags of the header": bytes([0x11]) + good[1:],
                 "another protocol": good.replace(b"MQTT", b"MQTX"),
                 "version 3": good.replace(b"MQTT\x05", b"MQTT\x03"),
                 "version 99": good.replace(b"MQTT\x05", b"MQTT\x63"),
                 "the reserved connect flag": good.replace(b"MQTT\x05\x00", b"MQTT\x05\x01"),
                 "will flags without a will": good.replace(b"MQTT\x05\x00", b"MQTT\x05\x08"),
                 "a length of five bytes": b"\x10\xff\xff\xff\xff\x01",
                 "a body cut off": wire.packet(1, body[:12]),
                 "an empty body": b"\x10\x00",
                 "bytes after the end": wire.packet(1, body + b"x")}
        for name, raw in wrong.items():
            with self.subTest(name):
                self.ended(self.dialled(), raw)

    def test_a_connect_without_our_method_is_not_authorized(self):
        for props in ({}, {"authentication_method": "SCRAM-SHA-1", "authentication_data": b"n,,n=user"}):
            with self.subTest(str(props)):
                client = self.dialled()
                client.send(wire.connect(5, client.client_id, props=props))
                self.ended(client, b"", 0x87, 0x8C, 0x86)

    def test_a_connect_that_cannot_take_the_largest_message_is_refused(self):
        client = self.dialled()
        client.send_connect(client.hello(), props={"maximum_packet_size": 4096})
        self.ended(client, b"", 0x95)

    def test_a_truncated_connect_is_closed_when_its_time_is_over(self):
        raw = connect_bytes(self.dialled())
        for length in (0, 1, 2, 10, len(raw) // 2, len(raw) - 1):
            with self.subTest(length):
                client = self.dialled()
                client.send(raw[:length])
                begun = time.monotonic()
                client.wait_closed(5 * PATIENCE)
                self.assertLess(time.monotonic() - begun, 4 * PATIENCE)

    def test_a_challenge_without_a_proof_is_closed_when_its_time_is_over(self):
        client = self.dialled()
        client.send_connect(client.hello())
        client.wait_challenge()
        client.wait_closed(5 * PATIENCE)

    def test_a_sender_of_one_byte_at_a_time_is_served_if_it_is_in_time(self):
        client = self.dialled()
        raw = connect_bytes(client)
        for at in range(len(raw)):
            client.send(raw[at:at + 1])
        client.wait_challenge()
        raw = wire.auth(0x18, data=canonical_text(client.proof()).encode())
        for at in range(len(raw)):
            client.send(raw[at:at + 1])
        client.wait_welcome()
        client.subscribe()
        message = client.compose(client.server, note())
        raw = wire.publish(5, client.topic("outbox"), canonical_text(message), 1, 77)
        for at in range(len(raw)):
            client.send(raw[at:at + 1])
        client.wait_answer(77)
        self.assertEqual(client.take()["inReplyTo"], link_of(message))

    def test_more_bytes_than_an_unproven_connection_may_send_end_it(self):
        for length in (70_000, 10_000_000, 268_435_455):
            with self.subTest(length):
                client = self.dialled()
                begun = time.monotonic()
                self.ended(client, b"\x10" + wire.varint(length) + b"x" * 70_000)
                self.assertLess(time.monotonic() - begun, 0.9 * PATIENCE)

    def test_packets_that_are_each_small_enough_are_too_many_bytes_together(self):
        more = {"user_property": [("padding", "x" * 40_000)]}
        for padded in (False, True):  # else it is good
            with self.subTest(padded):
                client = self.dialled()
                client.send_connect(client.hello(), props=more)
                client.wait_challenge()
                client.send_auth(client.proof(), props=more if padded else {})
                if padded:
                    self.assert_refused(client.wait_welcome)
                else:
                    client.wait_welcome()

    def test_what_is_sent_before_the_welcome_ends_the_connection(self):
        for raw in (wire.pingreq(), wire.subscribe(5, 1, [("a", 0)]), wire.publish(5, "sp/x/y/outbox", b"{}", 1, 1)):
            with self.subTest(raw[:2]):
                client = self.dialled()
                client.send_connect(client.hello())
                client.wait_challenge()
                self.ended(client, raw)

    def test_a_second_connect_before_the_proof_ends_the_connection(self):
        client = self.dialled()
        client.send_connect(client.hello())
        client.wait_challenge()
        self.ended(client, connect_bytes(client))

    def test_more_unproven_connections_than_allowed_are_turned_away_and_the_others_kept(self):
        anna = self.person("anna")
        time.sleep(1.2 * PATIENCE)  # those of earlier tests are over
        held = [open_pipe(self.daemon.endpoint()) for _ in range(20)]
        with self.assertRaises((Closed, Refused)):
            self.person("one too many")
        self.assertTrue(anna.stays_open())
        self.echoed(anna)
        for pipe in held:
            pipe.close()
        time.sleep(0.2 * PATIENCE)  # the server has seen them go


class AfterTheProof(PacketCase):
    def test_malformed_packets_end_the_connection(self):
        anna = self.person("anna")
        topic = anna.topic("outbox")
        wrong = {
            "a second CONNECT": connect_bytes(anna),
            "a CONNACK": wire.packet(2, b"\0\0\0"),
            "type 0": b"\0\0",
            "PUBLISH at QoS 3": b"\x36\x05\x00\x01a\x00\x01",
            "packet id 0": wire.publish(5, topic, b"{}", 1, 0),
            "a topic cut off": b"\x32\x02\x00\x09",
            "an empty topic": wire.publish(5, "", b"{}", 1, 5),
            "a wildcard in a topic": wire.publish(5, "sp/#", b"{}", 1, 5),
            "wrong UTF-8": b"\x32\x07\x00\x02\xff\xfe\x00\x01\x00",
            "an unknown property": b"\x32\x08\x00\x01a\x00\x01\x02\x7f\x00",
            "SUBSCRIBE flags": b"\x80" + wire.subscribe(5, 1, [("a", 0)])[1:],
            "SUBSCRIBE of nothing": wire.packet(8, b"\0\1\0", 2),
            "subscription options 3": wire.subscribe(5, 1, [(anna.topic("inbox"), 3)]),
            "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
            "PINGREQ with a body": b"\xc0\x01x",
            "PUBACK of one byte": b"\x40\x01\x00",
            "a topic alias of 0": wire.publish(5, topic, b"{}", 1, 5, props={"topic_alias": 0}),
        }
        for name, raw in wrong.items():
            with self.subTest(name):
                anna, _ = self.again(anna)
                self.ended(anna, raw, 0x81, 0x82, 0x90, 0x94, 0x9A, 0x9B)

    def test_a_packet_larger_than_the_server_takes_ends_the_connection(self):
        anna = self.person("anna")
        self.ended(anna, b"\x32" + wire.varint(200_000_000) + b"x" * 100, 0x95)

    def test_a_puback_for_nothing_does_no_harm(self):
        anna = self.person("anna")
        anna.say(anna.server, note())
        delivery = anna.next_delivery()
        anna.send(wire.puback(delivery.packet_id + 1))
        self.assertTrue(anna.nothing_more())
        anna.close()
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["position"]["acked"], 0)

    def test_other_qualities_than_1_and_retain_to_the_outbox_end_the_connection(self):
        for options, reason in (({"qos": 0}, 0x9B), ({"qos": 2}, 0x9B), ({"retain": True}, 0x9A)):
            with self.subTest(str(options)):
                anna = self.person("anna")
                text = canonical_text(anna.compose(anna.server, note()))
                raw = wire.publish(5, anna.topic("outbox"), text, **{"qos": 1, "packet_id": 9, **options})
                self.ended(anna, raw, reason)

    def test_topics_of_others_can_be_neither_written_nor_read(self):
        anna, bert = self.person("anna"), self.person("bert")
        for topic in ("#", "sp/#", "+/+/+/inbox", f"sp/{bert.permalink}/#", bert.topic("inbox"),
                      f"sp/{anna.permalink}/+/inbox", f"sp/{anna.permalink}/other/inbox", "$SYS/#"):
            with self.subTest(topic):
                reasons = anna.subscribe_to([(topic, 1)])
                self.assertGreaterEqual(reasons[0], 0x80)
        for topic in (bert.topic("outbox"), bert.topic("inbox"), anna.topic("inbox"), anna.topic("ack"), "sp/x"):
            with self.subTest(topic):
                anna.send(wire.publish(5, topic, b"{}", 1, 9))
                self.assertGreaterEqual(anna.wait(lambda: anna.pubacks.pop(9, None), "PUBACK").reason, 0x80)
        bert.say(bert.server, note())
        self.assertEqual(bert.take()["_n"], 1)
        self.assertTrue(anna.nothing_more())

    def test_a_shared_subscription_ends_the_connection(self):
        """The CONNACK says that there are none (MQTT 5, 3.2.2.3.13)."""
        anna = self.person("anna")
        self.assertEqual(anna.connack.props["shared_available"], 0)
        self.ended(anna, wire.subscribe(5, 7, [("$share/g/" + anna.topic("inbox"), 1)]), 0x9E)

    def test_a_will_under_our_prefix_is_refused(self):
        client = self.client().dial()
        client.send_connect(client.hello(), will=(client.topic("outbox"), b"{}", 1, False))
        try:
            client.wait_challenge()
            client.send_auth(client.proof())
            client.wait_welcome()
        except (Refused, Closed):
            return
        raise AssertionError("a will under sp/ was taken")

    def test_more_messages_than_the_window_are_not_lost_in_silence(self):
        anna = self.person("anna")
        window = anna.connack.props.get("receive_maximum", 65535)
        messages = [anna.compose(anna.server, note(f"{n}")) for n in range(window)]
        for packet in [anna.publish(message) for message in messages]:
            anna.wait_answer(packet)
        self.assertEqual(len(anna.acks), window)

    def test_a_connection_that_breaks_within_a_packet_does_no_harm(self):
        anna = self.person("anna")
        message = anna.compose(anna.server, note())
        raw = wire.publish(5, anna.topic("outbox"), canonical_text(message), 1, 5)
        for at in (1, 5, len(raw) // 2, len(raw) - 1):
            anna.send(raw[:at])
            anna.pipe.reset()
            anna, welcome = self.again(anna)
            self.assertEqual(welcome["position"]["received"]["n"], 0)
        self.assertEqual(anna.deliver(message)["n"], 1)

    def test_a_silent_client_is_closed_after_one_and_a_half_keep_alives(self):
        client = self.client()
        client.dial().handshake(keep_alive=1)
        begun = time.monotonic()
        self.assertEqual(client.wait_closed(6 * PATIENCE).reason, 0x8D)
        self.assertGreater(time.monotonic() - begun, 1.3)

    def test_a_client_that_does_not_read_is_no_burden_for_others(self):
        anna, bert = self.person("anna"), self.person("bert")
        anna.pipe.socket.setsockopt(1, 8, struct.pack("i", 4096))
        for n in range(200):
            anna.send(wire.publish(5, anna.topic("outbox"), b"not a message", 1, n + 1))
        self.echoed(bert)


if __name__ == "__main__":
    runner.main()
