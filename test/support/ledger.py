"""A client's own ledger: one JSON line for each thing it is about to do or has learnt, synced before the next step.

    self      who this device is, with the seeds of its keys (a test's keys)
    peer      an identity this device writes to
    connect   a connection is begun
    welcome   the handshake is done: the server's permalink and the Welcome's positions
    intent    a signed message, synced before its first byte is sent; the same bytes are sent again until answered
    ack       the server has it: synced as soon as it is read
    reject    the server refused it
    received  a delivery, synced before its PUBACK
    closed    the connection ended, however

test/ledger/check.py judges a run by these files alone.
"""
import fcntl
import json
import os

from signed import Identity, link_of, now_ms
from sealpost_client import Mark, Memory


class Ledger:
    """Appends whole lines; what a crash tore off at the end was never acted on, and is cut off when opened."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        whole = self._read().rfind(b"\n") + 1
        os.ftruncate(self.file, whole)

    def _read(self):
        with open(self.path, "rb") as file:
            return file.read()

    def note(self, kind, **fields):
        line = json.dumps({"kind": kind, "at": now_ms(), **fields}, separators=(",", ":"), ensure_ascii=False) + "\n"
        os.write(self.file, line.encode())
        os.fsync(self.file)

    def close(self):
        os.close(self.file)


def entries(path):
    """What the ledger at `path` says so far; a torn last line is left out. May be read while it is written."""
    with open(path, "rb") as file:
        raw = file.read()
    return [json.loads(line) for line in raw[:raw.rfind(b"\n") + 1].splitlines()]


def create(path, name, device=None, identity=None):
    """A new device with its ledger; with `identity`, another device of that identity."""
    identity = identity or Identity(name)
    book = Ledger(path)
    if os.path.getsize(path) == 0:
        book.note("self", permalink=identity.permalink, device=device or "d" + os.urandom(6).hex(), name=name,
                  sign=identity.sign_key.seed.hex(), update=identity.update_key.seed.hex(),
                  created=identity.versions[0]["_time"])
    book.close()
    return identity


class History:
    """All that a restarted client knows: rebuilt from the ledger alone."""

    def __init__(self, path):
        self.identity = self.device = self.server = None
        self.memory, self.outbox = Memory(), []  # outbox: (Mark, text) not yet answered
        self.peers, self.said = [], 0
        for entry in entries(path):
            getattr(self, "_" + entry["kind"], lambda entry: None)(entry)

    def _self(self, entry):
        self.identity = Identity(entry["name"], bytes.fromhex(entry["sign"]), bytes.fromhex(entry["update"]),
                                 entry["created"])
        self.device = entry["device"]

    def _peer(self, entry):
        self.peers.append(entry["permalink"])

    def _welcome(self, entry):
        self.memory.log, self.memory.server = entry["log"], entry["identity"]
        self.memory.confirmed = True
        if not self.memory.received.n:
            self.memory.received = Mark(entry["acked"])

    def _intent(self, entry):
        fields = json.loads(entry["bytes"])
        mark = Mark(fields["_n"], link_of(fields))
        self.outbox.append((mark, entry["bytes"]))
        self.memory.head, self.memory.head_time = mark, fields["_time"]
        self.said += 1

    def _ack(self, entry):
        self.memory.sent = Mark(entry["n"], entry["link"])
        self.outbox = [item for item in self.outbox if item[0].n > entry["n"]]

    def _reject(self, entry):
        self.void(entry.get("link"))

    def void(self, link):
        """The message `link` was refused by name: it and those signed after it are void, and its number is free."""
        refused = [mark.n for mark, _ in self.outbox if mark.link == link]
        if refused:
            kept = [item for item in self.outbox if item[0].n < refused[0]]
            self.said -= len(self.outbox) - len(kept)
            self.outbox = kept
            self.memory.head = kept[-1][0] if kept else self.memory.sent

    def _received(self, entry):
        fields = json.loads(entry["bytes"])
        self.memory.received = Mark(fields["_n"], link_of(fields))
        payload = fields["object"]
        if payload["_t"] == "sealpost.Identity":
            self.memory.peers.setdefault(payload.get("_r") or link_of(payload), []).append(payload)
