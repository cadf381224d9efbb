#!/usr/bin/python3
"""Ordinary MQTT under app/ by clients that have proven an identity, beside their lanes in the same session. (also: dev)

Each client is its own, by MQTT 5 with the handshake or 3.1.1 with a ticket; what the rules say is in RULES.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from ordinary import OrdinaryCase  # noqa: E402
from signed import Identity  # noqa: E402
from system import note  # noqa: E402

VERSIONS = (5, 4)
NOT_AUTHORIZED = 0x87
# By rules a client has what is its own, and a room for all.
RULES = {"app": {"clients_publish": ["app/of/%c/#", "app/%c/%d/state", "app/room/+", "app/room/+/by/%c"],
                 "clients_subscribe": ["app/of/%c/#", "app/+/%d/state", "app/room/#"]}}


class AppCase(OrdinaryCase):
    settings = RULES

    def each_version(self):
        for version in VERSIONS:
            with self.subTest(f"MQTT version {version}"):
                yield version

    def room(self, name=None):
        """A topic of its own for each test, where all may meet."""
        return f"app/room/{name or self._testMethodName[-40:]}"

    def ends(self, client, reason):
        """The connection is over: MQTT 5 is told why."""
        farewell = client.wait_closed()
        self.assertEqual(farewell and farewell.reason, reason if client.version == 5 else None)

    def refuses_publication(self, client, topic, qos):
        """Where a client can be told it goes on, else its connection ends [MQTT-3.3.5-2]."""
        if client.version == 5 and qos > 0:
            self.assertEqual(client.publish_to(topic, "x", qos).reason, NOT_AUTHORIZED)
            self.assertTrue(client.stays_open())
        else:
            client.send(wire.publish(client.version, topic, "x", qos, client.packet_id() if qos else None))
            self.ends(client, NOT_AUTHORIZED)

    def denied(self, client):
        """What a SUBACK says to what is not allowed."""
        return NOT_AUTHORIZED if client.version == 5 else 0x80


class Rules(AppCase):
    def test_a_client_publishes_where_a_rule_lets_it(self):
        for version in self.each_version():
            anna = self.proven("anna", version)
            for topic in (f"app/of/{anna.permalink}/a/b/c", f"app/of/{anna.permalink}",
                          f"app/{anna.permalink}/{anna.device}/state", self.room("x"),
                          f"{self.room('x')}/by/{anna.permalink}"):
                for qos in (0, 1, 2):
                    answer = anna.publish_to(topic, "x", qos)
                    self.assertIn(answer.reason if answer else 0, (0, 0x10), topic)
            self.assertTrue(anna.stays_open())

    def test_a_client_is_refused_elsewhere(self):
        other = Identity("other").permalink
        for version in self.each_version():
            for qos in (0, 1, 2):
                anna = self.proven("anna", version)
                ended = False
                for topic in (f"app/of/{other}", f"app/of/{anna.permalink}x", f"app/{other}/{anna.device}/state",
                              f"app/{anna.permalink}/other/state", f"{self.room('x')}/deeper", "app/room",
                              f"{self.room('x')}/by/{other}", "app", "app/", "app/%c", "App/room/x", "/app/room/x",
                              f"app/presence/{anna.permalink}", "other", "$SYS/x"):
                    if ended:
                        anna.enter()
                    self.refuses_publication(anna, topic, qos)
                    ended = version == 4 or qos == 0

    def test_a_client_subscribes_to_what_lies_within_a_rule(self):
        for version in self.each_version():
            anna = self.proven("anna", version)
            me = anna.permalink
            filters = [f"app/of/{me}/#", f"app/of/{me}", f"app/of/{me}/+/x", f"app/+/{anna.device}/state",
                       f"app/{me}/{anna.device}/state", "app/room/#", "app/room/+/by/+", "app/room", "app/room/+/#",
                       "$share/group/app/room/#"]
            self.assertEqual(anna.subscribe_app(*filters), [2] * len(filters))
            self.assertEqual(anna.subscribe_app((filters[0], 0), (filters[1], 1)), [0, 1])

    def test_a_filter_that_matches_more_than_a_rule_is_refused(self):
        other = Identity("other").permalink
        for version in self.each_version():
            anna = self.proven("anna", version)
            filters = ["#", "+/#", "app/#", "app/+", "+/room/#", "app/of/+/#", "app/of/+", f"app/of/{other}/#",
                       "app/+/+/state", "app/+/+/+", f"app/+/{anna.device}/#", "app/presence/#", "$SYS/#",
                       "$share/group/app/#", f"$share/group/app/of/{other}", "app", f"sp/{other}/#", "sp/#"]
            got = anna.subscribe_app(*filters, "app/room/x")
            self.assertEqual(got, [self.denied(anna)] * len(filters) + [2])

    def test_without_rules_in_the_configuration_nothing_is_allowed(self):
        with self.new_daemon(settings={"app": {"clients_publish": [], "clients_subscribe": []}}) as daemon:
            for version in self.each_version():
                anna = self.app_client("anna", version, daemon=daemon)
                anna.enter()
                self.assertEqual(anna.subscribe_app("app/room/x", f"app/of/{anna.permalink}/#"),
                                 [self.denied(anna)] * 2)
                self.refuses_publication(anna, "app/room/x", 1)
                for qos, retain, reason in ((0, False, NOT_AUTHORIZED), (2, False, 0x9B), (1, True, 0x9A)):
                    anna.enter()
                    anna.send(wire.publish(version, "app/room/x", "x", qos, 7, retain))
                    self.ends(anna, reason)
                self.assert_refused(anna.enter, will=("app/room/x", "gone", 0, False))
                anna.enter()
                anna.subscribe()
                self.echoed(anna)
                anna.close()


class Messages(AppCase):
    def two(self, publisher_version, subscriber_version):
        return self.proven("anna", publisher_version), self.proven("bert", subscriber_version)

    def test_each_quality_of_service_between_two_clients(self):
        for publishers, subscribers in ((5, 5), (5, 4), (4, 5), (4, 4)):
            with self.subTest(f"from version {publishers} to {subscribers}"):
                anna, bert = self.two(publishers, subscribers)
                for granted in (0, 1, 2):
                    topic = f"{self.room()}{granted}"
                    bert.subscribe_app((topic, granted))
                    for qos in (0, 1, 2):
                        anna.publish_to(topic, f"{qos}{granted}", qos)
                        found = bert.message()
                        self.assertEqual((found.topic, found.payload.decode(), found.qos, found.retain, found.dup),
                                         (topic, f"{qos}{granted}", min(qos, granted), False, False))
                self.assertTrue(bert.has_nothing())

    def test_a_hundred_messages_come_in_their_order_and_once(self):
        for qos in (1, 2):
            anna, bert = self.two(5, 4)
            bert.subscribe_app(self.room())
            for n in range(100):
                anna.publish_to(self.room(), str(n), qos)
            self.assertEqual([found.payload for found in bert.messages(100)], [b"%d" % n for n in range(100)])
            self.assertTrue(bert.has_nothing())
            bert.close()

    def test_what_a_publisher_adds_is_passed_on(self):
        anna, bert = self.two(5, 5)
        bert.subscribe_app(self.room(), props={"subscription_identifier": 268_435_455})
        bert.subscribe_app(self.room("#"), props={"subscription_identifier": 1})
        added = {"payload_format": 1, "content_type": "text/plain", "response_topic": "app/room/answers",
                 "correlation_data": b"\0\1", "message_expiry": 1000, "user_property": [("a", "1"), ("a", "2")]}
        anna.publish_to(self.room(), "x", props=added)
        got = bert.message().props
        self.assertEqual(sorted(got.pop("subscription_identifiers")), [1, 268_435_455])
        self.assertIn(got.pop("message_expiry"), (999, 1000))
        self.assertEqual(got, {name: value for name, value in added.items() if name != "message_expiry"})

    def test_no_local_keeps_ones_own_away(self):
        anna, bert = self.two(5, 5)
        for client in (anna, bert):
            client.subscribe_app((self.room(), 1 | 4))
        anna.publish_to(self.room(), "x")
        self.assertEqual(bert.message().payload, b"x")
        self.assertTrue(anna.has_nothing())

    def test_unsubscribed_is_over(self):
        for version in self.each_version():
            anna, bert = self.two(version, version)
            bert.subscribe_app(self.room())
            self.assertEqual(bert.unsubscribe_app(self.room(), "app/room/never"), [0, 0x11] if version == 5 else [])
            anna.publish_to(self.room(), "x")
            self.assertTrue(bert.has_nothing())

    def test_the_newest_retained_message_waits_for_who_subscribes(self):
        for version in self.each_version():
            anna, bert = self.two(version, version)
            topic = self.room(f"retained{version}")
            for text in ("old", "new"):
                anna.publish_to(topic, text, retain=True)
            for filter_ in (topic, "app/room/+"):
                bert.subscribe_app(filter_)
                found = bert.message()
                self.assertEqual((found.topic, found.payload, found.retain), (topic, b"new", True))
                bert.unsubscribe_app(filter_)
            anna.publish_to(topic, "", retain=True)
            bert.subscribe_app(topic)
            self.assertTrue(bert.has_nothing())

    def test_the_members_of_a_share_take_turns(self):
        anna, members = self.proven("anna"), [self.proven(name, version) for name, version in (("b", 5), ("c", 4))]
        for member in members:
            self.assertEqual(member.subscribe_app(f"$share/group/{self.room()}"), [2])
        for n in range(20):
            anna.publish_to(self.room(), str(n), n % 3)
        got = [member.messages(10) for member in members]
        self.assertEqual(sorted(int(found.payload) for each in got for found in each), list(range(20)))
        self.assertTrue(all(member.has_nothing() for member in members))

    def test_clients_of_the_open_listener_share_the_topics(self):
        anna, tool = self.proven("anna"), self.plain()
        tool.subscribe("#")
        anna.publish_to(self.room(), "from anna", 2)
        found = tool.message()
        self.assertEqual((found.topic, found.payload, found.qos), (self.room(), b"from anna", 2))
        anna.subscribe_app(self.room())
        tool.publish(self.room(), "from a tool", 1)
        self.assertEqual(anna.message().payload, b"from a tool")


class Wills(AppCase):
    def will(self, text="gone", qos=1, retain=False):
        return (self.room(), text, qos, retain)

    def test_a_will_is_sent_when_the_connection_breaks(self):
        for version in self.each_version():
            bert = self.proven("bert")
            bert.subscribe_app(self.room())
            self.proven("anna", version, will=self.will(str(version), 2)).pipe.reset()
            found = bert.message()
            self.assertEqual((found.payload.decode(), found.qos), (str(version), 2))
            bert.close()

    def test_a_will_is_not_sent_after_a_good_bye_but_where_it_asks_for_it(self):
        bert = self.proven("bert")
        bert.subscribe_app(self.room())
        for version, reason in ((5, 0), (4, 0), (5, 4)):
            anna = self.proven("anna", version, will=self.will(f"{version} {reason}"))
            anna.send(wire.disconnect(version, reason))
            anna.wait_closed()
        self.assertEqual(bert.message().payload, b"5 4")
        self.assertTrue(bert.has_nothing())

    def test_a_delayed_will_is_not_sent_if_its_client_is_back_in_time(self):
        bert = self.proven("bert")
        bert.subscribe_app(self.room())
        anna = self.app_client("anna")
        anna.enter(will=self.will("back"), will_props={"will_delay": 1000})
        anna.pipe.reset()
        self.assertTrue(anna.enter(will=self.will("away"), will_props={"will_delay": 1}).session_present)
        anna.pipe.reset()
        self.assertEqual(bert.message().payload, b"away")

    def test_a_retained_will_stays(self):
        anna, bert = self.proven("anna", will=self.will(retain=True)), self.proven("bert")
        bert.subscribe_app(self.room())
        anna.pipe.reset()
        bert.message()
        bert.unsubscribe_app(self.room())
        bert.subscribe_app(self.room())
        self.assertTrue(bert.message().retain)
        bert.publish_to(self.room(), "", retain=True)

    def test_a_will_where_its_client_may_not_publish_is_refused_at_connect(self):
        other = Identity("other").permalink
        for version in self.each_version():
            anna = self.app_client("anna", version)
            for topic in (f"app/of/{other}", "app/presence/x", "other", anna.topic("outbox"), anna.topic("inbox"),
                          f"sp/{other}/d/inbox", "$SYS/x"):
                refused = self.assert_refused(anna.enter, will=(topic, "gone", 1, False))
                self.assertEqual(refused.reason, NOT_AUTHORIZED if version == 5 else 5)
            anna.enter(will=(f"app/of/{anna.permalink}", "gone", 1, False))


class BesideTheLanes(AppCase):
    def test_a_conversation_and_ordinary_messages_run_in_one_session(self):
        for version in self.each_version():
            anna, bert = self.proven("anna", version), self.proven("bert")
            self.assertEqual(anna.subscribe(), [1, 0, 0, 0])
            anna.subscribe_app(self.room())
            bert.subscribe()
            for n in range(10):
                self.echoed(anna, f"{n}")
                bert.publish_to(self.room(), str(n), n % 3)
                self.assertEqual(anna.message().payload, b"%d" % n)
            anna.say(bert.permalink, note("to Bert"))
            self.assertEqual(bert.take()["object"]["_t"], "sealpost.Identity")
            self.assertEqual(bert.take()["object"]["object"], note("to Bert"))

    def test_a_filter_with_wildcards_within_the_own_prefix_is_taken(self):
        for version in self.each_version():
            anna = self.proven("anna", version)
            self.assertEqual(anna.subscribe_app((f"sp/{anna.permalink}/{anna.device}/#", 1)), [1])
            self.echoed(anna)

    def test_an_unread_ordinary_message_does_not_hold_up_the_lanes(self):
        anna, bert = self.proven("anna"), self.proven("bert")
        anna.subscribe()
        anna.subscribe_app(self.room())
        for n in range(10):
            bert.publish_to(self.room(), str(n), 2)
        self.echoed(anna)
        self.assertEqual(len([found for found in anna.other if found.type == wire.PUBLISH]), 10)

    def test_what_the_lanes_do_not_take_is_refused_as_ever(self):
        for version in self.each_version():
            anna = self.app_client("anna", version)
            for qos, retain, reason in ((0, False, 0x9B), (2, False, 0x9B), (1, True, 0x9A)):
                anna.enter()
                anna.send(wire.publish(version, anna.topic("outbox"), "{}", qos, 5 if qos else None, retain))
                self.ends(anna, reason)
            anna.enter()
            other = Identity("other").permalink
            self.assertEqual(anna.subscribe_app(f"$share/g/{anna.topic('inbox')}", f"sp/{other}/d/inbox", "sp/+/d/ack"),
                             [self.denied(anna)] * 3)
            for topic in (anna.topic("inbox"), anna.topic("ack"), f"sp/{other}/d/outbox", "sp/x"):
                self.refuses_publication(anna, topic, 1)
                if version == 4:
                    anna.enter()
            anna.subscribe()
            self.echoed(anna)

    def test_nothing_that_others_publish_gets_into_a_lane(self):
        anna, tool = self.proven("anna"), self.plain()
        anna.subscribe()
        for topic in (anna.topic("inbox"), anna.topic("light")):
            self.assertEqual(tool.publish(topic, "{}", 1).reason, NOT_AUTHORIZED)
        self.assertEqual(tool.subscribe(anna.topic("#"), "sp/#").reasons, [NOT_AUTHORIZED] * 2)
        tool.subscribe("#", "+/+/+/+")
        self.echoed(anna)
        tool.stays()
        self.assertTrue(anna.has_nothing())


class OverARestart(AppCase):
    """What a session is promised is on disk."""

    def test_sessions_and_their_messages_survive_a_kill(self):
        clients = {version: self.app_client("anna", version) for version in VERSIONS}
        bert = self.proven("bert")
        for version, anna in clients.items():
            anna.enter()
            anna.subscribe()
            anna.subscribe_app(self.room(), f"app/of/{anna.permalink}/#")
            anna.pipe.reset()
        for n in range(30):
            bert.publish_to(self.room(), str(n), n % 3)
        bert.publish_to(self.room("kept"), "kept", retain=True)
        self.daemon.restart()
        for version, anna in clients.items():
            with self.subTest(f"MQTT version {version}"):
                self.find(anna)
        bert = self.proven("bert")
        bert.subscribe_app(self.room("kept"))
        self.assertEqual(bert.message().payload, b"kept")

    def find(self, anna):
        self.assertTrue(anna.enter().session_present)
        expected = [n for n in range(30) if n % 3]  # QoS 0 does not wait
        self.assertEqual([int(found.payload) for found in anna.messages(len(expected))], expected)
        self.assertTrue(anna.has_nothing())
        anna.publish_to(f"app/of/{anna.permalink}/x", "to myself", 2)
        self.assertEqual(anna.message().payload, b"to myself")
        self.echoed(anna)  # its subscriptions of its lanes are there too

    def test_a_message_half_handed_over_at_a_kill_is_handed_over_once(self):
        anna, bert = self.app_client("anna"), self.proven("bert")
        anna.enter()
        anna.subscribe_app(self.room())
        for n in range(3):
            bert.publish_to(self.room(), str(n), 2)
        sent = [anna.wait_packet(wire.PUBLISH) for _ in range(3)]
        anna.send(wire.acknowledge(wire.PUBREC, sent[0].packet_id))
        anna.wait_packet(wire.PUBREL)  # the first is Anna's; of the second and third the server knows nothing
        number = anna.packet_id()
        anna.send(wire.publish(5, self.room("half"), "half", 2, number))
        self.assertLess(anna.wait_packet(wire.PUBREC).reason, 0x80)
        self.daemon.restart()
        self.assertTrue(anna.enter().session_present)
        self.assertEqual(anna.wait_packet(wire.PUBREL).packet_id, sent[0].packet_id)
        anna.send(wire.acknowledge(wire.PUBCOMP, sent[0].packet_id))
        again = [anna.message() for _ in range(2)]
        self.assertEqual([(found.payload, found.packet_id, found.dup) for found in again],
                         [(b"1", sent[1].packet_id, True), (b"2", sent[2].packet_id, True)])
        anna.subscribe_app(self.room("half"))
        anna.send(wire.publish(5, self.room("half"), "half", 2, number, dup=True))
        anna.wait_packet(wire.PUBREC)
        anna.send(wire.acknowledge(wire.PUBREL, number))
        anna.wait_packet(wire.PUBCOMP)
        self.assertTrue(anna.has_nothing())  # the server had it before, and nobody was there

    def test_a_clean_start_begins_anew(self):
        anna, bert = self.app_client("anna"), self.proven("bert")
        anna.enter()
        anna.subscribe_app(self.room())
        anna.pipe.reset()
        bert.publish_to(self.room(), "x")
        self.assertFalse(anna.enter(clean=True).session_present)
        self.assertTrue(anna.has_nothing())
        anna.unsubscribe_app(self.room())  # what is answered is on disk, and so is what came before
        anna.pipe.reset()
        self.daemon.restart()
        self.assertTrue(anna.enter().session_present)
        self.proven("bert").publish_to(self.room(), "y")
        self.assertTrue(anna.has_nothing())

    def test_a_session_that_ends_with_its_connection_is_not_there_after_a_kill(self):
        for version in self.each_version():
            anna = self.app_client("anna", version)
            self.assertFalse(anna.enter(keep=0, clean=version == 4).session_present)
            anna.subscribe_app(self.room())
            self.daemon.restart()
            self.proven("bert").publish_to(self.room(), "x")
            self.assertFalse(anna.enter().session_present)
            self.assertTrue(anna.has_nothing())


class Reloaded(AppCase):
    """Rules that change on SIGHUP hold from then on: at PUBLISH, at delivery, and when a session is resumed."""
    LESS = {"app": {"clients_publish": ["app/of/%c/#"], "clients_subscribe": ["app/of/%c/#"]}}

    def setUp(self):
        self.addCleanup(self.daemon.reload, RULES)

    def test_what_is_no_longer_allowed_cannot_be_published(self):
        for version in self.each_version():
            self.daemon.reload(RULES)
            anna = self.proven("anna", version)
            anna.publish_to(self.room(), "x")
            self.daemon.reload(self.LESS)
            anna.publish_to(f"app/of/{anna.permalink}/x", "x")
            self.refuses_publication(anna, self.room(), 1)

    def test_what_is_no_longer_allowed_is_not_delivered(self):
        for version in self.each_version():
            self.daemon.reload(RULES)
            anna, tool = self.proven("anna", version), self.plain()
            anna.subscribe_app("app/room/#", f"app/of/{anna.permalink}/#")
            self.daemon.reload(self.LESS)
            for qos in (0, 1, 2):
                tool.publish(self.room(), "secret", qos)
                tool.publish(f"app/of/{anna.permalink}/x", "own", qos)
                self.assertEqual(anna.message().payload, b"own")
            tool.publish(self.room(), "secret", 1)
            self.assertTrue(anna.has_nothing())
            self.assertEqual(anna.subscribe_app("app/room/#"), [self.denied(anna)])

    def test_what_waits_is_not_delivered_when_the_rules_have_changed_meanwhile(self):
        for version in self.each_version():
            self.daemon.reload(RULES)
            anna, tool = self.app_client("anna", version), self.plain()
            anna.enter()
            anna.subscribe_app("app/room/#", f"app/of/{anna.permalink}/#")
            anna.pipe.reset()
            for topic in (self.room(), f"app/of/{anna.permalink}/x"):
                tool.publish(topic, topic, 2)
            self.daemon.reload(self.LESS)
            self.assertTrue(anna.enter().session_present)
            self.assertEqual(anna.message().topic, f"app/of/{anna.permalink}/x")
            self.assertTrue(anna.has_nothing())

    def test_a_subscription_that_is_no_longer_allowed_is_gone_after_the_session_is_resumed(self):
        for version in self.each_version():
            self.daemon.reload(RULES)
            anna, tool = self.app_client("anna", version), self.plain()
            anna.enter()
            anna.subscribe_app(self.room(), f"$share/g/{self.room('shared')}", f"app/of/{anna.permalink}/x")
            self.daemon.reload(self.LESS)
            self.assertTrue(anna.enter().session_present)
            self.daemon.reload(RULES)
            for topic in (self.room(), self.room("shared")):
                tool.publish(topic, "x", 1)
            self.assertTrue(anna.has_nothing())
            if version == 5:
                self.assertEqual(anna.unsubscribe_app(self.room(), f"app/of/{anna.permalink}/x"), [0x11, 0])

    def test_rules_that_changed_while_the_server_was_down_hold_for_its_sessions(self):
        self.daemon.reload(RULES)
        anna = self.app_client("anna")
        anna.enter()
        anna.subscribe_app(self.room(), f"app/of/{anna.permalink}/#")
        anna.pipe.reset()
        tool = self.plain()
        tool.publish(self.room(), "waits", 1)
        self.daemon.kill9()
        self.daemon.sections["app"].update(self.LESS["app"])
        self.daemon.write_configuration()
        self.daemon.start()
        self.plain().publish(self.room(), "later", 1)
        self.assertTrue(anna.enter().session_present)
        self.assertTrue(anna.has_nothing())

    def test_a_will_that_is_no_longer_allowed_is_not_sent(self):
        self.daemon.reload(RULES)
        tool, other = self.plain(), self.app_client("other")
        tool.subscribe(self.room(), "app/of/#")
        anna = self.proven("anna", will=(self.room(), "gone", 1, False))
        other.enter(will=(f"app/of/{other.permalink}", "gone too", 1, False))
        self.daemon.reload(self.LESS)
        anna.pipe.reset()
        other.pipe.reset()
        self.assertEqual(tool.message().payload, b"gone too")
        tool.stays()

    def test_a_configuration_with_errors_changes_nothing(self):
        self.daemon.sections["app"]["clients_publish"] = ["app/%x/#"]
        self.daemon.write_configuration()
        before = self.daemon.log().count("the configuration has errors")
        self.daemon.signal(1)
        self.daemon.wait_for_line("the configuration has errors", before + 1)
        self.assertLess(self.proven("anna").publish_to(self.room(), "x").reason, 0x80)


if __name__ == "__main__":
    runner.main()
