#!/usr/bin/python3
"""Lights and positions (PROTOCOL.md section 3): where a client and the server go on after a break. (also: dev)"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from sealpost_client import ABSENT, Mark, Memory  # noqa: E402
from signed import link_of  # noqa: E402
from system import ServerCase, note  # noqa: E402

WRONG = "5e" * 32


class Lights(ServerCase):
    def absent_with_mail(self, messages=3):
        """Anna, who is away while `messages` wait for her, after two of her own that she has had answered."""
        anna, bert = self.person("anna"), self.person("bert")
        self.echoed(anna)
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        onlooker = self.other_device(anna)
        for n in range(messages):
            bert.say(anna.permalink, note(f"{n}"))
        for _ in range(messages + 1):  # Bert's identity comes first
            onlooker.take()
        return anna

    def position(self, **changes):
        """Anna, after two messages and their answers, comes back with another position; gives (client, Welcome)."""
        anna = self.person("anna")
        self.echoed(anna)
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        return self.with_position(anna, **changes)

    def with_position(self, anna, **changes):
        anna = self.client(anna.identity, device=anna.device, memory=anna.memory)
        anna.dial()
        anna.send_connect(anna.hello())
        anna.wait_challenge()
        position = {**anna.position(), **changes}
        position = {name: value for name, value in position.items() if value is not ABSENT}
        anna.send_auth(anna.proof({"position": position}))
        return anna, anna.wait_welcome()

    # The three lights.

    def test_green_when_nothing_waits(self):
        anna, welcome = self.position()
        self.assertEqual(welcome["light"], "green")
        self.assertEqual(welcome["position"], {"received": anna.memory.head.fields(), "acked": 2,
                                               "sent": anna.memory.received.fields()})
        anna.subscribe()
        self.echoed(anna)

    def test_drain_while_mail_waits_then_green(self):
        anna, welcome = self.again(self.absent_with_mail())
        self.assertEqual((welcome["light"], welcome["position"]["sent"]["n"]), ("drain", 6))
        early = anna.compose(anna.server, note("too early"), changes={"context": "early"})
        self.assert_rejected("drain_first", anna, early)
        for _ in range(3):
            anna.take()
        self.assertEqual(anna.lights, [])
        anna.take()
        self.assertEqual(anna.wait(lambda: anna.lights, "the light event"), ["green"])
        self.echoed(anna)

    def test_mail_that_comes_during_the_drain_does_not_prolong_it(self):
        anna = self.absent_with_mail(1)
        bert = self.person("carl")
        anna, welcome = self.again(anna)
        bert.say(anna.permalink, note("while you drain"))
        for _ in range(welcome["position"]["sent"]["n"] - 2):
            anna.take()
        self.assertEqual(anna.wait(lambda: anna.lights, "the light event"), ["green"])

    def test_a_drain_goes_on_after_another_break(self):
        anna, _ = self.again(self.absent_with_mail())
        anna.take()
        anna.stays_open()
        anna.close()
        anna, welcome = self.again(anna)
        self.assertEqual((welcome["light"], welcome["position"]["acked"]), ("drain", 3))

    def test_reauthentication_keeps_the_light(self):
        anna, _ = self.again(self.absent_with_mail())
        self.assertEqual(anna.reauthenticate()["light"], "drain")
        for _ in range(4):
            anna.take()
        anna.wait(lambda: anna.lights, "the light event")
        self.assertEqual(anna.reauthenticate()["light"], "green")

    def assert_shut(self, anna, welcome):
        """This device label is over, now and after a restart of everything; a new label goes on."""
        self.assertEqual(welcome["light"], "shut")
        anna.subscribe()
        self.assert_rejected("shut", anna, anna.compose(anna.server, note(), changes={"context": "x"}))
        self.assertTrue(anna.nothing_more())
        anna.close()
        self.assertEqual(self.again(anna)[1]["light"], "shut")
        fresh = self.other_device(anna)
        self.echoed(fresh)

    # Positions.

    def test_another_link_under_sent_is_shut(self):
        self.assert_shut(*self.position(sent={"n": 2, "link": WRONG}))

    def test_another_link_under_an_older_sent_is_shut(self):
        self.assert_shut(*self.position(sent={"n": 1, "link": WRONG}))

    def test_another_link_under_received_is_shut(self):
        self.assert_shut(*self.position(received={"n": 2, "link": WRONG}))

    def test_received_beyond_the_head_of_the_same_log_is_shut(self):
        self.assert_shut(*self.position(received={"n": 3, "link": WRONG}))

    def test_sent_behind_goes_on_after_the_servers_received(self):
        anna = self.person("anna")
        first = anna.compose(anna.server, note("one"))
        anna.deliver(first)
        anna.say(anna.server, note("two"))
        anna, welcome = self.with_position(anna, sent={"n": 1, "link": link_of(first)}, received=ABSENT)
        self.assertEqual(welcome["position"]["received"], anna.memory.head.fields())
        self.drain(anna)
        self.assertEqual(anna.say(anna.server, note("three"))["n"], 3)

    def drain(self, anna):
        anna.subscribe()
        for _ in range(anna.welcome_got["position"]["sent"]["n"] - anna.welcome_got["position"]["acked"]):
            anna.take()
        if anna.welcome_got["light"] == "drain":
            anna.wait(lambda: anna.lights, "the light event")

    def test_received_behind_acked_is_delivered_again_from_there(self):
        anna = self.person("anna")
        anna.say(anna.server, note("one"))
        anna.say(anna.server, note("two"))
        first = anna.next_delivery()
        anna.store(first)
        second = anna.next_delivery()
        anna.store(second)
        anna.stays_open()
        anna, welcome = self.with_position(anna, received={"n": 1, "link": first.link})
        self.assertEqual(welcome["position"]["acked"], 2)
        anna.subscribe()
        self.assertEqual(anna.next_delivery().text, second.text)

    def test_received_ahead_of_acked_and_matching_moves_acked_up(self):
        anna = self.person("anna")
        anna.say(anna.server, note())
        delivery = anna.next_delivery()
        anna.close()
        anna, welcome = self.with_position(anna, received={"n": 1, "link": delivery.link})
        self.assertEqual((welcome["position"]["acked"], welcome["light"]), (1, "green"))
        anna.subscribe()
        self.assertTrue(anna.nothing_more())

    def test_received_absent_means_that_acked_counts(self):
        anna = self.person("anna")
        anna.say(anna.server, note("one"))
        anna.say(anna.server, note("two"))
        anna.take()
        anna.stays_open()
        anna, welcome = self.with_position(anna, received=ABSENT)
        self.assertEqual(welcome["position"]["acked"], 1)
        anna.subscribe()
        self.assertEqual(anna.next_delivery().fields["_n"], 2)

    def test_a_new_device_has_no_position(self):
        anna = self.person("anna")
        self.echoed(anna)
        fresh = self.client(anna.identity)
        welcome = fresh.login()
        self.assertEqual(welcome["position"]["received"]["n"], 0)
        self.assertEqual((welcome["position"]["acked"], welcome["light"]), (1, "green"))

    def test_from_first_is_for_new_devices_only(self):
        anna = self.person("anna")
        self.echoed(anna)
        anna.stays_open()
        anna.close()
        _, welcome = self.again(anna, from_first=True)
        self.assertEqual(welcome["position"]["acked"], 1)

    def test_more_of_a_log_that_the_server_never_had_is_shut(self):
        self.assert_shut(*self.position(log="neverheard", received={"n": 9, "link": WRONG}))

    def test_a_malformed_position_is_refused(self):
        for changes in ({"sent": 1}, {"sent": {"n": -1, "link": WRONG}}, {"sent": {"n": 1}}, {"log": 7},
                        {"received": {"n": 1, "link": "short"}}, {"received": {"n": 2**53, "link": WRONG}}):
            with self.subTest(str(changes)):
                self.assert_refused(self.position, **changes)

    def test_lights_and_positions_outlive_a_kill(self):
        anna = self.absent_with_mail()
        self.daemon.restart()
        anna, welcome = self.again(anna)
        self.assertEqual((welcome["light"], welcome["position"]["acked"]), ("drain", 2))
        shut, welcome = self.position(sent={"n": 2, "link": WRONG})
        self.daemon.restart()
        self.assertEqual(self.again(shut)[1]["light"], "shut")

    def test_a_memory_of_another_server_is_of_no_use_here(self):
        anna = self.client(memory=Memory(log="elsewhere", sent=Mark(5, WRONG), received=Mark(7, WRONG)))
        self.assertIn(anna.login()["light"], ("green", "shut"))
        self.assertTrue(anna.stays_open())


if __name__ == "__main__":
    runner.main()
