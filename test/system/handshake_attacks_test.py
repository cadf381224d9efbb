#!/usr/bin/python3
"""Attacks on the handshake by somebody who owns the network: replay, relay, reflection, stripping. (also: dev)

Each is refused for the cause that the server's log then names, while its client is told no more than `not authorized`; and
an honest client, whose session was there before, goes on undisturbed. Single fields that are wrong in form are in
hostile_test.py and in the golden vectors; here are whole objects in the wrong place.
"""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from attack import AttackCase  # noqa: E402
from between import Relay  # noqa: E402
from rest import ticket_for  # noqa: E402
from sealpost_client import ABSENT, Client, Violation  # noqa: E402
from signed import Identity, Key, altered, b64, canonical_text, link_of, without  # noqa: E402
from system import note  # noqa: E402
from transport import open_pipe  # noqa: E402


class Replay(AttackCase):
    def test_a_whole_run_is_of_no_use_on_another_connection_nor_after_a_restart(self):
        victim = self.person("victim")
        hello, proof = victim.hello_sent, victim.proof_sent
        for when in ("while the victim is there", "when it has gone", "after a restart"):
            if when != "while the victim is there":
                victim.close()
            if when == "after a restart":
                self.honest.close()
                self.daemon.restart()
                self.before, self.failures = 0, 0
                self.honest, welcome = self.again(self.honest)
                self.epoch = welcome["epoch"]
            with self.subTest(when):
                thief = self.replays(victim, hello)
                self.refuses_proof("wrong_challenge", thief, proof)

    def test_a_proof_over_rest_is_good_for_one_ticket_however_many_post_it_at_once(self):
        victim, results = self.client(Identity("victim")), []
        victim.take_challenge(self.rest().post("/v1/auth/hello", victim.hello("ticket")).must().json)
        proof = canonical_text(victim.proof()).encode()
        threads = [threading.Thread(target=lambda: results.append(self.rest().post("/v1/auth/proof", proof).status))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), [200] + [401] * 7)
        self.failures += 7

    def test_a_ticket_is_good_once_and_for_its_own_client_id(self):
        victim = self.client(Identity("victim"))
        ticket_for(victim, self.daemon.rest_base)
        thief = self.person("thief")
        mallory = self.client(thief.identity).dial()
        self.refuses("bad_ticket", mallory.client_id, lambda: mallory.connect_with_ticket(victim.ticket))
        victim.dial().connect_with_ticket(victim.ticket)
        again = self.copy_of(victim).dial()
        self.refuses("bad_ticket", again.client_id, lambda: again.connect_with_ticket(victim.ticket))
        self.assertTrue(victim.stays_open())

    def test_a_ticket_is_over_with_the_next_epoch_and_with_a_restart(self):
        for end in ("another ticket", "a connection"):
            with self.subTest(end):
                victim = self.client(Identity("victim"))
                ticket_for(victim, self.daemon.rest_base)
                old = victim.ticket
                if end == "another ticket":
                    ticket_for(victim, self.daemon.rest_base)
                else:
                    self.again(victim)
                thief = self.copy_of(victim).dial()
                self.refuses("bad_ticket", thief.client_id, lambda: thief.connect_with_ticket(old))

    def test_a_challenge_that_was_held_back_opens_nothing_once_a_newer_one_was_proven(self):
        """Whether the session of the newer one is still there, or has ended, or has been asked for anew meanwhile."""
        for then in ("stays", "goes", "proves itself again"):
            with self.subTest(then):
                victim = self.client(Identity("victim"))
                victim.login()
                older = self.copy_of(victim).dial()
                if then == "proves itself again":
                    older.send_connect(older.hello())
                    older.wait_challenge()
                    victim.reauthenticate()
                    newer = victim
                else:
                    older.send_connect(older.hello())
                    older.wait_challenge()
                    newer, _ = self.again(victim)
                if then == "goes":
                    newer.send(wire.disconnect(5))
                    newer.wait_closed()
                self.refuses_proof("stale_challenge", older, older.proof())
                if then != "goes":
                    self.echoed(newer)


class Relaying(AttackCase):
    def through(self, relay, scheme, endpoint, identity=None):
        """A client that has dialled `endpoint`, it believes, and talks to the relay."""
        self.addCleanup(relay.close)
        victim = Client(identity or Identity("victim"), endpoint, certificate=self.daemon.certificate, timeout=15)
        self.addCleanup(victim.close)
        victim.pipe = open_pipe(f"{scheme}://localhost:{relay.port}", 15, self.daemon.certificate)
        return victim

    def test_somebody_with_the_servers_tls_key_is_refused_by_the_binding(self):
        relay = Relay(self.daemon.ports["mqtts"], self.daemon.certificate, self.daemon.private_key, self.daemon.certificate)
        victim = self.through(relay, "mqtts", self.daemon.endpoint("mqtts"))
        victim.send_connect(victim.hello())
        self.assertTrue(victim.wait_challenge()["binding"])
        self.refuses_proof("wrong_binding", victim, victim.proof())

    def test_the_binding_that_was_signed_cannot_be_taken_out_or_put_right(self):
        for change in (ABSENT, b64(bytes(32)), "own"):
            with self.subTest(str(change)):
                victim = self.challenged(Identity("victim"), kind="mqtts")
                other = self.client(victim.identity, device=victim.device, kind="mqtts").dial()
                proof = victim.proof()
                value = b64(other.pipe.channel_binding()) if change == "own" else change
                self.refuses_proof("bad_signature wrong_binding", victim, altered(proof, {"binding": value}))

    def test_a_binding_of_another_connection_signed_in_order_is_refused(self):
        first, second = (self.challenged(Identity("victim"), kind="mqtts") for _ in range(2))
        changes = {"binding": b64(first.pipe.channel_binding())}
        self.refuses_proof("wrong_binding", second, second.proof(changes))
        plain = self.challenged(Identity("victim"))
        self.refuses_proof("wrong_binding", plain, plain.proof(changes))

    def test_a_false_server_that_relays_is_refused_by_its_own_endpoint(self):
        relay = Relay(self.daemon.ports["mqtt"])
        victim = self.through(relay, "mqtt", f"mqtt://localhost:{relay.port}")

        def attempt():
            victim.send_connect(victim.hello())
            return victim.wait_challenge()
        self.refuses("wrong_endpoint", victim.client_id, attempt)

    def test_a_false_server_that_puts_the_right_endpoint_in_is_found_out_by_the_client(self):
        thief = self.client(Identity("victim")).dial()
        victim = self.client(thief.identity, device=thief.device)
        victim.endpoint = "mqtt://evil.example:1883"
        mine = victim.hello()
        thief.send_connect({**mine, "endpoint": self.daemon.endpoint()})
        with self.assertRaisesRegex(Violation, "another Hello"):
            thief.hello_sent = mine
            thief.wait_challenge()

    def test_who_relays_where_there_is_no_tls_reads_but_says_nothing_in_anothers_name(self):
        """Without TLS there is no binding: the handshake passes, and what is not signed by the client is worth nothing."""
        relay = Relay(self.daemon.ports["mqtt"])
        victim = self.through(relay, "mqtt", self.daemon.endpoint())
        victim.handshake()
        victim.subscribe()
        self.echoed(victim, "overheard")
        self.assertIn(b"overheard", relay.heard)
        forged = victim.compose(victim.server, note("forged"), key=Key())
        self.assert_rejected("bad_signature", victim, forged)
        self.assertEqual(relay.heard.count(b'"sealpost.Proof"'), 1)  # it has that, too, and may replay it
        thief = self.replays(victim, victim.hello_sent)
        self.refuses_proof("wrong_challenge", thief, victim.proof_sent)
        self.echoed(victim)


class Reflection(AttackCase):
    def objects(self):
        """Signed objects of both sides that go over the wire in honest runs."""
        victim = self.person("victim")
        victim.say(victim.server, note())
        return {"Hello": victim.hello_sent, "Challenge": victim.challenge_got, "Proof": victim.proof_sent,
                "Welcome": victim.welcome_got, "Message": json.loads(victim.next_delivery().text),
                "Identity": victim.identity.versions[0], "the server's Identity": victim.memory.server[0]}

    def test_no_object_passes_for_a_hello(self):
        for name, fields in self.objects().items():
            if name != "Hello":
                with self.subTest(name):
                    self.refuses_hello("malformed", self.client(), fields)
                    self.refuses_rest("malformed", "hello", fields)

    def test_no_object_passes_for_a_proof(self):
        for name, fields in self.objects().items():
            with self.subTest(name):
                causes = "wrong_challenge" if name == "Proof" else "malformed"
                self.refuses_proof(causes, self.challenged(), fields)
                mine = self.challenged()
                named = mine.identity.sign({**fields, "challenge": link_of(mine.challenge_got), "_author": mine.permalink})
                self.refuses_proof("bad_identity" if name == "Proof" else "malformed", mine, named)

    def test_the_servers_own_challenge_with_a_link_more_is_no_proof(self):
        mine = self.challenged()
        self.refuses_proof("malformed", mine, {**mine.challenge_got, "challenge": link_of(mine.challenge_got)})


class Stripping(AttackCase):
    def test_no_field_can_be_taken_out_of_a_signed_proof(self):
        for name in ("binding", "position", "from", "identity", "invite", "_time", "_author", "challenge", "_s"):
            with self.subTest(name):
                victim = self.challenged(kind="mqtts")
                proof = victim.proof({"from": 1, "invite": "x", "position": {"log": "log-1"}})
                needed = name in ("_time", "_author", "challenge", "_s")
                self.refuses_proof("malformed" if needed else "bad_signature", victim, without(proof, name))

    def test_a_hello_for_one_carrier_is_not_taken_by_another(self):
        victim = self.client(Identity("victim"))
        for purpose in ("ticket", "reauth"):
            self.refuses_hello("wrong_purpose", victim, victim.hello(purpose, {} if purpose == "ticket" else {"session": "x"}))
        for purpose in ("connect", "reauth"):
            self.refuses_rest("wrong_purpose", "hello", victim.hello(
                purpose, {} if purpose == "connect" else {"session": "x"}))

    def test_a_proof_for_one_carrier_opens_nothing_at_another(self):
        victim = self.challenged(Identity("victim"))
        self.refuses_rest("wrong_challenge", "proof", victim.proof())
        by_rest = self.client(victim.identity, device=victim.device)
        by_rest.take_challenge(self.rest().post("/v1/auth/hello", by_rest.hello("ticket")).must().json)
        self.refuses_proof("wrong_challenge", victim, by_rest.proof())

    def test_enhanced_authentication_cannot_be_left_out(self):
        victim = self.challenged(Identity("victim"))
        proof = canonical_text(victim.proof())
        for password in ("", "x", proof, b64(bytes(32)), link_of(victim.challenge_got)):
            thief = self.copy_of(victim).dial()
            self.refuses("bad_ticket", thief.client_id, lambda: thief.connect_with_ticket(password))
        empty = self.client(victim.identity).dial()

        def attempt():
            empty.send_connect(b"")
            return empty.wait_challenge()
        self.refuses("malformed", empty.client_id, attempt)


if __name__ == "__main__":
    runner.main()
