"""People with ledgers in the test's own process, who talk until each has what is due to it."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../ledger"))
import check  # noqa: E402
import ledger  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from ledger_client import Correspondent  # noqa: E402
from sealpost_client import Closed  # noqa: E402
from signed import link_of  # noqa: E402


class Talker(Correspondent):
    """Knows what must still come of its messages, and of those of others to it: `due`, link -> who will get it."""

    def __init__(self, due, path, endpoint, **options):
        super().__init__(path, endpoint, **options)
        self.due, self.connected = due, False

    def write(self, to, payload):
        super().write(to, payload)
        link = self.outbox[-1][0].link
        self.due[link] = self.client.permalink if to == self.client.server else to

    def _rejected(self, reject):
        before = {mark.link for mark, _ in self.outbox}
        super()._rejected(reject)
        for link in before - {mark.link for mark, _ in self.outbox}:
            self.due.pop(link, None)

    def _received(self, delivery):
        fields = delivery.fields
        inner = fields["object"]
        cause = link_of(inner) if inner["_t"] == "sealpost.Message" else fields.get("inReplyTo")
        if self.due.get(cause) == self.client.permalink:
            del self.due[cause]
        super()._received(delivery)  # notes it before the PUBACK, which may find the connection broken

    def connect(self):
        super().connect()
        self.connected = True

    def lost(self, reason):
        self.connected = False
        super().lost(reason)


class Talk:
    """Some Talkers. `ways`: {name: endpoint}."""

    def __init__(self, folder, ways, certificate=None, timeout=15):
        self.due, self.talkers, self.paths = {}, [], []
        for name, endpoint in ways.items():
            path = os.path.join(folder, f"{name}-{os.urandom(4).hex()}.ledger")
            ledger.create(path, name)
            self.paths.append(path)
            self.talkers.append(Talker(self.due, path, endpoint, certificate=certificate, timeout=timeout * PATIENCE))

    def connect(self):
        for talker in self.talkers:
            if not talker.connected:
                talker.connect()

    def step(self):
        for talker in self.talkers:
            if talker.connected:
                talker.step(0.002)

    def done(self):
        return not self.due and not any(talker.outbox for talker in self.talkers)

    def finish(self, seconds=30):
        """Connects where need be, until all is answered and delivered. Closed where a connection ends."""
        self.connect()
        self.until(self.done, seconds)

    def until(self, condition, seconds=30):
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {len(self.due)} messages have not led to what is due, "
                                     f"{sum(len(talker.outbox) for talker in self.talkers)} are not answered")
            self.step()

    def hang_up(self):
        """All connections end, as those of a server that is dead."""
        for talker in self.talkers:
            if talker.connected:
                talker.lost("the server is dead")

    def verdict(self):
        """(verdict, findings) of the checker over these ledgers."""
        run = check.Run(self.paths)
        return run.judge(), run.findings

    def close(self):
        for talker in self.talkers:
            talker.client.close()
            talker.ledger.close()


def finish_in_spite_of(talk, restart, tries=20):
    """finish(), where connections may break: then restart() and once more."""
    for _ in range(tries):
        try:
            return talk.finish()
        except Closed:
            restart()
    raise AssertionError(f"{tries} times the connections broke")
