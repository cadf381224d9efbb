#!/usr/bin/python3
"""A client that may be killed at any moment: all it knows is in its ledger, and it goes on from there.

    ledger_client.py LEDGER ENDPOINT [--messages N] [--rate N] [--peer PERMALINK]... [--hush FILE] [--until FILE] ...

Writes up to N messages, in turn to the bot and to each peer, several in flight; sends again what was not answered;
takes every delivery. Writes nothing new once the file of --hush exists. Reconnects for ever, and ends when the file of
--until exists and nothing waits (status 0), or when its lane is shut (status 3).
"""
import argparse
import http.client
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mqtt_wire as wire  # noqa: E402
from ledger import History, Ledger  # noqa: E402
from rest import ticket_for  # noqa: E402
from sealpost_client import Client, Closed, Mark, Refused, TimedOut, Violation  # noqa: E402
from signed import canonical_text, link_of  # noqa: E402

WINDOW = 16


class Shut(Exception):
    """The lane is over: the two histories differ."""


class Correspondent:
    """Drives a Client by its ledger. `connect` and `step` raise Closed when the connection ends."""

    def __init__(self, path, endpoint, certificate=None, rest=None, reading_ms=0, client_type=Client, timeout=15):
        self.ledger, self.history = Ledger(path), History(path)
        self.reading_s, self.rest = reading_ms / 1000, rest
        version = 4 if rest else 5
        self.client = client_type(self.history.identity, endpoint, self.history.device, version,
                                  self.history.memory, timeout, certificate)
        self.peers = list(self.history.peers)
        self.green = False
        self.drain_to = 0
        self.sent_here = {}  # link -> n, of what was sent on this connection and not yet answered

    @property
    def outbox(self):
        return self.history.outbox

    def add_peer(self, permalink):
        if permalink not in self.peers:
            self.ledger.note("peer", permalink=permalink)
            self.peers.append(permalink)

    def connect(self):
        self.ledger.note("connect", endpoint=self.client.endpoint)
        self.sent_here, self.green = {}, False
        try:
            welcome = self._shake_hands()
            self._keep(welcome)
            self.client.subscribe()
            self._settle()  # a session that was kept delivers before the SUBACK, and perhaps nothing after it
        except (Closed, TimedOut, Refused, OSError, http.client.HTTPException) as error:  # the latter two: of REST
            self.lost(error)
            raise Closed(str(error)) from error

    def _shake_hands(self):
        if not self.rest:
            return self.client.dial().handshake(props={"receive_maximum": WINDOW})
        welcome = ticket_for(self.client, self.rest)
        self.client.dial().connect_with_ticket(self.client.ticket)
        self.client.welcome_got = welcome
        return welcome

    def _keep(self, welcome):
        position = welcome["position"]
        entry = {"server": self.client.server, "identity": self.client.memory.server, "log": welcome["log"]["id"],
                 "epoch": welcome["epoch"], "light": welcome["light"], "received": position["received"],
                 "sent": position["sent"], "acked": position["acked"]}
        self.ledger.note("welcome", **entry)
        if not self.client.memory.received.n:
            self.client.memory.received = Mark(position["acked"])
        if welcome["light"] == "shut":
            raise Shut()
        self.green, self.drain_to = welcome["light"] == "green", position["sent"]["n"]
        self._server_holds(Mark.of(position["received"]))

    def _server_holds(self, received):
        """What the server has already is not sent again."""
        for mark, _ in list(self.outbox):
            if mark.n <= received.n:
                self._acknowledged({"n": mark.n, "link": mark.link, "via": "welcome"})

    def _acknowledged(self, entry):
        self.ledger.note("ack", **entry)
        self.client.memory.sent = Mark(entry["n"], entry["link"])
        self.history.outbox = [item for item in self.outbox if item[0].n > entry["n"]]

    def write(self, to, payload):
        """Signs and notes the next message; it is sent when its turn comes."""
        message = self.client.compose(to, payload)
        text = canonical_text(message)
        self.ledger.note("intent", bytes=text)
        self.outbox.append((Mark(message["_n"], link_of(message)), text))
        self.history.said += 1

    def send_waiting(self):
        """Sends from the outbox while the window has room."""
        for mark, text in self.outbox:
            if not self.green or len(self.sent_here) >= WINDOW:
                return
            if mark.link not in self.sent_here:
                self.sent_here[mark.link] = mark.n
                self.client.in_flight[self.client.publish(text)] = mark.link

    def step(self, wait_s=0.05):
        """Sends what may be sent, and deals with at most one packet. True where there was one."""
        try:
            self.send_waiting()
            self.client.packet(wait_s)
        except TimedOut:
            return False
        except Closed as error:
            self.lost(error)
            raise
        if self.client.goodbye:
            self.lost(f"DISCONNECT {self.client.goodbye.reason:#x}")
            raise Closed("the server said goodbye")
        self._settle()
        return True

    def _settle(self):
        client = self.client
        for ack in list(client.acks.values()):
            if any(mark.link == ack["link"] for mark, _ in self.outbox):
                self._acknowledged({name: ack[name] for name in ("n", "link", "event", "hash", "time")})
            self.sent_here.pop(ack["link"], None)
        client.acks.clear()
        for reject in client.rejects:
            self._rejected(reject)
        client.rejects.clear()
        for number in list(client.pubacks):
            self._answered(client.pubacks.pop(number), client.in_flight.pop(number, None))
        while client.inbox:
            self._received(client.check(client.inbox.popleft()))
        if client.lights:
            self.green = client.lights[-1] == "green"
            if client.lights[-1] == "shut":
                raise Shut()
            client.lights.clear()

    def _answered(self, puback, link):
        """A PUBACK: in MQTT 5 it says yes or no itself, and is the answer where the ack or reject topic was lost."""
        mark = next((mark for mark, _ in self.outbox if mark.link == link), None)
        if mark and self.client.version == 5:
            if puback.reason < 0x80:
                self._acknowledged({"n": mark.n, "link": link, "via": "puback"})
            else:
                self._rejected({"link": link, "n": mark.n, "code": dict(puback.props["user_property"])["code"]})
        self.sent_here.pop(link, None)

    def _rejected(self, reject):
        """The refused message and those after it are void. As `said` falls, it is said anew."""
        if any(mark.link == reject.get("link") for mark, _ in self.outbox):
            self.ledger.note("reject", link=reject["link"], n=reject.get("n"), code=reject["code"])
            self.history.void(reject["link"])
            kept = {mark.link for mark, _ in self.outbox}
            self.sent_here = {link: n for link, n in self.sent_here.items() if link in kept}

    def _received(self, delivery):
        self.ledger.note("received", bytes=delivery.text)
        if self.reading_s:
            time.sleep(self.reading_s)  # a reader that takes its time
        self.client.store(delivery)

    def lost(self, reason):
        self.ledger.note("closed", reason=str(reason))
        self.client.close()

    def close(self):
        if self.client.pipe:
            try:
                self.client.send(wire.disconnect(self.client.version))
            except (Closed, TimedOut):
                pass
        self.client.close()
        self.ledger.note("closed", reason="by myself")
        self.ledger.close()


def introduce(path, endpoint, **options):
    """Connects once, so that the server knows the identity; gives its permalink."""
    correspondent = Correspondent(path, endpoint, **options)
    correspondent.connect()
    correspondent.close()
    return correspondent.client.permalink


def say_next(correspondent, messages):
    """Writes up to a total of `messages`, to the bot and the peers in turn, while the window has room."""
    history = correspondent.history
    while history.said < messages and len(correspondent.outbox) < WINDOW:
        targets = [correspondent.client.server, *correspondent.peers]
        payload = {"_t": "demo.Note", "text": f"{history.identity.name} says {history.said + 1}"}
        correspondent.write(targets[history.said % len(targets)], payload)


class Pace:
    """How many messages may have been written by now."""

    def __init__(self, options, said):
        self.options, self.said_before, self.begun = options, said, time.monotonic()

    def allowed(self):
        if os.path.exists(self.options.hush):
            return 0
        if not self.options.rate:
            return self.options.messages
        paced = self.said_before + 1 + int((time.monotonic() - self.begun) * self.options.rate)
        return min(self.options.messages, paced)


def run(correspondent, options):
    pace = Pace(options, correspondent.history.said)
    while True:
        try:
            correspondent.connect()
            while True:
                say_next(correspondent, pace.allowed())
                busy = correspondent.step(0.01 if options.rate else 0.05)
                if not busy and not correspondent.outbox and os.path.exists(options.until):
                    correspondent.close()
                    return 0
        except Closed:
            if not correspondent.outbox and os.path.exists(options.until):
                return 0
            time.sleep(0.05)
        except Shut:
            correspondent.lost("shut")
            return 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger")
    parser.add_argument("endpoint")
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: as fast as they are answered")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--reading-ms", type=float, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--rest", help="speak MQTT 3.1.1 with a ticket from this base URL")
    parser.add_argument("--hush", default="/nonexistent")
    parser.add_argument("--until", default="/nonexistent")
    options = parser.parse_args()
    correspondent = Correspondent(options.ledger, options.endpoint, options.certificate, options.rest,
                                  options.reading_ms)
    for peer in options.peer:
        correspondent.add_peer(peer)
    try:
        return run(correspondent, options)
    except Violation as violation:
        correspondent.ledger.note("violation", text=str(violation))
        print(f"{options.ledger}: {violation}", file=sys.stderr)
        return 4


if __name__ == "__main__":
    sys.exit(main())
