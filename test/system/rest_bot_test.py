#!/usr/bin/python3
"""A bot over REST: what it is told, in which order, and what becomes of one that crashes, hangs or answers nonsense.
(also: dev)"""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from rest import Rest  # noqa: E402
from signed import link_of  # noqa: E402
from system import ServerCase, bot_token, note  # noqa: E402


class BotCase(ServerCase):
    bot = "rest"
    consumer = "bot"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = bot_token(cls.daemon)

    def setUp(self):
        self.rest = Rest(self.daemon.rest_base, self.token)

    def updates(self, client=None, wait=5):
        """The updates that wait, oldest first; of `client` only, where one is given. Waits until there is one."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            found = [update for update in self.rest.updates(wait=wait)["updates"]
                     if client is None or update["client"] == client.permalink]
            if found:
                return found
        raise AssertionError("no update came")

    def none_wait_for(self, client):
        return not [update for update in self.rest.updates()["updates"] if update["client"] == client.permalink]

    def acknowledge(self, update, replies=(), **options):
        return self.rest.acknowledge(self.consumer, [update["event"]], list(replies), **options)

    def say(self, client, text="hello"):
        message = client.compose(client.server, note(text))
        client.deliver(message)
        return message


class Updates(BotCase):
    def test_a_message_becomes_an_update_and_its_reply_a_message(self):
        anna = self.person("anna")
        message = self.say(anna)
        update, = self.updates(anna)
        self.assertEqual(update["message"], message)
        self.acknowledge(update, [{"object": {"_t": "demo.Answer", "text": "yes?"}}]).must()
        reply = anna.take()
        self.assertEqual((reply["object"]["text"], reply["inReplyTo"]), ("yes?", link_of(message)))
        self.assertTrue(self.none_wait_for(anna))

    def test_one_message_of_a_client_at_a_time_in_order(self):
        anna = self.person("anna")
        messages = [self.say(anna, f"{n}") for n in range(3)]
        for message in messages:
            updates = self.updates(anna)
            self.assertEqual([update["message"] for update in updates], [message])
            self.acknowledge(updates[0]).must()
        self.assertTrue(self.none_wait_for(anna))

    def test_a_stuck_client_holds_up_nobody_else(self):
        anna, bert = self.person("anna"), self.person("bert")
        self.say(anna)
        for n in range(3):
            self.say(bert, f"{n}")
            self.acknowledge(self.updates(bert)[0]).must()
        self.acknowledge(self.updates(anna)[0]).must()

    def test_what_is_not_acknowledged_is_told_again_also_after_a_kill(self):
        anna = self.person("anna")
        message = self.say(anna)
        first = self.updates(anna)[0]
        self.assertEqual(self.updates(anna)[0]["event"], first["event"])
        self.daemon.restart()
        again = self.updates(anna)[0]
        self.assertEqual((again["event"], again["message"]), (first["event"], message))
        self.acknowledge(again).must()

    def test_replies_are_in_the_transaction_of_the_ack(self):
        anna = self.person("anna")
        self.say(anna)
        update = self.updates(anna)[0]
        bad = self.acknowledge(update, [{"object": {"_t": "demo.Answer"}}, {"object": "nonsense"}])
        self.assertIn(bad.status, (400, 422))
        self.assertEqual(self.updates(anna)[0]["event"], update["event"])
        self.assertTrue(anna.nothing_more())
        self.acknowledge(update, [{"object": {"_t": "demo.Answer", "n": n}} for n in range(3)]).must()
        self.assertEqual([anna.take()["object"]["n"] for _ in range(3)], [0, 1, 2])

    def test_a_second_ack_of_an_update_sends_nothing_twice(self):
        anna = self.person("anna")
        self.say(anna)
        update = self.updates(anna)[0]
        self.acknowledge(update, [{"object": {"_t": "demo.Answer"}}]).must()
        anna.take()
        self.acknowledge(update, [{"object": {"_t": "demo.Answer"}}])
        self.assertTrue(anna.nothing_more())

    def test_a_reply_to_another_client_reaches_it(self):
        anna, bert = self.person("anna"), self.person("bert")
        self.say(anna)
        reply = {"to": bert.permalink, "object": {"_t": "demo.Answer", "text": "psst"}}
        self.acknowledge(self.updates(anna)[0], [reply]).must()
        self.assertEqual(bert.take()["object"]["text"], "psst")
        self.assertTrue(anna.nothing_more())

    def test_a_long_poll_answers_as_soon_as_something_arrives(self):
        anna = self.person("anna")
        self.none_wait_for(anna)
        timer = threading.Timer(0.3, lambda: self.say(anna))
        timer.start()
        begun = time.monotonic()
        update = self.updates(anna, wait=20)[0]
        timer.join()
        self.assertLess(time.monotonic() - begun, 10)
        self.acknowledge(update).must()

    def test_a_bot_that_hangs_up_during_a_long_poll_loses_nothing(self):
        anna = self.person("anna")
        for _ in range(3):
            try:
                Rest(self.daemon.rest_base, self.token, timeout=0.1).call("GET", "/v1/updates", query={"wait": 20})
            except OSError:
                pass
        self.say(anna)
        self.acknowledge(self.updates(anna)[0]).must()

    def test_a_bot_that_is_killed_between_update_and_ack_is_told_again(self):
        anna = self.person("anna")
        message = self.say(anna)
        self.updates(anna)
        other = Rest(self.daemon.rest_base, self.token)
        again = [update for update in other.updates(wait=5)["updates"] if update["client"] == anna.permalink]
        self.assertEqual(again[0]["message"], message)
        self.acknowledge(again[0]).must()

    def test_nonsense_is_a_problem_with_a_code_and_moves_nothing(self):
        anna = self.person("anna")
        self.say(anna)
        update = self.updates(anna)[0]
        for body in (b"", b"{", b"[]", b"{}", b'{"consumer":"bot"}', b'{"consumer":"bot","events":"all"}',
                     b'{"consumer":"bot","events":[-1]}', b'{"consumer":7,"events":[1]}', b"\xff" * 100,
                     b'{"consumer":"bot","events":[9007199254740991]}'):
            with self.subTest(body[:40]):
                answer = self.rest.post("/v1/updates/ack", body)
                self.assertIn(answer.status, range(400, 500))
                self.assertTrue(answer.code)
        self.assertEqual(self.updates(anna)[0]["event"], update["event"])
        self.acknowledge(update).must()


class Sending(BotCase):
    def test_a_bot_may_speak_first(self):
        anna = self.person("anna")
        sent = self.rest.send(anna.permalink, {"_t": "demo.Answer", "text": "good morning"}).must().json
        message = anna.take()
        self.assertEqual((sent["n"], sent["link"]), (message["_n"], link_of(message)))

    def test_the_same_idempotency_key_sends_once(self):
        anna = self.person("anna")
        answers, key = [], "once-" + anna.device
        for _ in range(2):
            for _ in range(2):
                answers.append(self.rest.send(anna.permalink, {"_t": "demo.Answer"}, key=key).must().json)
            self.daemon.restart()
        self.assertEqual(len({answer["link"] for answer in answers}), 1)
        anna, _ = self.again(anna)
        anna.take()
        self.assertTrue(anna.nothing_more())

    def test_the_same_idempotency_key_at_once_sends_once(self):
        anna = self.person("anna")
        links = []

        def send():
            answer = self.rest.send(anna.permalink, {"_t": "demo.Answer"}, key="both-" + anna.device)
            links.append(answer.json.get("link"))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        anna.take()
        self.assertTrue(anna.nothing_more())
        self.assertEqual(len({link for link in links if link}), 1)

    def test_the_same_idempotency_key_with_another_body_is_422(self):
        anna = self.person("anna")
        self.rest.send(anna.permalink, {"_t": "demo.Answer"}, key="k-" + anna.device).must()
        self.assertEqual(self.rest.send(anna.permalink, {"_t": "demo.Other"}, key="k-" + anna.device).status, 422)

    def test_messages_to_nobody_and_of_no_form_are_problems(self):
        anna = self.person("anna")
        for to, payload in (("0" * 64, {"_t": "a"}), ("x", {"_t": "a"}), (anna.permalink, {}), (anna.permalink, "text"),
                            (anna.permalink, {"_t": "sealpost.Notice"}),
                            (anna.permalink, {"_t": "a", "x": "x" * anna.challenge_got["limits"]["maxMessage"]})):
            with self.subTest(f"{to[:4]} {str(payload)[:30]}"):
                answer = self.rest.send(to, payload)
                self.assertIn(answer.status, range(400, 500))
                self.assertTrue(answer.code)
        self.assertEqual(self.rest.send(anna.permalink, {"_t": "a", "x": "x" * 3_000_000}).status, 413)
        self.assertTrue(anna.nothing_more())

    def test_a_wrong_or_absent_token_is_401(self):
        for token in (None, "x", self.token[:-1], self.token + "x"):
            with self.subTest(str(token)[:4]):
                self.assertEqual(Rest(self.daemon.rest_base, token).get("/v1/updates").status, 401)

    def test_a_token_for_something_else_is_401(self):
        for number, scope in enumerate(("reader", "bots", "b,o,t")):
            with self.subTest(scope):
                token = bot_token(self.daemon, f"other-{number}", scope)
                self.assertEqual(Rest(self.daemon.rest_base, token).get("/v1/updates").status, 401)
        self.assertEqual(self.rest.get("/v1/updates").status, 200)

    def test_a_token_is_good_at_once_and_over_at_once(self):
        where = ("--config", self.daemon.configuration)
        for k in range(3):
            made = json.loads(self.daemon.command("token", "make", f"short-{k}", *where, "--json"))
            rest = Rest(self.daemon.rest_base, made["token"])
            self.assertEqual(rest.get("/v1/updates").status, 200)
            self.daemon.command("token", "revoke", f"short-{k}", *where)
            self.assertEqual(rest.get("/v1/updates").status, 401)
            self.assertEqual(self.rest.get("/v1/updates").status, 200)

    def test_unknown_paths_and_methods_are_404_and_405(self):
        self.assertEqual(self.rest.get("/v1/nothing").status, 404)
        self.assertEqual(self.rest.call("DELETE", "/v1/updates").status, 405)


class SlowBot(BotCase):
    settings = {"limits": {"inbox_messages": 20}}

    def test_at_the_inbox_limit_the_client_is_told_to_wait_and_nothing_is_lost(self):
        anna = self.person("anna")
        messages = [anna.compose(anna.server, note(f"{n}")) for n in range(40)]
        sent = 0
        for message in messages:
            try:
                anna.deliver(message)
                sent += 1
            except Exception:
                break
        self.assertEqual(sent, 20)
        self.assertEqual(anna.goodbye.reason, 0x97)
        done = 0
        while done < 40:
            for update in self.updates(anna):
                self.assertEqual(update["message"], messages[done])
                self.acknowledge(update).must()
                done += 1
            if sent < 40:
                anna, _ = self.again(anna)
                anna.deliver(messages[sent])
                sent += 1


if __name__ == "__main__":
    runner.main()
