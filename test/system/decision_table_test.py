#!/usr/bin/python3
"""Each row of the decision table (PROTOCOL.md section 2), over the wire. (also: dev)"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from sealpost_client import ABSENT, Rejected  # noqa: E402
from signed import Key, b64, canonical_text, link_of, without  # noqa: E402
from system import ServerCase, note  # noqa: E402

UNKNOWN = "5e" * 32  # a link or permalink of nothing (all zero would be malformed)


class DecisionTable(ServerCase):
    def setUp(self):
        self.anna = self.person("anna")
        self.server = self.anna.server

    def next_is_accepted(self):
        """The lane is as it was: the next honest message is taken."""
        self.assertEqual(self.anna.say(self.server, note("still here"))["n"], self.anna.memory.head.n)

    def reject(self, code, **changes):
        """The next message with `changes` is rejected with `code`, and the honest one of that number is taken."""
        told = self.assert_rejected(code, self.anna, self.anna.compose(self.server, note(), changes=changes))
        self.next_is_accepted()
        return told

    def test_what_is_not_json_is_malformed(self):
        for text in (b"", b"\0", b"hello", b"[]", b'"text"', b"{", b"{}", b'{"_t":"sealpost.Message"}', b"\xff\xfe",
                     b'{"_t":"sealpost.Message","_t":"sealpost.Message"}', b"[" * 2000,
                     b'{"a":' * 30 + b"1" + b"}" * 30):
            with self.subTest(text[:20]):
                self.assert_rejected("malformed", self.anna, text)
        self.next_is_accepted()

    def test_a_message_with_a_wrong_field_is_malformed(self):
        wrong = {"_t": ["demo.Message", 1, ABSENT], "_author": [ABSENT, 1, "x"], "_d": [ABSENT, "", "a b", 1, "x" * 33],
                 "_recipient": [ABSENT, "", "x", None, self.server.upper()], "_q": ["", "00", 1, "0" * 64],
                 "_n": [ABSENT, 0, -1, 1.5, "1", 2**53, None], "_time": [ABSENT, "now", -1, 2**53, 1.5],
                 "_z": [ABSENT, "", b64(b"x" * 15), 1],
                 "object": [ABSENT, None, [], "text", {}, {"_t": 1}], "context": [1, {}], "inReplyTo": ["", 1, "zz"]}
        for name, values in wrong.items():
            for value in values:
                with self.subTest(f"{name}: {'absent' if value is ABSENT else value}"):
                    self.assert_rejected("malformed", self.anna, self.anna.compose(self.server, note(), {name: value}))
        self.next_is_accepted()

    def test_a_message_with_a_wrong_seal_is_malformed(self):
        message = self.anna.compose(self.server, note(), changes={"context": "kept"})
        seal = message["_s"]
        for wrong in (ABSENT, None, "sig", {}, without(seal, "alg"), {**seal, "alg": "rsa"}, {**seal, "more": 1},
                      {**seal, "sig": seal["sig"][:-1]}, {**seal, "sig": seal["sig"] + "=="}, {**seal, "key": "A"}):
            with self.subTest(str(wrong)):
                bad = without(message, "_s") if wrong is ABSENT else {**message, "_s": wrong}
                self.assert_rejected("malformed", self.anna, bad)
        self.next_is_accepted()

    def test_what_has_duplicate_keys_after_unescaping_is_malformed(self):
        text = canonical_text(self.anna.compose(self.server, note(), changes={"context": "x"}))
        self.assert_rejected("malformed", self.anna, text.replace('"context"', '"\\u005fn":1,"context"'))
        self.assert_rejected("malformed", self.anna, text.replace('"hello"', '"\\ud800"'))
        self.assert_rejected("malformed", self.anna, text.replace('"hello"', "9007199254740993"))
        self.assert_rejected("malformed", self.anna, text.replace('"hello"', "1e400"))
        self.next_is_accepted()

    def test_a_message_of_more_than_the_limit_is_too_large(self):
        largest = self.anna.challenge_got["limits"]["maxMessage"]
        self.reject("too_large", object=note("x" * largest))

    def test_another_author_is_unknown(self):
        self.reject("unknown_author", _author=self.person("bert").permalink)

    def test_another_device_of_the_author_is_unknown_here(self):
        self.reject("unknown_author", _d="elsewhere")

    def test_a_key_that_is_not_the_authors_is_a_bad_signature(self):
        self.assert_rejected("bad_signature", self.anna, self.anna.compose(self.server, note(), key=Key()))
        self.assert_rejected("bad_signature", self.anna,
                             self.anna.compose(self.server, note(), key=self.anna.identity.update_key))
        self.next_is_accepted()

    def test_a_field_changed_after_signing_is_a_bad_signature(self):
        message = self.anna.compose(self.server, note(), changes={"context": "signed"})
        for name, value in (("context", "changed"), ("object", note("changed")), ("_z", b64(b"z" * 16)),
                            ("_time", message["_time"] + 1), ("_recipient", UNKNOWN)):
            with self.subTest(name):
                self.assert_rejected("bad_signature", self.anna, {**message, name: value})
        self.next_is_accepted()

    def test_text_that_is_not_canonical_is_taken_and_stored_canonical(self):
        message = self.anna.compose(self.server, note())
        text = canonical_text(message).replace('"_t":"sealpost.Message"', ' "_t" :\n "sealpost\\u002eMessage" ')
        packet = self.anna.publish(text)
        self.anna.wait_answer(packet)
        self.assertEqual(self.anna.wait(lambda: self.anna.acks.get(link_of(message)), "ack")["n"], 1)

    def test_a_duplicate_gets_the_same_ack_again(self):
        message = self.anna.compose(self.server, note())
        first = self.anna.deliver(message)
        self.anna.acks.clear()
        self.assertEqual(self.anna.deliver(message), first)
        self.anna.take()
        self.assertTrue(self.anna.nothing_more(), "a duplicate must not be answered twice")

    def test_a_duplicate_of_long_ago_gets_the_same_ack_again(self):
        message = self.anna.compose(self.server, note())
        first = self.anna.deliver(message)
        for n in range(40):
            self.anna.say(self.server, note(f"{n}"))
        self.anna.acks.clear()
        self.assertEqual(self.anna.deliver(message), first)

    def test_a_copy_of_one_still_pending_waits_for_its_commit(self):
        message = self.anna.compose(self.server, note())
        first, second = self.anna.publish(message), self.anna.publish(message)
        self.anna.wait_answer(first)
        self.anna.wait_answer(second)
        self.anna.take()
        self.assertTrue(self.anna.nothing_more())

    def test_another_message_under_a_stored_number_is_a_fork(self):
        stored = self.anna.compose(self.server, note("the first"))
        self.anna.deliver(stored)
        again = self.anna.compose(self.server, note("the second"), changes={"_n": 1, "_q": ABSENT})
        self.assertEqual(self.assert_rejected("fork", self.anna, again)["link"], link_of(again))
        self.next_is_accepted()

    def test_another_message_under_a_number_of_long_ago_is_a_fork(self):
        for n in range(40):
            self.anna.say(self.server, note(f"{n}"))
        again = self.anna.compose(self.server, note("again"), changes={"_n": 2, "_q": UNKNOWN})
        self.assert_rejected("fork", self.anna, again)
        self.next_is_accepted()

    def test_a_number_beyond_the_next_is_a_gap_that_names_the_expected(self):
        self.next_is_accepted()
        told = self.assert_rejected("gap", self.anna, self.anna.compose(self.server, note(), changes={"_n": 3}))
        expected = told["expected"]
        self.assertEqual(expected["n"], 2)
        self.assertIn(self.anna.memory.head.link, expected.values())
        self.next_is_accepted()

    def test_a_q_that_is_not_the_head_is_a_fork(self):
        self.next_is_accepted()
        self.reject("fork", _q=UNKNOWN)

    def test_a_time_that_does_not_rise_is_a_wrong_clock(self):
        self.next_is_accepted()
        self.assertIn("time", self.reject("clock", _time=self.anna.memory.head_time))

    def test_a_time_far_ahead_is_a_wrong_clock_and_names_the_servers_time(self):
        ahead = self.anna.server_time() + 60_000
        told = self.reject("clock", _time=ahead)
        self.assertLess(abs(told["time"] - self.anna.server_time()), 10_000)

    def test_a_time_a_little_ahead_is_taken_and_the_next_may_follow_by_one(self):
        ahead = self.anna.server_time() + 8_000
        self.anna.memory.head_time = ahead
        self.assertEqual(self.anna.say(self.server, note())["n"], 1)
        self.assertEqual(self.anna.say(self.server, note())["n"], 2)

    def test_a_time_of_long_ago_is_taken_in_an_empty_lane(self):
        self.anna.memory.offset_ms = -10**11
        self.assertEqual(self.anna.say(self.server, note("written offline"))["n"], 1)

    def test_what_follows_a_rejected_message_in_the_window_is_a_gap(self):
        bad = self.anna.compose(self.server, note(), changes={"_time": 1, "_z": "A" * 22})
        good = self.anna.compose(self.server, note("one"))
        late = self.anna.compose(self.server, note("three"), changes={"_n": 3})
        packets = [self.anna.publish(message) for message in (good, late)]
        self.anna.wait_answer(packets[0])
        with self.assertRaises(Rejected) as caught:
            self.anna.wait_answer(packets[1])
        self.assertEqual(caught.exception.code, "gap")
        self.assert_rejected("fork", self.anna, bad)

    def test_a_stale_epoch_is_taken_over_and_can_do_nothing(self):
        newer, _ = self.again(self.anna)
        self.assertEqual(self.anna.wait_closed().reason, 0x8E)
        self.assertEqual(newer.say(newer.server, note())["n"], newer.memory.head.n)

    def test_a_message_to_nobody_is_accepted_and_the_author_gets_a_notice(self):
        message = self.anna.compose(UNKNOWN, note())
        self.assertEqual(self.anna.deliver(message)["n"], 1)
        notice = self.anna.take()["object"]
        self.assertEqual((notice["_t"], notice["code"], notice["link"]),
                         ("sealpost.Notice", "will_not_deliver", link_of(message)))
        self.echoed(self.anna)


if __name__ == "__main__":
    runner.main()
