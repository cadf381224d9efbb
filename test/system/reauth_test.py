#!/usr/bin/python3
"""Re-authentication while traffic flows, and what happens to a session past its time. (also: dev)"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from signed import Key, link_of  # noqa: E402
from system import ServerCase, note  # noqa: E402


class Reauthentication(ServerCase):
    settings = {"limits": {"session_seconds": 60}}

    def test_it_keeps_session_and_epoch_and_moves_the_expiry(self):
        anna = self.person("anna")
        before = anna.welcome_got
        time.sleep(0.05)  # so that the new expiry is another
        after = anna.reauthenticate()
        self.assertEqual((after["session"], after["epoch"]), (before["session"], before["epoch"]))
        self.assertGreater(after["expires"], before["expires"])
        self.assertLess(after["reauthAfter"], after["expires"])

    def test_messages_flow_between_its_steps(self):
        anna = self.person("anna")
        anna.send_auth(anna.hello("reauth"), reason=0x19)
        packets = [anna.publish(anna.compose(anna.server, note(f"{n}"))) for n in range(4)]
        anna.wait_challenge()
        self.echoed(anna)
        anna.send_auth(anna.proof())
        packets += [anna.publish(anna.compose(anna.server, note(f"{n}"))) for n in range(4)]
        anna.wait_welcome()
        for packet in packets:
            anna.wait_answer(packet)
        self.echoed(anna)

    def test_it_may_be_repeated(self):
        anna = self.person("anna")
        sessions = {anna.reauthenticate()["session"] for _ in range(5)}
        self.assertEqual(len(sessions), 1)

    def assert_ended(self, client):
        """A failed re-authentication ends the connection, and says no more than that."""
        goodbye = client.wait_closed()
        self.assertEqual(goodbye.reason, 0x87)
        self.assertEqual(goodbye.props.get("authentication_data"), None)

    def test_a_hello_that_lies_ends_the_connection(self):
        bert = self.person("bert")
        for changes in ({"session": "another"}, {"client": bert.permalink}, {"device": "other"}, {"key": Key().pub},
                        {"endpoint": "mqtt://elsewhere:1"}, {"purpose": "connect"}, {"nonce": "short"}, {"v": 2}):
            with self.subTest(str(changes)):
                anna = self.person("anna")
                anna.send_auth(anna.hello("reauth", changes), reason=0x19)
                try:
                    anna.wait_challenge()
                    anna.send_auth(anna.proof())
                except Exception:  # the server may say no at the Hello, or at the Proof
                    pass
                self.assert_ended(anna)

    def test_a_proof_for_another_challenge_ends_the_connection(self):
        anna = self.person("anna")
        anna.send_auth(anna.hello("reauth"), reason=0x19)
        anna.wait_challenge()
        anna.send_auth(anna.proof({"challenge": link_of({"_t": "another"})}))
        self.assert_ended(anna)

    def test_a_proof_by_another_key_ends_the_connection(self):
        anna = self.person("anna")
        anna.send_auth(anna.hello("reauth"), reason=0x19)
        anna.wait_challenge()
        anna.send_auth(anna.proof(key=Key()))
        self.assert_ended(anna)

    def test_a_proof_without_a_hello_ends_the_connection(self):
        anna = self.person("anna")
        anna.send_auth(anna.proof_sent, reason=0x18)
        self.assertIn(anna.wait_closed().reason, (0x82, 0x87))

    def test_another_authentication_method_ends_the_connection(self):
        anna = self.person("anna")
        anna.send(wire.auth(0x19, method="PLAIN", data=b"x"))
        self.assertIn(anna.wait_closed().reason, (0x82, 0x8C, 0x87))

    def test_a_device_that_is_taken_over_during_it_stays_taken_over(self):
        older = self.person("anna")
        older.send_auth(older.hello("reauth"), reason=0x19)
        older.wait_challenge()
        proof = older.proof()
        newer, _ = self.again(older)
        try:
            older.send_auth(proof)
        except Closed:
            pass
        self.assertEqual(older.wait_closed().reason, 0x8E)
        self.echoed(newer)

    def test_past_its_time_a_session_ends_and_one_that_proved_itself_again_goes_on(self):
        idle, busy = self.person("idle"), self.person("busy")
        expires = idle.welcome_got["expires"]
        self.assertLessEqual(expires - idle.server_time(), 60_000)
        time.sleep(30)  # half a session, the shortest that the configuration allows
        busy.reauthenticate()
        left = (expires - idle.server_time()) / 1000
        self.assertEqual(idle.wait_closed(left + 5).reason, 0x87)
        self.assertGreaterEqual(idle.server_time(), expires)
        self.echoed(busy)
        idle.memory.head = idle.memory.sent
        idle, _ = self.again(idle)  # its session and outbox have outlived the proof
        self.echoed(idle)


if __name__ == "__main__":
    runner.main()
