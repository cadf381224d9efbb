#!/usr/bin/python3
"""Tests of what the system tests stand on: the client, its ledger and the checker, on a stand-in for the server."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../support"), os.path.join(HERE, "../ledger")]
import check  # noqa: E402
import ledger  # noqa: E402
import runner  # noqa: E402
from fake_server import FakeServer  # noqa: E402
from ledger_client import Correspondent, introduce, say_next  # noqa: E402
from sealpost_client import Client, Closed  # noqa: E402
from signed import Identity, Key, canonical_text, check_identity, link_of, verifies  # noqa: E402


class Objects(unittest.TestCase):
    @staticmethod
    def vectors(name):
        path = os.path.join(HERE, "../../proto/vectors", name + ".json")
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def test_canonical_text_agrees_with_the_vectors(self):
        for case in self.vectors("canonical")["cases"]:
            with self.subTest(case["name"]):
                self.assertEqual(canonical_text(json.loads(case["input"])), case["canonical"])
        for double in self.vectors("numbers")["doubles"]:
            value, = struct.unpack(">d", bytes.fromhex(double["bits"]))
            self.assertEqual(canonical_text(value), double["text"])

    def test_links_and_signatures_agree_with_the_vectors(self):
        vectors = self.vectors("messages")
        key = Key(bytes.fromhex(vectors["seed"]))
        for case in vectors["cases"]:
            if case["outcome"] == "ok":
                with self.subTest(case["name"]):
                    fields = json.loads(case["text"])
                    self.assertEqual(link_of(fields), case["link"])
                    self.assertEqual(key.sign(fields), fields)

    def test_identities_agree_with_the_vectors(self):
        for case in self.vectors("identities")["cases"]:
            versions = [json.loads(text) for text in case["versions"]]
            if case["outcome"] == "ok":
                with self.subTest(case["name"]):
                    self.assertEqual(link_of(check_identity(versions)), case["link"])

    def test_an_identity_proves_its_keys_and_its_versions_follow_each_other(self):
        identity = Identity("anna")
        identity.next_version()
        check_identity(identity.versions)
        bad = [identity.versions[0], {**identity.versions[1], "name": "eve"}]
        self.assertRaises(ValueError, check_identity, bad)

    def test_a_changed_object_does_not_verify(self):
        identity = Identity("anna")
        signed = identity.sign({"_t": "demo.Note", "text": "x"})
        self.assertTrue(verifies(signed, [identity.sign_key.pub]))
        self.assertFalse(verifies({**signed, "text": "y"}, [identity.sign_key.pub]))
        self.assertFalse(verifies(signed, [Identity("eve").sign_key.pub]))


class Checker(unittest.TestCase):
    def test_it_finds_every_planted_violation(self):
        script = os.path.join(HERE, "../ledger/check.py")
        done = subprocess.run([sys.executable, script, "--self-test"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_imports_nothing_of_the_project(self):
        with open(os.path.join(HERE, "../ledger/check.py"), encoding="utf-8") as file:
            imported = {line.split()[1] for line in file if line.startswith(("import ", "from "))}
        self.assertLessEqual(imported, set(sys.stdlib_module_names))


class Conversation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def serve(self, sin=None):
        self.server = FakeServer(sin)
        self.addCleanup(self.server.close)
        return self.server

    def path(self, name):
        return os.path.join(self.folder.name, name + ".ledger")

    def people(self, *names):
        permalinks = {}
        for name in names:
            ledger.create(self.path(name), name)
            permalinks[name] = introduce(self.path(name), self.server.endpoint)
        return permalinks

    def talk(self, names, permalinks, messages=12, cuts=()):
        """Each says `messages`; the connections break when the total of steps is in `cuts`."""
        people = [Correspondent(self.path(name), self.server.endpoint) for name in names]
        for person in people:
            for permalink in permalinks.values():
                if permalink != person.client.permalink:
                    person.add_peer(permalink)
            person.connect()
        quiet = steps = 0
        while quiet < 4 * len(people):
            steps += 1
            if steps in cuts:
                self.server.cut_all()
            for person in people:
                try:
                    say_next(person, messages)
                    quiet = 0 if person.step(0.02) or person.outbox else quiet + 1
                except Closed:
                    quiet = 0
                    person.connect()
        for person in people:
            person.close()

    def verdict(self, names):
        run = check.Run([self.path(name) for name in names])
        verdict = run.judge()
        return verdict, run

    def test_a_message_to_the_bot_is_acked_and_echoed(self):
        client = Client(Identity("anna"), self.serve().endpoint)
        client.login()
        message = client.compose(client.server, {"_t": "demo.Note", "text": "hi"})
        client.deliver(message)
        reply = client.take_reply(link_of(message))
        self.assertEqual(reply["object"]["echo"], message["object"])

    def test_ledgers_of_an_honest_conversation_are_ok_across_broken_connections(self):
        self.serve()
        people = self.people("anna", "bert")
        self.talk(people, people, 20, cuts=(5, 30, 31, 60))
        verdict, run = self.verdict(people)
        self.assertEqual(verdict, "ok", run.findings)
        self.assertEqual(run.count["acknowledged"], 40)
        self.assertEqual(run.count["replies"], 20)
        self.assertEqual(run.count["relayed"], 20)

    def test_the_sins_of_a_server_are_found(self):
        for sin, wanted in (("drops replies", "lost"), ("doubles replies", "doubled")):
            with self.subTest(sin):
                self.serve(sin)
                self.people("anna" + sin)
                self.talk(["anna" + sin], {}, 5)
                self.assertEqual(self.verdict(["anna" + sin])[0], wanted)

    def test_a_client_goes_on_from_its_ledger_alone(self):
        self.serve()
        people = self.people("anna")
        self.talk(people, {}, 5)
        with open(self.path("anna"), "ab") as file:
            file.write(b'{"kind":"inte')
        self.talk(people, {}, 9)
        verdict, run = self.verdict(people)
        self.assertEqual((verdict, run.count["replies"]), ("ok", 9), run.findings)


if __name__ == "__main__":
    runner.main()
