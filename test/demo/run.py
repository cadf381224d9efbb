#!/usr/bin/env python3
"""The unattended demo: Alice, Bob and the echo bot talk through a real server, which is killed with kill -9 in the
middle and started again; then every message is accounted for, from the ledgers that Alice and Bob keep themselves.

Exit status 0: nothing was lost, doubled or out of order. 1: something was, or the demo could not be held.
The programs are taken from the folder SEALPOST_BIN.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
import ledger  # noqa: E402
from daemon import Daemon, StartFailed  # noqa: E402
from ledger_client import introduce  # noqa: E402
from signed import link_of  # noqa: E402

CLIENT = os.path.join(HERE, "../support/ledger_client.py")
CHECKER = os.path.join(HERE, "../ledger/check.py")
PEOPLE = ("Alice", "Bob")
MESSAGES = 200  # of each
SECONDS = 60    # for each part


class DemoFailed(Exception):
    pass


def say(text):
    print(text, flush=True)


class Page:
    """What one ledger says at this moment."""

    def __init__(self, path):
        self.intents, self.answered, self.replied, self.server = {}, set(), set(), None
        for entry in ledger.entries(path):
            self.take(entry)

    def take(self, entry):
        kind = entry["kind"]
        if kind == "welcome":
            self.server = entry["server"]
        elif kind == "intent":
            fields = json.loads(entry["bytes"])
            self.intents[link_of(fields)] = (entry["at"], fields["_recipient"])
        elif kind in ("ack", "reject"):
            self.answered.add(entry["link"])
        elif kind == "received":
            self.replied.add(json.loads(entry["bytes"]).get("inReplyTo"))

    def unanswered(self, before_ms):
        return [link for link, (at, _) in self.intents.items() if at < before_ms and link not in self.answered]

    def undelivered(self):
        return [link for link, (_, to) in self.intents.items()
                if to == self.server and link in self.answered and link not in self.replied]


class Demo:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-demo-")
        self.daemon = Daemon(folder=self.folder)
        self.paths = {name: os.path.join(self.folder, name + ".ledger") for name in PEOPLE}
        self.over = os.path.join(self.folder, "over")
        self.clients = {}

    def pages(self):
        return [Page(path) for path in self.paths.values()]

    def wait(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while not condition():
            for name, client in self.clients.items():
                if client.poll() is not None:
                    raise DemoFailed(f"{name}'s client ended with status {client.returncode}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{what} did not happen in {SECONDS} seconds")
            time.sleep(0.02)

    def start(self):
        begun = time.monotonic()
        self.daemon.start()
        say(f"  The server runs, process {self.daemon.pid}, ready after {time.monotonic() - begun:.2f} s.")

    def let_them_talk(self):
        permalinks = {}
        for name, path in self.paths.items():
            ledger.create(path, name)
            permalinks[name] = introduce(path, self.daemon.endpoint())
        for name, path in self.paths.items():
            peers = [argument for other, link in permalinks.items() if other != name for argument in ("--peer", link)]
            command = [sys.executable, CLIENT, path, self.daemon.endpoint(), *peers, "--messages", str(MESSAGES),
                       "--reading-ms", "2", "--until", self.over]
            self.clients[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        say("  Alice and Bob have joined; each writes to the bot and to the other, in turn.")

    def kill_in_the_middle(self):
        """Freezes the server to look at the ledgers, and kills it where they show work in hand: a message that was on
        its way before the freeze and is unanswered, and a reply that has not arrived. Otherwise lets it go on,
        and looks again."""
        self.wait(lambda: all(len(page.answered) > MESSAGES // 8 for page in self.pages()), "the conversation")
        for _ in range(400):
            if all(len(page.intents) >= MESSAGES for page in self.pages()):
                break
            before_ms = time.time_ns() // 1_000_000
            self.daemon.signal(signal.SIGSTOP)
            time.sleep(0.05)  # what the server sent until now is read and noted
            pages = self.pages()
            unanswered = sum(len(page.unanswered(before_ms)) for page in pages)
            undelivered = sum(len(page.undelivered()) for page in pages)
            if unanswered and undelivered:
                self.daemon.kill9()
                return unanswered, undelivered
            self.daemon.signal(signal.SIGCONT)
            time.sleep(0.003)
        raise DemoFailed("the server was never busy: there was no moment at which a kill would have shown anything")

    def verdict(self):
        command = [sys.executable, CHECKER, *self.paths.values()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout.strip()

    def all_said_and_done(self):
        return all(len(page.intents) >= MESSAGES for page in self.pages()) and self.verdict()[0] == 0

    def finish(self):
        try:
            self.wait(self.all_said_and_done, "the end of the conversation, with every message accounted for,")
        except DemoFailed as failure:
            raise DemoFailed(f"{failure}\n{self.verdict()[1]}") from None
        open(self.over, "w").close()
        for name, client in self.clients.items():
            if client.wait(SECONDS):
                raise DemoFailed(f"{name}'s client ended with status {client.returncode}")
        status, text = self.verdict()
        if status:
            raise DemoFailed(text)
        return text

    def close(self):
        for client in self.clients.values():
            if client.poll() is None:
                client.kill()
                client.wait(10)
        if self.daemon.running:
            self.daemon.signal(signal.SIGCONT)
            self.daemon.kill9()


def hold(demo):
    say("Sealpost's demo: two clients and a bot talk, the server is killed in the middle, and nothing may be lost.\n")
    demo.start()
    demo.let_them_talk()
    unanswered, undelivered = demo.kill_in_the_middle()
    say(f"  kill -9! The ledgers of Alice and Bob show {unanswered} messages on their way and not acknowledged, and "
        f"{undelivered} replies not delivered.")
    demo.start()
    verdict = demo.finish()
    if demo.daemon.terminate():
        raise DemoFailed("the server did not stop cleanly")
    demo.daemon.must_be_clean()
    pages = demo.pages()
    to_bot = sum(to == page.server for page in pages for _, to in page.intents.values())
    written = sum(len(page.intents) for page in pages)
    say(f"\nAlice and Bob wrote {written} messages, {to_bot} to the bot and the rest to each other.\nThe server "
        "acknowledged every one; every one to the bot was answered, once and in order; every one to the other\n"
        f"arrived, once and in order. The checker, which reads only the two ledgers, says:\n  {verdict}")


def main():
    demo = Demo()
    try:
        hold(demo)
    except (DemoFailed, StartFailed, AssertionError, RuntimeError, OSError) as failure:
        say(f"\nThe demo failed: {failure}\nLedgers and the server's log are in {demo.folder}.")
        return 1
    finally:
        demo.close()
    shutil.rmtree(demo.folder)
    say("\nNothing was lost.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
