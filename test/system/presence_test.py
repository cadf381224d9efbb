#!/usr/bin/python3
"""Presence: a retained message of the server at app/presence/<permalink>, and of nobody else. (also: dev)"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from ordinary import OrdinaryCase  # noqa: E402
from signed import now_ms  # noqa: E402
from system import bot_token  # noqa: E402

NOT_AUTHORIZED = 0x87
RULES = {"clients_publish": ["app/#"], "clients_subscribe": ["app/presence/+", "app/room"]}


class PresenceCase(OrdinaryCase):
    kinds = ("mqtt", "http", "open-mqtt", "bots-mqtt")
    settings = {"app": {**RULES, "presence": True}}

    def topic(self, client):
        return f"app/presence/{client.permalink}"

    def take(self, watcher, client, online):
        """The next that `watcher` hears is that `client` is online, or is not, since now; gives the message."""
        found = watcher.message()
        self.assertEqual((found.topic, found.qos), (self.topic(client), 1))
        told = json.loads(found.payload)
        self.assertEqual(set(told), {"online", "since"})
        self.assertIs(told["online"], online)
        self.assertLess(abs(told["since"] - now_ms()), 20_000)
        return found


class Presence(PresenceCase):
    def test_a_client_is_online_from_its_first_device_to_its_last(self):
        for version in (5, 4):
            with self.subTest(f"MQTT version {version}"):
                anna, watcher = self.app_client("anna", version), self.proven("watcher")
                watcher.subscribe_app(self.topic(anna))
                self.assertTrue(watcher.has_nothing())  # one who was never here is not offline
                anna.enter()
                self.assertFalse(self.take(watcher, anna, True).retain)
                other = self.app_client(identity=anna.identity, version=version)
                other.enter()
                anna.send(wire.disconnect(version))
                anna.wait_closed()
                self.assertTrue(watcher.has_nothing())
                other.pipe.reset()
                self.take(watcher, anna, False)
                self.assertTrue(watcher.has_nothing())

    def test_a_client_that_was_taken_over_is_online(self):
        anna = self.app_client("anna")
        for _ in range(5):
            anna.enter()
            late = self.plain()
            late.subscribe(self.topic(anna))
            self.assertTrue(self.take(late, anna, True).retain)
            late.close()

    def test_who_comes_later_is_told_what_is_retained(self):
        anna, gone, watcher = self.proven("anna"), self.proven("gone"), self.proven("watcher")
        watcher.subscribe_app(self.topic(gone))
        self.take(watcher, gone, True)
        gone.pipe.reset()
        self.take(watcher, gone, False)
        late = self.proven("late")
        late.subscribe_app("app/presence/+")
        told = {}
        while not {self.topic(anna), self.topic(gone), self.topic(late)} <= set(told):
            found = late.message()
            self.assertTrue(found.retain)
            told[found.topic] = json.loads(found.payload)["online"]
        self.assertEqual([told[self.topic(client)] for client in (anna, gone, late)], [True, False, True])

    def test_nobody_is_online_after_a_kill(self):
        anna, watcher = self.app_client("anna"), self.app_client("watcher")
        anna.enter()
        watcher.enter()
        watcher.subscribe_app(self.topic(anna))
        self.take(watcher, anna, True)
        watcher.publish_to("app/room", "", retain=True)  # it is answered, and so is what was before it on disk
        self.daemon.restart()
        self.assertTrue(watcher.enter().session_present)
        self.take(watcher, anna, False)  # as the session was there when the server said so
        watcher.subscribe_app(self.topic(anna))
        self.assertTrue(self.take(watcher, anna, False).retain)
        anna.enter()
        self.take(watcher, anna, True)

    def test_nobody_is_online_after_an_orderly_end(self):
        anna = self.proven("anna")
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon.start()
        tool = self.plain()
        tool.subscribe(self.topic(anna))
        self.take(tool, anna, False)

    def test_nobody_else_publishes_there(self):
        anna, token = self.proven("anna"), bot_token(self.daemon)
        for topic in (self.topic(anna), "app/presence/x", "app/presence/", f"{self.topic(anna)}/x"):
            for qos in (1, 2):
                self.assertEqual(anna.publish_to(topic, "x", qos, retain=True).reason, NOT_AUTHORIZED)
                for peer in (self.plain(), self.plain(kind="bots-mqtt", user="bot", password=token)):
                    self.assertEqual(peer.publish(topic, "x", qos, retain=True).reason, NOT_AUTHORIZED)
            self.assert_refused(self.app_client().enter, will=(topic, "x", 0, True))
            peer = self.dialled()
            peer.send_connect("w", will=(topic, "x", 0, True))
            self.assertEqual(peer.next().reason, NOT_AUTHORIZED)
        tool = self.plain()
        tool.subscribe(self.topic(anna))
        self.take(tool, anna, True)
        tool.stays()


class WithoutPresence(PresenceCase):
    settings = {"app": RULES}

    def test_without_presence_nothing_is_said_and_nothing_may_be_said(self):
        watcher, anna = self.proven("watcher"), self.app_client("anna")
        watcher.subscribe_app("app/presence/+")
        anna.enter()
        self.assertEqual(anna.publish_to(self.topic(anna), "x").reason, NOT_AUTHORIZED)
        anna.publish_to("app/room", "x")
        self.assertTrue(watcher.has_nothing())


if __name__ == "__main__":
    runner.main()
