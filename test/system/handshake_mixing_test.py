#!/usr/bin/python3
"""Attacks on the handshake with parts of other runs, keys and labels of others, odd texts and odd clocks. (also: dev)

As in handshake_attacks_test.py, each is refused for the cause that the log names, and nobody else notices.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from attack import NOT_AUTHORIZED, AttackCase  # noqa: E402
from rest import Rest  # noqa: E402
from sealpost_client import ABSENT, Client, Violation  # noqa: E402
from signed import Identity, Key, canonical_text, now_ms  # noqa: E402
from system import bot_token, wait_until  # noqa: E402


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
