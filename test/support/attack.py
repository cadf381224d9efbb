"""What tests of attacks on the handshake share: each is refused for a cause that the log names, and an honest client, whose
session was there before, goes on undisturbed.
"""
import time

from rest import Rest
from system import ServerCase, wait_until

NOT_AUTHORIZED = 0x87
CAUSES_PER_SECOND = 10  # that the server writes down


class AttackCase(ServerCase):
    kinds = ("mqtt", "mqtts", "http", "health-http")

    def setUp(self):
        self.honest = self.person("honest")
        self.epoch = self.honest.welcome_got["epoch"]
        self.before = self.daemon.counter("handshakes_failed_total")
        self.failures, self.last_failure = 0, 0.0

    def tearDown(self):
        """The session that was there before is the same, and was asked for by nobody else."""
        self.assertEqual(self.daemon.counter("handshakes_failed_total") - self.before, self.failures)
        self.assertIsNone(self.honest.goodbye)
        self.echoed(self.honest)
        self.assertEqual(self.honest.reauthenticate()["epoch"], self.epoch)
        self.daemon.must_be_clean()

    def challenged(self, identity=None, purpose="connect", changes=None, **options):
        client = self.client(identity, **options).dial()
        client.send_connect(client.hello(purpose, changes))
        client.wait_challenge()
        return client

    def copy_of(self, victim):
        """A client that claims to be the victim's device, and knows whatever it has said."""
        thief = self.client(victim.identity, device=victim.device)
        thief.memory.server, thief.memory.confirmed = victim.memory.server, victim.memory.confirmed
        return thief

    def replays(self, victim, hello):
        """A thief that says the victim's own `hello` again, and has a Challenge for it."""
        thief = self.copy_of(victim).dial()
        thief.memory.server, thief.hello_sent = [], hello
        thief.send_connect(hello)
        thief.wait_challenge()
        return thief

    def rest(self):
        return Rest(self.daemon.rest_base)

    # What must come of an attack.

    def names_cause(self, client_id, causes, seen):
        """The server's log has one more failure of `client_id`, for one of `causes`."""
        words = f"handshake of {client_id} from 127.0.0.1 failed: "
        lines = wait_until(lambda: self.daemon.log().split(words)[seen + 1:], 5, f"{client_id}: {causes} in the log")
        self.assertIn(lines[0].split()[0].strip('"'), causes.split())
        self.failures += 1
        self.last_failure = time.monotonic()

    def refuses(self, causes, who, attempt):
        """`attempt` ends with 0x87 or HTTP 401, and the log names one of `causes` for `who`."""
        while time.monotonic() < self.last_failure + 1.2 / CAUSES_PER_SECOND:
            time.sleep(0.01)
        seen = self.daemon.log().count(f"handshake of {who} from 127.0.0.1 failed: ")
        refused = self.assert_refused(attempt)
        self.assertIn(refused.reason, (NOT_AUTHORIZED, 401), refused)
        if refused.reason == 401:
            self.assertEqual(refused.code, "not_authorized")
        self.names_cause(who, causes, seen)

    def refuses_proof(self, causes, client, proof):
        def attempt():
            client.send_auth(proof)
            return client.wait_welcome()
        self.refuses(causes, client.client_id, attempt)

    def refuses_hello(self, causes, client, hello, **options):
        client.dial()

        def attempt():
            client.send_connect(hello, **options)
            return client.wait_challenge()
        self.refuses(causes, client.client_id, attempt)

    def refuses_rest(self, causes, path, body, who="?"):
        self.refuses(causes, who, lambda: self.rest().post(f"/v1/auth/{path}", body).must())
