#!/usr/bin/python3
"""Handshakes that lie: every field altered, replayed, relayed, reflected; stolen keys and odd identities. (also: dev)

Each is refused, tells the client no more than `not authorized`, disturbs nobody, and leaves the server well.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from rest import Rest  # noqa: E402
from sealpost_client import ABSENT, Closed, Refused  # noqa: E402
from signed import Identity, Key, b64, canonical_text, link_of, now_ms, without  # noqa: E402
from system import ServerCase, note  # noqa: E402

NOT_AUTHORIZED = 0x87


class HostileCase(ServerCase):
    def tearDown(self):
        """Whatever was tried, an honest client is served."""
        self.echoed(self.person("honest"))

    def dialled(self, identity=None, **options):
        return self.client(identity, **options).dial()

    def challenged(self, identity=None, **options):
        client = self.dialled(identity, **options)
        client.send_connect(client.hello())
        client.wait_challenge()
        return client

    def no_welcome(self, client, what=""):
        """The server ends it without a Welcome. If it gives a reason it is a refusal, and no cause is told."""
        try:
            client.wait_welcome()
        except Refused as refused:
            self.assertGreaterEqual(refused.reason, 0x80)
            last = client.goodbye or client.connack
            if last:
                self.assertNotIn("signature", str(last.props.get("reason_string", "")))
        except Closed:
            pass
        else:
            raise AssertionError(f"a Welcome for a handshake that lied: {what}")

    def no_challenge_or_no_welcome(self, client, what=""):
        """A lie in the Hello is found there or, at the latest, at the Proof."""
        try:
            client.wait_challenge()
            client.send_auth(client.proof())
        except (Refused, Closed):
            return
        self.no_welcome(client, what)


class AlteredHandshakes(HostileCase):
    def test_a_hello_with_any_field_altered_is_refused(self):
        wrong = {
            "_t": [ABSENT, "sealpost.Proof", 1], "v": [ABSENT, 0, 2, "1"],
            "device": [ABSENT, "", "other", "a b", "x" * 33, 1],
            "client": [ABSENT, "", "0" * 64, 1, "not.a.permalink"], "key": [ABSENT, "", "AA", Key().pub, 1],
            "endpoint": [ABSENT, "", "mqtt://elsewhere:1883", self.daemon.endpoint().upper(), 1],
            "nonce": [ABSENT, "", b64(b"x" * 31), b64(b"x" * 33), 1], "purpose": [ABSENT, "", "reauth", "steal", 1],
            "_time": [ABSENT, "now", -1, 1.5], "server": ["", {}, {"permalink": "0f" * 32, "link": "0e" * 32}, 1],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(f"{name}: {'absent' if value is ABSENT else value}"):
                    client = self.dialled()
                    client.send_connect(client.hello(changes={name: value}))
                    if name == "server" and isinstance(value, dict) and value:
                        client.memory.server = []  # it may answer with all its versions, as to a stranger
                        self.assertIn("identity", client.wait_challenge())
                        continue
                    client.hello_sent = {**client.hello_sent, "client": client.hello_sent.get("client")}
                    self.no_challenge_or_no_welcome(client, name)

    def test_a_hello_that_is_no_object_is_refused(self):
        for data in (b"", b"\0", b"null", b"[]", b"{", b"{}", b"\xff", b'{"a":' * 40 + b"1" + b"}" * 40,
                     b'{"_t":"sealpost.Hello","_t":"sealpost.Hello"}', b"x" * 20_000):
            with self.subTest(data[:20]):
                client = self.dialled()
                client.send_connect(data)
                self.assert_refused_or_closed(client.wait_challenge)

    def assert_refused_or_closed(self, function):
        try:
            function()
        except (Refused, Closed):
            return
        raise AssertionError("not refused")

    def test_a_proof_with_any_field_altered_is_refused(self):
        wrong = {
            "_t": [ABSENT, "sealpost.Hello", "sealpost.Message"], "_author": [ABSENT, "0" * 64, 1],
            "challenge": [ABSENT, "", "0" * 64, 1], "_time": [ABSENT, "now"],
            "identity": [ABSENT, {}, [], [{}], "x", [1]],
            "binding": [b64(b"x" * 32), 1, ""], "from": [0, 2, "1"], "position": [1, [], "x"],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(f"{name}: {'absent' if value is ABSENT else value}"):
                    client = self.challenged()
                    client.send_auth(client.proof({name: value}))
                    self.no_welcome(client, name)

    def test_a_proof_with_any_field_altered_after_signing_is_refused(self):
        for name in ("_t", "_author", "_time", "challenge", "identity"):
            with self.subTest(name):
                client = self.challenged()
                proof = client.proof()
                value = proof[name]
                proof[name] = (value + 1 if isinstance(value, int) else value + value if isinstance(value, list)
                               else value[:-1] + ("0" if value[-1] != "0" else "1"))
                client.send_auth(proof)
                self.no_welcome(client, name)

    def test_a_proof_with_every_part_of_its_seal_altered_is_refused(self):
        for change in ({"alg": "none"}, {"key": Key().pub}, {"sig": b64(bytes(64))}, {"sig": ""}, {"sig": ABSENT}):
            with self.subTest(str(change)):
                client = self.challenged()
                proof = client.proof()
                seal = {**proof["_s"], **change}
                proof["_s"] = {name: value for name, value in seal.items() if value is not ABSENT}
                client.send_auth(proof)
                self.no_welcome(client)
        client = self.challenged()
        client.send_auth(without(client.proof(), "_s"))
        self.no_welcome(client)

    def test_a_proof_by_the_update_key_is_refused(self):
        client = self.challenged()
        client.send_auth(client.proof(key=client.identity.update_key))
        self.no_welcome(client)

    def test_a_hello_that_names_the_update_key_is_refused(self):
        client = self.dialled()
        client.send_connect(client.hello(changes={"key": client.identity.update_key.pub}))
        client.wait_challenge()
        client.send_auth(client.proof(key=client.identity.update_key))
        self.no_welcome(client)

    def test_a_client_id_that_is_not_the_hellos_is_refused(self):
        for client_id in ("", "anna", "a.b", Identity("other").permalink + ".d1"):
            with self.subTest(client_id):
                client = self.dialled()
                client.send_connect(client.hello(), client_id=client_id)
                self.no_challenge_or_no_welcome(client)


class ReplayedHandshakes(HostileCase):
    def test_a_proof_is_good_for_its_own_challenge_only(self):
        anna = self.challenged()
        anna.send_auth(anna.proof())
        anna.wait_welcome()
        thief = self.challenged(anna.identity, device=anna.device)
        thief.send_auth(anna.proof_sent)
        self.no_welcome(thief)
        self.assertTrue(anna.stays_open(), "a failed handshake must not disturb the session")

    def test_a_whole_recorded_handshake_is_of_no_use(self):
        anna = self.challenged()
        hello = anna.hello_sent
        anna.send_auth(anna.proof())
        anna.wait_welcome()
        thief = self.dialled(anna.identity, device=anna.device)
        thief.send_connect(hello)
        thief.hello_sent = hello
        self.assertNotEqual(link_of(thief.wait_challenge()), link_of(anna.challenge_got))
        thief.send_auth(anna.proof_sent)
        self.no_welcome(thief)
        self.assertTrue(anna.stays_open())

    def test_a_challenge_is_used_once(self):
        anna = self.challenged()
        proof = anna.proof()
        anna.send_auth(proof)
        anna.wait_welcome()
        anna.send_auth(proof)
        self.assertIn(anna.wait_closed().reason, (0x82, 0x87))

    def test_a_challenge_belongs_to_the_connection_it_came_on(self):
        identity = Identity("anna")
        first = self.challenged(identity)
        second = self.challenged(identity, device=first.device)
        second.challenge_got = first.challenge_got
        second.send_auth(second.proof())
        self.no_welcome(second)

    def test_a_challenge_older_than_one_already_proven_for_the_device_is_refused(self):
        identity = Identity("anna")
        older = self.challenged(identity)
        newer = self.challenged(identity, device=older.device)
        newer.send_auth(newer.proof())
        newer.wait_welcome()
        older.send_auth(older.proof())
        self.no_welcome(older)
        self.assertTrue(newer.stays_open())

    def test_a_handshake_relayed_from_another_endpoint_is_refused(self):
        """What a false server at another address would pass on: its own endpoint stands in the signed chain."""
        victim = self.dialled()
        victim.send_connect(victim.hello(changes={"endpoint": "mqtt://evil.example:1883"}))
        self.no_challenge_or_no_welcome(victim)

    def test_the_servers_own_objects_reflected_are_refused(self):
        client = self.challenged()
        client.send_auth(client.challenge_got)
        self.no_welcome(client)
        anna = self.person("anna")
        other = self.challenged()
        other.send_auth(anna.welcome_got)
        self.no_welcome(other)

    def test_a_hello_in_the_servers_name_is_refused(self):
        anna = self.person("anna")
        client = self.dialled()
        server = anna.server
        client.send_connect(client.hello(changes={"client": server, "key": anna.challenge_got["_s"]["key"]}),
                            client_id=f"{server}.{client.device}")
        try:
            client.wait_challenge()
        except (Refused, Closed):
            return
        client.send_auth(client.proof({"_author": server}))
        self.no_welcome(client)

    def test_a_message_of_the_server_reflected_is_of_an_unknown_author(self):
        anna = self.person("anna")
        anna.say(anna.server, note())
        reply = anna.next_delivery()
        self.assert_rejected("unknown_author", anna, reply.text.encode())


class OddIdentities(HostileCase):
    def refused_with(self, versions, key=None, client=None):
        client = client or self.client()
        permalink = link_of(versions[0])
        client.dial()
        client.send_connect(client.hello(changes={"client": permalink}), client_id=f"{permalink}.{client.device}")
        client.wait_challenge()
        client.send_auth(client.proof({"_author": permalink, "identity": versions}, key=key))
        self.no_welcome(client)

    def test_an_unknown_identity_that_brings_no_versions_is_refused(self):
        client = self.challenged()
        client.send_auth(client.proof({"identity": ABSENT}))
        self.no_welcome(client)

    def test_anothers_key_in_ones_identity_is_a_stolen_claim_and_refused(self):
        anna = self.person("anna")
        thief = Identity("thief")
        claimed = without(thief.versions[0], "_s")
        claimed["pubkeys"] = [{"alg": "ed25519", "purpose": "sign", "pub": anna.identity.sign_key.pub}] + [
            without(key, "proof") for key in claimed["pubkeys"]]
        unproven = Identity.complete(claimed, [thief.sign_key, thief.update_key], thief.update_key)
        self.refused_with([unproven], thief.sign_key)
        copied = {**unproven, "pubkeys": [anna.identity.versions[0]["pubkeys"][0]] + unproven["pubkeys"][1:]}
        self.refused_with([thief.update_key.sign(copied)], thief.sign_key)
        self.assertTrue(anna.stays_open())

    def test_a_proven_key_stays_bound_to_its_identity(self):
        anna = self.person("anna")
        second = Identity("anna again", sign_seed=anna.identity.sign_key.seed)
        client = self.client(second)
        self.assert_refused(client.login)
        self.echoed(anna)

    def test_a_key_that_was_dropped_stays_bound_and_signs_no_more(self):
        anna = self.person("anna")
        old = anna.identity.sign_key
        anna.close()
        anna.identity.next_version(sign_key=Key())
        anna.memory.confirmed = False
        anna, _ = self.again(anna)
        self.assert_rejected("bad_signature", anna, anna.compose(anna.server, note(), key=old))
        self.assert_refused(self.client(Identity("thief", sign_seed=old.seed)).login)

    def of_many_keys(self, count):
        keys = [{"alg": "ed25519", "purpose": "other", "pub": Key(n.to_bytes(32, "big")).pub} for n in range(count)]
        return self.client(Identity("many", more_keys=keys))

    def test_an_identity_of_as_many_keys_as_authentication_data_holds_is_refused(self):
        client = self.of_many_keys(600)  # of at most 65,535 bytes
        client.dial()
        client.send_connect(client.hello())
        client.wait_challenge()
        client.send_auth(client.proof())
        self.no_welcome(client)

    def test_an_identity_of_ten_thousand_keys_is_refused_over_rest(self):
        client, rest = self.of_many_keys(10_000), Rest(self.daemon.rest_base)
        client.take_challenge(rest.post("/v1/auth/hello", client.hello("ticket")).must().json)
        try:
            answer = rest.post("/v1/auth/proof", client.proof())
        except ConnectionError:
            return  # it hung up on so much
        self.assertIn(answer.status, (400, 401, 413))

    def test_seventeen_keys_are_refused_and_sixteen_are_taken(self):
        keys = [{"alg": "ed25519", "purpose": "other", "pub": Key().pub} for _ in range(15)]
        self.assert_refused(self.client(Identity("seventeen", more_keys=keys)).login)
        self.echoed(self.client_logged_in(Identity("sixteen", more_keys=keys[:14])))

    def client_logged_in(self, identity):
        client = self.client(identity)
        client.login()
        return client

    def test_an_identity_that_is_not_sound_is_refused(self):
        anna = Identity("anna")
        first = anna.versions[0]
        keys = first["pubkeys"]
        proven_anew = [
            {**first, "pubkeys": []}, {**first, "pubkeys": [keys[0]]}, {**first, "pubkeys": [keys[1]]},
            {**first, "name": 1}, {**first, "_author": link_of(first)}, {**first, "_v": 1}, {**first, "_time": "now"},
            without(first, "_time"),
            {**first, "pubkeys": [{**keys[0], "alg": "rsa"}, keys[1]]}, {**first, "pubkeys": "none"},
        ]
        proofs_wrong = [
            {**first, "name": "changed"}, {**first, "pubkeys": [without(keys[0], "proof"), keys[1]]},
            {**first, "pubkeys": [keys[0], without(keys[1], "proof")]},
            {**first, "pubkeys": [{**keys[0], "proof": keys[1]["proof"]}, keys[1]]},
        ]
        both = [anna.sign_key, anna.update_key]
        bad = [Identity.complete(version, both, anna.update_key) if isinstance(version["pubkeys"], list)
               else anna.update_key.sign(version) for version in proven_anew]
        for version in bad + [anna.update_key.sign(version) for version in proofs_wrong]:
            with self.subTest(canonical_text(without(version, "_s"))[:120]):
                self.refused_with([version], anna.sign_key)
        with self.subTest("signed by the sign key"):
            self.refused_with([anna.sign_key.sign(first)], anna.sign_key)

    def test_a_second_version_that_does_not_follow_is_refused(self):
        for change in ({"_p": "0" * 64}, {"_v": 2}, {"_r": "0" * 64}, {"_author": "0" * 64}):
            with self.subTest(str(change)):
                anna = Identity("anna")
                anna.next_version()
                bad = anna.update_key.sign({**anna.versions[1], **change})
                self.refused_with([anna.versions[0], bad], anna.sign_key)

    def test_a_fork_of_an_identity_is_refused_and_the_first_stands(self):
        identity = Identity("anna")
        anna = self.client_logged_in(identity)
        anna.close()
        first = identity.versions[0]
        identity.next_version()
        anna.memory.confirmed = False
        anna, _ = self.again(anna)
        anna.close()
        forked = Identity("anna", identity.sign_key.seed, identity.update_key.seed, first["_time"])
        self.assertEqual(forked.versions[0], first)
        forked.name = "the other anna"
        forked.next_version()
        self.assert_refused(self.client(forked).login)
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["identity"], identity.link)

    def test_a_clock_that_is_wrong_by_years_does_not_matter(self):
        client = self.dialled(Identity("late", time_ms=now_ms() - 10**11))
        client.send_connect(client.hello(changes={"_time": 1}))
        client.wait_challenge()
        self.assertGreater(client.memory.offset_ms, 10**11)
        client.memory.offset_ms = -10**11
        client.send_auth(client.proof())
        self.assertEqual(client.wait_welcome()["light"], "green")

    def test_an_identity_written_in_any_order_is_the_same_identity(self):
        client = self.challenged()
        text = canonical_text(client.proof())
        client.send_auth((" " + text.replace(",", " , ") + "\n").encode())
        self.assertEqual(client.wait_welcome()["light"], "green")


if __name__ == "__main__":
    runner.main()
