#!/usr/bin/python3
"""Bots as MQTT clients: a listener with access = "bots" takes those with a token, over TCP and a Unix socket. (also: dev)"""
import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, program  # noqa: E402
from ordinary import OrdinaryCase  # noqa: E402
from sealpost_client import TimedOut  # noqa: E402
from signed import Identity  # noqa: E402
from system import ROOT, bot_token, wait_until  # noqa: E402

NOT_AUTHORIZED, BAD_PASSWORD = 0x87, 0x86
KINDS = ("bots-mqtt", "bots-unix-mqtt")
CLIENTS = {"clients_publish": ["app/to/weather/%c"], "clients_subscribe": ["app/of/weather/%c"]}
RULES = {"bots_publish": ["app/of/%c/#", "app/instance/%d"], "bots_subscribe": ["app/to/%c/#"]}


class BotCase(OrdinaryCase):
    kinds = ("mqtt", "http", "open-mqtt", *KINDS)
    settings = {"app": {**CLIENTS, **RULES}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = bot_token(cls.daemon, "weather")

    def weather(self, client_id="b", kind="bots-mqtt", version=5, token=None, **options):
        return self.plain(client_id, kind, version, user="bot", password=token or self.token, **options)

    def refusal(self, kind="bots-mqtt", version=5, **connect):
        """The reason that a CONNECT is refused for; the connection is closed."""
        peer = self.dialled(kind, version)
        peer.send_connect("b", **connect)
        found = peer.end()
        self.assertEqual([packet.name for packet in found], ["CONNACK"])
        return found[0].reason


class Tokens(BotCase):
    def test_a_token_opens_a_connection_whatever_the_user_name(self):
        for kind in KINDS:
            for version in (5, 4):
                for user in ("bot", "weather", ""):
                    with self.subTest(f"{kind} version {version} user '{user}'"):
                        self.plain("b", kind, version, user=user, password=self.token).stays()
        self.plain("b", "bots-mqtt", 5, password=self.token).stays()  # MQTT 5 can do without

    def test_without_the_token_nobody_comes_in(self):
        wrong = ("", "x", self.token[:-1], self.token + "A", self.token.swapcase(), "A" * len(self.token))
        for kind in KINDS:
            for version, reason in ((5, BAD_PASSWORD), (4, 4)):
                for password in wrong:
                    with self.subTest(f"{kind} version {version} {password[:4]}"):
                        self.assertEqual(self.refusal(kind, version, user="bot", password=password), reason)
                self.assertEqual(self.refusal(kind, version), reason)
                self.assertEqual(self.refusal(kind, version, user="bot"), reason)
        self.weather().stays()

    def test_a_token_of_another_scope_is_none(self):
        self.assertEqual(self.refusal(user="bot", password=bot_token(self.daemon, "reader", "metrics")), BAD_PASSWORD)

    def test_a_token_made_and_revoked_by_the_command_line_tool(self):
        made = self.daemon.command("token", "make", "cli-bot", "--config", self.daemon.configuration)
        token = max(made.split(), key=len)
        self.weather(token=token).stays()
        self.daemon.command("token", "revoke", "cli-bot", "--config", self.daemon.configuration)
        self.assertEqual(self.refusal(user="bot", password=token), BAD_PASSWORD)
        self.weather().stays()

    def test_an_authentication_method_is_refused(self):
        self.assertEqual(self.refusal(props={"authentication_method": "SEALPOST-1"}), 0x8C)

    def test_a_token_is_nothing_to_a_listener_for_clients(self):
        peer = self.dialled("mqtt")
        peer.send_connect("b", user="b", password=self.token)
        self.assertEqual(peer.next().reason, NOT_AUTHORIZED)

    def test_a_guesser_disturbs_nobody(self):
        bot = self.weather(keep=600)
        bot.subscribe("app/to/weather/#")
        self.refusal(user="bot", password="guess")
        bot.stays()


class Rules(BotCase):
    def test_a_bot_publishes_and_subscribes_where_its_name_lets_it(self):
        for kind in KINDS:
            bot = self.weather("one", kind)
            for topic in ("app/of/weather", "app/of/weather/x/y", "app/instance/one"):
                self.assertIn(bot.publish(topic, "x").reason, (0, 0x10), topic)
            for topic in ("app/of/other/x", "app/instance/two", "app/to/weather/x", "app/x", "other", "sp/x/y/outbox"):
                for qos in (1, 2):
                    self.assertEqual(bot.publish(topic, "x", qos).reason, NOT_AUTHORIZED, topic)
            got = bot.subscribe("app/to/weather/#", "app/to/weather", "app/to/+/x", "app/of/weather/#", "#", "app/#",
                                "sp/#", "$SYS/#", "$share/g/app/to/weather/x", "$share/g/app/to/other/x").reasons
            no = NOT_AUTHORIZED
            self.assertEqual(got, [2, 2, no, no, no, no, no, no, 2, no])

    def test_a_client_id_that_would_widen_a_rule_makes_it_void(self):
        for client_id in ("+", "#", "a/b", "x/#"):
            bot = self.weather(client_id)
            self.assertEqual(bot.publish(f"app/instance/{client_id.replace('#', 'x').replace('+', 'x')}", "x").reason,
                             NOT_AUTHORIZED)
            self.assertIn(bot.publish("app/of/weather", "x").reason, (0, 0x10))

    def test_an_older_bot_is_cut_where_it_may_not_publish(self):
        bot = self.weather(version=4)
        bot.send(wire.publish(4, "app/of/other", "x", 1, 1))
        self.assertEqual(bot.end(), [])

    def test_a_will_elsewhere_is_refused(self):
        will = ("app/of/other", "x", 0, False)
        self.assertEqual(self.refusal(user="bot", password=self.token, will=will), NOT_AUTHORIZED)

    def test_rules_change_for_bots_too(self):
        self.addCleanup(self.daemon.reload, self.settings)
        bot, tool = self.weather(keep=600), self.plain()
        bot.subscribe("app/to/weather/#")
        tool.publish("app/to/weather/x", "one", 1)
        self.assertEqual(bot.message().payload, b"one")
        self.daemon.reload({"app": {"bots_publish": [], "bots_subscribe": []}})
        tool.publish("app/to/weather/x", "two", 1)
        self.assertEqual(bot.publish("app/of/weather", "x").reason, NOT_AUTHORIZED)
        bot.stays()
        bot.drop()
        self.assertTrue(self.weather(keep=600).connack.session_present)
        self.daemon.reload(self.settings)
        tool.publish("app/to/weather/x", "three", 1)
        self.weather(keep=600).stays()

    def test_without_rules_a_bot_has_all_of_app(self):
        with self.new_daemon(settings={"app": {"bots_publish": ["app/#"], "bots_subscribe": ["app/#"]}}) as daemon:
            bot = self.plain("b", "bots-mqtt", daemon=daemon, user="", password=bot_token(daemon))
            self.assertEqual(bot.subscribe("app/#", "#", "sp/#").reasons, [2, NOT_AUTHORIZED, NOT_AUTHORIZED])
            bot.publish("app/any/thing", "x", 2)
            self.assertEqual(bot.message().topic, "app/any/thing")
            bot.close()


class AsThePageSays(BotCase):
    """What docs/mqtt.md shows is run as it stands there, but for the port and the token."""
    settings = {"app": {"clients_publish": ["app/to/weather/%c"], "clients_subscribe": ["app/from/weather/%c"]}}

    def page(self):
        with open(os.path.join(ROOT, "docs/mqtt.md"), encoding="utf-8") as file:
            return file.read().replace("1884", str(self.daemon.ports["bots-mqtt"])).replace("TOKEN", self.token)

    def test_the_bot_in_ten_lines_answers(self):
        if not importlib.util.find_spec("paho"):
            self.skipTest("python3-paho-mqtt is not installed")
        code = re.search(r"```python\n(.*?)```", self.page(), re.DOTALL)[1]
        bot = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (bot.kill(), bot.communicate()))
        for version in (5, 4):
            anna = self.proven("anna", version)
            anna.subscribe_app(f"app/from/weather/{anna.permalink}")
            wait_until(lambda anna=anna: self.answers(anna), 20, "the bot has subscribed")
        self.assertIsNone(bot.poll())

    def answers(self, anna):
        anna.publish_to(f"app/to/weather/{anna.permalink}", "and tomorrow?", 2)
        with contextlib.suppress(TimedOut):
            return anna.message(1).payload == b"Rain, I fear: and tomorrow?"

    def test_mosquitto_sub_is_told(self):
        command = re.search(r"^    (mosquitto_sub .*)$", self.page(), re.MULTILINE)[1]
        if not shutil.which("mosquitto_sub"):
            self.skipTest("mosquitto_sub is not installed")
        run = [*shlex.split(command), "-W", str(int(20 * PATIENCE))]
        subprocess.run([*run, "-E"], check=True, timeout=30 * PATIENCE)
        self.plain().publish("app/news", "it rains", 1)
        done = subprocess.run([*run, "-C", "1"], check=True, timeout=30 * PATIENCE, capture_output=True, text=True)
        self.assertEqual(done.stdout, "app/news it rains\n")

    def test_the_rules_of_the_page_are_taken(self):
        rules = re.search(r"^    \[app\]\n((?:    .+\n)+)", self.page(), re.MULTILINE)[1]
        with open(self.daemon.configuration, encoding="utf-8") as file:
            text = re.sub(r"\[app\]\n(?:\w.*\n)+", "", file.read())
        path = os.path.join(self.daemon.folder, "page.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n[app]\n" + textwrap.dedent(rules))
        done = subprocess.run([program("sealpostd"), "--config", path, "--check-config"], capture_output=True, text=True,
                              timeout=30 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)


class Conversation(BotCase):
    def test_a_bot_answers_clients_and_is_answered_for_by_its_name(self):
        for kind in KINDS:
            bot = self.weather("answering", kind, keep=600)
            bot.subscribe("app/to/weather/+")
            for version in (5, 4):
                anna = self.proven("anna", version)
                anna.subscribe_app(f"app/of/weather/{anna.permalink}")
                for qos in (0, 1, 2):
                    anna.publish_to(f"app/to/weather/{anna.permalink}", "rain?", qos)
                    asked = bot.message()
                    self.assertEqual((asked.payload, asked.qos), (b"rain?", qos))
                    bot.publish(asked.topic.replace("/to/", "/of/"), "no", qos)
                    self.assertEqual(anna.message().payload, b"no")
                other = Identity("other").permalink
                if version == 5:
                    self.assertEqual(anna.publish_to(f"app/to/weather/{other}", "x").reason, NOT_AUTHORIZED)
                self.assertEqual(anna.subscribe_app("app/of/weather/+"), [NOT_AUTHORIZED if version == 5 else 0x80])

    def test_what_comes_while_a_bot_is_away_waits_also_over_a_kill(self):
        self.weather("away", keep=600).subscribe("app/to/weather/#")
        anna = self.app_client("anna")
        anna.enter()
        self.weather("away", keep=600).drop()
        for n in range(5):
            anna.publish_to(f"app/to/weather/{anna.permalink}", str(n), 2)
        self.daemon.restart()
        bot = self.weather("away", keep=600)
        self.assertTrue(bot.connack.session_present)
        self.assertEqual([found.payload for found in bot.messages(5)], [b"0", b"1", b"2", b"3", b"4"])

    def test_two_bots_of_the_same_client_id_but_other_names_are_apart(self):
        one, two = self.weather("same", keep=600), self.weather("same", token=bot_token(self.daemon, "second"), keep=600)
        one.stays()
        two.stays()
        again = self.weather("same", keep=600)
        self.assertEqual([packet.reason for packet in one.end()], [0x8E])
        self.assertTrue(again.connack.session_present)
        two.stays()

    def test_bots_share_the_work(self):
        bots = [self.weather(name) for name in ("w1", "w2")]
        for bot in bots:
            bot.subscribe("$share/workers/app/to/weather/+")
        anna = self.proven("anna")
        for n in range(10):
            anna.publish_to(f"app/to/weather/{anna.permalink}", str(n))
        got = [int(found.payload) for bot in bots for found in bot.messages(5)]
        self.assertEqual(sorted(got), list(range(10)))


if __name__ == "__main__":
    runner.main()
