"""What system tests share: a case with a server of its own, and short words for what clients do."""
import hashlib
import os
import subprocess
import sys
import time
import unittest

from daemon import PATIENCE, Daemon
from sealpost_client import Client, Refused, Rejected
from signed import Identity, b64, link_of, now_ms

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECKER = os.path.join(ROOT, "test/ledger/check.py")
LEDGER_CLIENT = os.path.join(ROOT, "test/support/ledger_client.py")

# Tests come from one address and register many identities.
GENEROUS = {"limits": {"registrations_per_hour": 1_000_000, "signature_checks_per_second": 1_000_000},
            "bot": {"retry_delay_ms_min": 20, "retry_delay_ms_max": 200}}


def merged(*all_settings):
    result = {}
    for settings in all_settings:
        for section, values in (settings or {}).items():
            result.setdefault(section, {}).update(values)
    return result


def note(text="hello", **more):
    return {"_t": "demo.Note", "text": text, **more}


class ServerCase(unittest.TestCase):
    """One server for all tests of a class, with clients that are closed at the end of each test."""
    kinds, bot, settings = ("mqtt", "http"), "echo", {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.new_daemon().start()

    @classmethod
    def new_daemon(cls, **options):
        settings = merged(GENEROUS, cls.settings, options.pop("settings", {}))
        return Daemon(options.pop("kinds", cls.kinds), options.pop("bot", cls.bot), settings, **options)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__(None, None, None)

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures:
            print(f"the daemon's last words:\n{self.daemon.log_tail(15)}", flush=True)

    def client(self, identity=None, kind="mqtt", daemon=None, **options):
        """A client that has not dialled yet."""
        daemon = daemon or self.daemon
        client = Client(identity or Identity("someone"), daemon.endpoint(kind), certificate=daemon.certificate,
                        timeout=15 * PATIENCE, **options)
        self.addCleanup(client.close)
        return client

    def person(self, name="someone", **options):
        """A client with an identity of its own, logged in and subscribed."""
        client = self.client(Identity(name), **options)
        client.login()
        return client

    def again(self, client, **login):
        """The same device on a new connection, with all that it remembers; gives (client, Welcome)."""
        other = Client(client.identity, client.endpoint, client.device, client.version, client.memory, client.timeout,
                       client.certificate)
        self.addCleanup(other.close)
        return other, other.login(**login)

    def other_device(self, client, **login):
        """Another device of the same identity, logged in."""
        other = self.client(client.identity)
        other.login(**login)
        return other

    def echoed(self, client, text="hello"):
        """Says `text` to the bot, and checks that the echo comes back; gives the message's ack."""
        message = client.compose(client.server, note(text))
        ack = client.deliver(message)
        reply = client.take_reply(link_of(message))
        self.assertEqual(reply["object"], {"_t": "demo.Echo", "echo": message["object"]})
        return ack

    def assert_rejected(self, code, client, message):
        """The server rejects `message` (fields or bytes) with `code`, and the connection lives on; gives the reject."""
        try:
            client.wait_answer(client.publish(message))
        except Rejected as rejected:
            self.assertEqual(rejected.code, code)
            self.assertTrue(client.stays_open(), "the connection should live on after a reject")
            return rejected.reject
        raise AssertionError(f"accepted, where {code} was due")

    def assert_refused(self, function, *arguments, reason=None, **options):
        try:
            result = function(*arguments, **options)
        except Refused as refused:
            if reason is not None:
                self.assertEqual(refused.reason, reason)
            return refused
        raise AssertionError(f"not refused: {result}")


def checked(paths):
    """(status, output) of the checker over the ledgers `paths`."""
    done = subprocess.run([sys.executable, CHECKER, *paths], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds * PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return value


def bot_token(daemon, name="test-bot", scope="bot"):
    """A token for a bot, written into the tokens file as `sealpost token` writes it."""
    token = b64(os.urandom(32))
    digest = hashlib.sha256(token.encode()).hexdigest()
    with open(os.path.join(daemon.data_dir, "tokens"), "a", encoding="utf-8") as file:
        file.write(f"{name} {scope} {digest} {now_ms()}\n")
    return token
