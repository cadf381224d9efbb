#!/usr/bin/python3
"""Attacks on the handshake by somebody who owns the network: replay, relay, reflection, stripping, mixing, old keys. (also: dev)

Each is refused for the cause that the server's log then names, while its client is told no more than `not authorized`; and
an honest client, whose session was there before, goes on undisturbed. Single fields that are wrong in form are in
hostile_test.py and in the golden vectors; here are whole objects in the wrong place.
"""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from between import Relay  # noqa: E402
from rest import Rest, ticket_for  # noqa: E402
from sealpost_client import ABSENT, Client, Closed, Refused, Violation  # noqa: E402
from signed import Identity, Key, altered, b64, canonical_text, link_of, now_ms, without  # noqa: E402
from system import ServerCase, bot_token, note, wait_until  # noqa: E402
from transport import open_pipe  # noqa: E402

NOT_AUTHORIZED = 0x87
CAUSES_PER_SECOND = 10  # that the server writes down


class AttackCase(ServerCase):
    kinds = ("mqtt", "mqtts", "http", "health-http")

    def setUp(self):
        self.honest = self.person("honest")
        self.epoch = self.honest.welcome_got["epoch"]
        self.before = self.daemon.counter("handshakes_failed_total")
        self.failures, self.last_failure = 0, 0.0

    def tearDown(self):
        """The session that was there before is the same, and was asked for by nobody else."""
        self.assertEqual(self.daemon.counter("handshakes_failed_total") - self.before, self.failures)
        self.assertIsNone(self.honest.goodbye)
        self.echoed(self.honest)
        self.assertEqual(self.honest.reauthenticate()["epoch"], self.epoch)
        self.daemon.must_be_clean()

    def challenged(self, identity=None, purpose="connect", changes=None, **options):
        client = self.client(identity, **options).dial()
        client.send_connect(client.hello(purpose, changes))
        client.wait_challenge()
        return client

    def copy_of(self, victim):
        """A client that claims to be the victim's device, and knows whatever it has said."""
        thief = self.client(victim.identity, device=victim.device)
        thief.memory.server, thief.memory.confirmed = victim.memory.server, victim.memory.confirmed
        return thief

    def replays(self, victim, hello):
        """A thief that says the victim's own `hello` again, and has a Challenge for it."""
        thief = self.copy_of(victim).dial()
        thief.memory.server, thief.hello_sent = [], hello
        thief.send_connect(hello)
        thief.wait_challenge()
        return thief

    def rest(self):
        return Rest(self.daemon.rest_base)

    # What must come of an attack.

    def names_cause(self, client_id, causes, seen):
        """The server's log has one more failure of `client_id`, for one of `causes`."""
        words = f"handshake of {client_id} from 127.0.0.1 failed: "
        lines = wait_until(lambda: self.daemon.log().split(words)[seen + 1:], 5, f"{client_id}: {causes} in the log")
        self.assertIn(lines[0].split()[0].strip('"'), causes.split())
        self.failures += 1
        self.last_failure = time.monotonic()

    def refuses(self, causes, who, attempt):
        """`attempt` ends with 0x87 or HTTP 401, and the log names one of `causes` for `who`."""
        while time.monotonic() < self.last_failure + 1.2 / CAUSES_PER_SECOND:
            time.sleep(0.01)
        seen = self.daemon.log().count(f"handshake of {who} from 127.0.0.1 failed: ")
        refused = self.assert_refused(attempt)
        self.assertIn(refused.reason, (NOT_AUTHORIZED, 401), refused)
        if refused.reason == 401:
            self.assertEqual(refused.code, "not_authorized")
        self.names_cause(who, causes, seen)

    def refuses_proof(self, causes, client, proof):
        def attempt():
            client.send_auth(proof)
            return client.wait_welcome()
        self.refuses(causes, client.client_id, attempt)

    def refuses_hello(self, causes, client, hello, **options):
        client.dial()

        def attempt():
            client.send_connect(hello, **options)
            return client.wait_challenge()
        self.refuses(causes, client.client_id, attempt)

    def refuses_rest(self, causes, path, body, who="?"):
        self.refuses(causes, who, lambda: self.rest().post(f"/v1/auth/{path}", body).must())


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


class Mixing(AttackCase):
    def runs(self):
        """Two honest runs that have got as far as their Proof: of two people, and of one on two connections."""
        both, one = [Identity("anna"), Identity("bert")], Identity("anna")
        for first, second in (both, (one, one)):
            yield lambda first=first, second=second: (self.challenged(first), self.challenged(second))

    def test_no_field_of_a_proof_can_come_from_another_run(self):
        for run in self.runs():
            for name in run()[0].proof():
                theirs, mine = run()
                foreign, own = theirs.proof({"_time": 1, "from": 1}), mine.proof()
                if foreign[name] == own[name]:
                    continue
                with self.subTest(name):
                    causes = {"challenge": "wrong_challenge", "_author": "wrong_author", "_s": "wrong_key bad_signature"}
                    self.refuses_proof(causes.get(name, "bad_signature"), mine, {**own, name: foreign[name]})
                theirs.close()

    def test_no_part_of_a_seal_can_come_from_another_run(self):
        for run in self.runs():
            for name in ("key", "sig"):
                theirs, mine = run()
                own, foreign = mine.proof(), theirs.proof({"_time": 1})
                if own["_s"][name] != foreign["_s"][name]:
                    mixed = {**own, "_s": {**own["_s"], name: foreign["_s"][name]}}
                    self.refuses_proof("wrong_key" if name == "key" else "bad_signature", mine, mixed)

    def test_a_hello_mixed_from_two_runs_answers_neither(self):
        """The server may answer it, to whoever asks; neither client signs for what it did not say."""
        for name in self.client().hello():
            theirs, mine = self.client(Identity("anna")), self.client(Identity("bert"))
            foreign = theirs.hello(changes={"_time": 1})
            own = mine.hello()
            if foreign.get(name) == own.get(name):
                continue
            with self.subTest(name):
                mixed = {**own, name: foreign[name]}
                thief = self.client(mine.identity, device=mixed["device"]).dial()
                thief.send_connect(mixed, client_id=f"{mixed['client']}.{mixed['device']}")
                thief.hello_sent = mixed
                answer = thief.wait_challenge()
                for each, said in ((mine, own), (theirs, foreign)):
                    each.hello_sent = said
                    with self.assertRaisesRegex(Violation, "another Hello"):
                        each.take_challenge(answer)

    def test_no_field_of_the_servers_objects_can_come_from_another_run(self):
        theirs = self.person("anna")
        for kind in ("challenge", "welcome"):
            foreign = getattr(theirs, f"{kind}_got")
            for name in foreign:
                mine = self.challenged(Identity("bert"))
                if kind == "challenge":
                    own, take = mine.challenge_got, mine.take_challenge
                else:
                    mine.send_auth(mine.proof())
                    own, take = mine.wait_welcome(), mine.take_welcome
                mine.memory.server = [] if kind == "challenge" else mine.memory.server
                if own[name] != foreign[name]:
                    with self.subTest(f"{kind}: {name}"):
                        self.assertRaises(Violation, take, {**own, name: foreign[name]})


class OldKeys(AttackCase):
    def rotated(self):
        """(a client whose identity has a new sign key since, the old key)"""
        victim = self.person("victim")
        old = victim.identity.sign_key
        victim.identity.next_version(sign_key=Key())
        victim.memory.confirmed = False
        return victim, old

    def with_key(self, identity, key, **options):
        return self.challenged(identity, changes={"key": key.pub}, **options)

    def test_a_key_of_another_identity_proves_nothing(self):
        victim, thief = self.person("victim"), Identity("thief")
        for key in (thief.sign_key, thief.update_key, victim.identity.update_key, Key()):
            mallory = self.with_key(victim.identity, key, device=victim.device)
            self.refuses_proof("wrong_key", mallory, mallory.proof(key=key))
            mallory = self.challenged(victim.identity, device=victim.device)
            self.refuses_proof("wrong_key", mallory, mallory.proof(key=key))

    def test_a_key_that_was_dropped_opens_nothing_whatever_versions_come_with_it(self):
        victim, old = self.rotated()
        newer, _ = self.again(victim)
        for versions in (ABSENT, victim.identity.versions[:1], victim.identity.versions):
            mallory = self.with_key(victim.identity, old)
            self.refuses_proof("wrong_key", mallory, mallory.proof({"identity": versions}, key=old))
        self.echoed(newer)

    def test_a_key_that_was_dropped_between_challenge_and_proof_opens_nothing(self):
        victim, old = self.rotated()
        mallory = self.with_key(victim.identity, old)
        newer, _ = self.again(victim)
        self.refuses_proof("wrong_key", mallory, mallory.proof({"identity": ABSENT}, key=old))
        self.echoed(newer)

    def test_a_session_of_a_key_that_was_dropped_is_over_and_does_not_prove_itself_again(self):
        victim, old = self.rotated()
        other = self.client(victim.identity)
        other.login()
        self.assertEqual(victim.wait_closed().reason, NOT_AUTHORIZED)
        self.assertNotEqual(old.pub, other.identity.sign_key.pub)

    def test_a_stolen_sign_key_makes_no_version(self):
        victim = self.person("victim")
        for by in (victim.identity.sign_key, Key()):
            forged = Identity("victim", victim.identity.sign_key.seed, victim.identity.update_key.seed,
                              victim.identity.versions[0]["_time"])
            new = Key()
            forged.next_version(sign_key=new)
            version = by.sign(forged.versions[1])
            mallory = self.with_key(victim.identity, new)
            self.refuses_proof("bad_identity", mallory, mallory.proof({"identity": [version]}, key=new))
        self.assertEqual(self.again(victim)[1]["identity"], victim.identity.link)

    def test_a_version_that_is_overheard_registers_nobody(self):
        """Who hears a new client's Proof has its identity, and cannot register it under a key of its own."""
        victim, thief = self.client(Identity("victim")), Key()
        mallory = self.with_key(victim.identity, thief)
        self.refuses_proof("wrong_key", mallory, mallory.proof({"identity": victim.identity.versions}, key=thief))
        bot = self.daemon.rest(bot_token(self.daemon))
        known = bot.get(f"/v1/identities/{victim.permalink}").status
        self.assertEqual(known, 404)
        victim.login()
        self.echoed(victim)


class Labels(AttackCase):
    def test_of_two_clients_with_one_label_the_newest_proof_has_the_lane(self):
        first = self.person("victim")
        second, _ = self.again(first)
        self.assertEqual(first.wait_closed().reason, 0x8E)
        third, _ = self.again(second)
        self.assertEqual(second.wait_closed().reason, 0x8E)
        self.echoed(third)

    def test_one_label_under_two_identities_is_two_devices(self):
        first = self.person("anna", device="phone")
        second = self.person("bert", device="phone")
        self.echoed(first)
        self.echoed(second)

    def test_a_failed_attempt_at_a_label_does_not_end_its_session(self):
        victim = self.person("victim")
        for key in (Key(), victim.identity.update_key):
            thief = self.challenged(victim.identity, device=victim.device)
            self.refuses_proof("wrong_key", thief, thief.proof(key=key))
        self.echoed(victim)

    def test_the_session_of_another_epoch_cannot_be_renewed(self):
        victim = self.person("victim")
        earlier = victim.welcome_got["session"]
        newer, _ = self.again(victim)
        seen = self.daemon.log().count("failed: wrong_session")
        newer.send_auth(newer.hello("reauth", {"session": earlier}), reason=0x19)
        self.assertEqual(newer.wait_closed().reason, NOT_AUTHORIZED)
        wait_until(lambda: self.daemon.log().count("failed: wrong_session") > seen, 5, "the cause in the log")
        self.failures += 1


class Texts(AttackCase):
    def test_a_text_with_any_member_twice_is_refused(self):
        hello = self.client().hello()
        for name in hello:
            member = canonical_text({name: hello[name]})[1:-1]
            text = canonical_text(hello)
            for twice in ("{" + member + "," + text[1:], text[:-1] + "," + member + "}"):
                self.refuses_rest("malformed", "hello", twice.encode())
        mine = self.challenged()
        proof = canonical_text(mine.proof())
        self.refuses_proof("malformed", mine, ('{"_time":1,' + proof[1:]).encode())

    def test_a_text_that_was_cut_is_refused(self):
        client = self.client()
        text = canonical_text(client.hello()).encode()
        for part in range(1, 8):
            self.refuses_rest("malformed", "hello", text[:len(text) * part // 8])
            mine = self.challenged()
            proof = canonical_text(mine.proof()).encode()
            self.refuses_proof("malformed", mine, proof[:len(proof) * part // 8])

    def test_a_text_that_is_written_otherwise_is_the_same_object(self):
        client = self.client(Identity("odd")).dial()
        hello = client.hello()
        members = [f"{json.dumps(name)} : {canonical_text(hello[name])}" for name in reversed(hello)]
        client.send_connect(("{\n" + ",\n".join(members) + "\n}").encode())
        client.wait_challenge()
        text = canonical_text(client.proof()).replace('"_t":', '"\\u005ft" :')
        client.send_auth(text.encode())
        self.assertEqual(client.wait_welcome()["light"], "green")

    def test_a_hello_over_4_kib_is_refused(self):
        client = self.client()
        fill = 4096 - len(canonical_text(client.hello(changes={"fill": ""})))
        exactly, over = (client.hello("ticket", {"fill": "x" * (fill + more)}) for more in (1, 2))
        self.refuses_hello("malformed", client, over)
        self.assertEqual(self.rest().post("/v1/auth/hello", over).status, 413)
        self.rest().post("/v1/auth/hello", exactly).must()


class Clocks(AttackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.held = [Client(Identity("late"), cls.daemon.endpoint()) for _ in range(2)]
        cls.challenged_at = time.monotonic()
        for client in cls.held:
            rest = Rest(cls.daemon.rest_base)
            client.take_challenge(rest.post("/v1/auth/hello", client.hello("ticket")).must().json)

    def test_a_clock_that_jumps_between_the_steps_does_not_matter(self):
        for first, second in ((0, 2**53 - 1), (2**53 - 1, 0), (now_ms() + 30_001, now_ms() - 30_001)):
            client = self.client(Identity("jumps", time_ms=second)).dial()
            client.send_connect(client.hello(changes={"_time": first}))
            client.wait_challenge()
            client.send_auth(client.proof({"_time": second}))
            self.assertEqual(client.wait_welcome()["light"], "green")

    def test_later_versions_may_be_older_by_their_own_clock(self):
        identity = Identity("earlier", time_ms=now_ms() + 10**10)
        identity.next_version(sign_key=Key())
        client = self.client(identity)
        client.login()
        self.assertEqual(client.welcome_got["identity"], identity.link)

    def test_past_30_seconds_a_challenge_is_over_whatever_its_answer_says_of_the_time(self):
        # Nothing but the server's own clock decides this, and it does not go faster for a test.
        time.sleep(max(0.0, self.challenged_at + 30.2 - time.monotonic()))
        for client, claimed in zip(self.held, (1, now_ms() - 30_000)):
            self.refuses_rest("expired wrong_challenge", "proof", client.proof({"_time": claimed}))


if __name__ == "__main__":
    runner.main()
