#!/usr/bin/python3
"""A bot over REST whose answers cannot be stored, or come twice: nobody else waits, and nothing is lost or doubled.
(also: dev)"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from rest import Rest  # noqa: E402
from system import ServerCase, bot_token, note  # noqa: E402

OUTBOX = 16


class PressureCase(ServerCase):
    bot = "rest"
    settings = {"limits": {"outbox_messages": OUTBOX}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = bot_token(cls.daemon)

    def setUp(self):
        self.rest = Rest(self.daemon.rest_base, self.token, timeout=30 * PATIENCE)

    def update_of(self, client):
        deadline = time.monotonic() + 30 * PATIENCE
        while time.monotonic() < deadline:
            for update in self.rest.updates(wait=2)["updates"]:
                if update["client"] == client.permalink:
                    return update
        raise AssertionError("no update came")

    def send(self, client, text, **headers):
        body = {"to": client.permalink, "object": note(text)}
        return self.rest.call("POST", "/v1/messages", body, headers=headers)

    def answer(self, update, text):
        return self.rest.acknowledge("bot", [update["event"]], [{"object": note(text)}])


class FullOutbox(PressureCase):
    def person_with_full_outbox(self):
        """Somebody who has said something, gone away, and been sent all that the server keeps for one."""
        anna = self.person("anna")
        anna.deliver(anna.compose(anna.server, note("question")))
        anna.close()
        for k in range(OUTBOX):
            self.send(anna, f"{k}").must(201)
        self.assertEqual(self.send(anna, "one more").status, 429)
        return anna

    def test_the_bot_is_told_goes_on_with_others_and_is_asked_again(self):
        anna = self.person_with_full_outbox()
        handed_out = [self.update_of(anna)["attempt"] for _ in range(3)]
        refused = self.answer(self.update_of(anna), "answer")
        self.assertEqual((refused.status, refused.code), (429, "outbox_full"))
        bert = self.person("bert")
        bert.deliver(bert.compose(bert.server, note("me too")))
        self.answer(self.update_of(bert), "at once").must()
        self.assertEqual(bert.take()["object"]["text"], "at once")
        anna, _ = self.again(anna)
        self.assertEqual([anna.take()["object"]["text"] for _ in range(OUTBOX)], [f"{k}" for k in range(OUTBOX)])
        again = self.update_of(anna)
        self.assertEqual(again["message"]["object"], note("question"))
        self.assertGreater(again["attempt"], max(handed_out))
        self.answer(again, "answer").must()
        self.assertEqual(anna.take()["object"]["text"], "answer")

    def test_a_repeated_request_needs_no_room(self):
        bert = self.person("bert")
        bert.close()
        first = self.send(bert, "0", **{"Idempotency-Key": "first"}).must(201)
        for k in range(1, OUTBOX):
            self.send(bert, f"{k}").must(201)
        again = self.send(bert, "0", **{"Idempotency-Key": "first"}).must(200)
        self.assertEqual(again.json, first.json)


class Repetition(PressureCase):
    settings = {}

    def test_a_request_that_is_repeated_beside_others_fails_none_of_them(self):
        anna = self.person("anna")
        self.send(anna, "once", **{"Idempotency-Key": "once"}).must(201)
        statuses, count = [], 40

        def repeat():
            statuses.extend(self.send(anna, "once", **{"Idempotency-Key": "once"}).status for _ in range(count))

        def send_others(who):
            statuses.extend(self.send(anna, f"{who}/{k}").status for k in range(count))

        threads = [threading.Thread(target=repeat) for _ in range(2)]
        threads += [threading.Thread(target=send_others, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] * 2 * count + [201] * 3 * count)
        texts = [anna.take()["object"]["text"] for _ in range(1 + 3 * count)]
        self.assertEqual(len(set(texts)), 1 + 3 * count)
        self.assertTrue(anna.nothing_more())

    def test_two_answers_at_once_make_one_reply(self):
        for _ in range(10):
            anna = self.person("anna")
            anna.deliver(anna.compose(anna.server, note("question")))
            update, statuses = self.update_of(anna), []
            bots = [threading.Thread(target=lambda: statuses.append(self.answer(update, "answer").status))
                    for _ in range(2)]
            for bot in bots:
                bot.start()
            for bot in bots:
                bot.join()
            self.assertIn(200, statuses)
            self.assertIn(sorted(statuses), ([200, 200], [200, 503]))
            self.assertEqual(anna.take()["object"]["text"], "answer")
            self.assertTrue(anna.nothing_more(0.05))

    def test_each_hand_out_counts(self):
        anna = self.person("anna")
        anna.deliver(anna.compose(anna.server, note("question")))
        attempts = [self.update_of(anna)["attempt"] for _ in range(3)]
        self.assertEqual(attempts, [1, 2, 3])
        self.rest.acknowledge("bot", [self.update_of(anna)["event"]], []).must()

    def test_an_event_that_is_listed_twice_is_acknowledged_once(self):
        anna = self.person("anna")
        anna.deliver(anna.compose(anna.server, note("question")))
        event = self.update_of(anna)["event"]
        answer = self.rest.acknowledge("bot", [event, event], [{"object": note("answer")}]).must()
        self.assertEqual(answer.json["events"], [event])
        self.assertEqual(anna.take()["object"]["text"], "answer")
        self.assertTrue(anna.nothing_more())

    def test_a_reply_that_no_client_could_take_is_refused(self):
        anna = self.person("anna")
        anna.deliver(anna.compose(anna.server, note("question")))
        update = self.update_of(anna)
        size = anna.challenge_got["limits"]["maxMessage"]
        large = self.rest.acknowledge("bot", [update["event"]], [{"object": note("x"), "context": "c" * size}])
        self.assertEqual(large.status, 400)
        long_type = self.rest.acknowledge("bot", [update["event"]], [{"object": {"_t": "t" * 257}}])
        self.assertEqual((long_type.status, long_type.code), (400, "malformed"))
        self.answer(update, "in order").must()
        self.assertEqual(anna.take()["object"]["text"], "in order")


if __name__ == "__main__":
    runner.main()
