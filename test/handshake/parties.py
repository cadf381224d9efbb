"""The two sides of a handshake and a third party, for vectors.py: keys, identities, and the four objects with any field
altered. All of it is drawn from SEED, so that a second run makes the same bytes.
"""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from signed import Identity, Key, altered, b64, link_of, without  # noqa: E402

SEED = "sealpost handshake 1"
NOW = 1_790_000_000_000  # the server's clock, ms
CLIENT_NOW = NOW - 50_000_000  # the client's is wrong, and it does not matter
ENDPOINT = "mqtts://chat.example.org:8883"
ENDPOINTS = [ENDPOINT, "wss://chat.example.org:443"]
DEVICE = "phone"
INVITE = "welcome to the club"


def drawn(label):
    """32 bytes that nothing but SEED and `label` decides."""
    return hashlib.sha256(f"{SEED}/{label}".encode()).digest()


def key(label):
    return Key(drawn("key " + label))


def listed(purpose, of):
    return {"alg": "ed25519", "purpose": purpose, "pub": of.pub}


def version(name, sign, update, before=None, by=None, time=NOW - 10**9, changes=None, proving=None):
    """A version with one sign key and one update key, after the versions `before`; keys that are new prove themselves."""
    fields = {"_t": "sealpost.Identity", "_time": time, "name": name,
              "pubkeys": [listed("sign", sign), listed("update", update)]}
    old = []
    if before:
        root, last = link_of(before[0]), before[-1]
        fields |= {"_author": root, "_r": root, "_v": last.get("_v", 0) + 1, "_p": link_of(last)}
        old = [without(entry, "proof") for entry in last["pubkeys"]]
    fields = altered(fields, changes)
    new = [one for purpose, one in (("sign", sign), ("update", update)) if listed(purpose, one) not in old]
    return Identity.complete(fields, new if proving is None else proving, by or update)


class Party:
    """An identity of three versions: the second has another sign key, the third also another update key."""

    def __init__(self, name):
        self.name = name
        self.sign = [key(f"{name} sign {n}") for n in range(3)]
        self.update = [key(f"{name} update {n}") for n in range(2)]
        first = version(name, self.sign[0], self.update[0])
        second = version(name, self.sign[1], self.update[0], [first], time=NOW - 10**8)
        third = version(name, self.sign[2], self.update[1], [first, second], self.update[0], NOW - 10**7)
        self.versions = [first, second, third]
        self.permalink = link_of(first)


server, client, other, rogue = Party("server"), Party("client"), Party("other"), Party("rogue")
# What stands in the vectors unless they say otherwise: the client has its first version, the server its first two.
SERVER_VERSIONS, SERVER_KEY, CLIENT_KEY = server.versions[:2], server.sign[1], client.sign[0]
EXPORTER = drawn("exporter")
CLIENT_ID = f"{client.permalink}.{DEVICE}"
SESSION = "5e5510"
LIMITS = {"maxMessage": 262_144, "window": 16, "sessionSeconds": 86_400}


def mark(n, label):
    return {"n": n, "link": drawn(label).hex()}


def hello(changes=None):
    return altered({"_t": "sealpost.Hello", "_time": CLIENT_NOW, "v": 1, "client": client.permalink, "device": DEVICE,
                    "key": CLIENT_KEY.pub, "endpoint": ENDPOINT, "nonce": b64(drawn("client nonce")),
                    "purpose": "connect",
                    "server": {"permalink": server.permalink, "link": link_of(SERVER_VERSIONS[-1])}}, changes)


def challenge(changes=None, of=None, by=None):
    """The answer to the Hello `of`, signed by the server's key or `by` another."""
    of = of or hello()
    return (by or SERVER_KEY).sign(altered(
        {"_t": "sealpost.Challenge", "_author": server.permalink, "_time": NOW, "hello": link_of(of),
         "client": of.get("client", client.permalink), "nonce": b64(drawn("server nonce")), "received": NOW,
         "expires": NOW + 30_000, "limits": LIMITS, "identity": [], "binding": True}, changes))


def proof(changes=None, of=None, by=None):
    """The answer to the Challenge `of`."""
    return (by or CLIENT_KEY).sign(altered(
        {"_t": "sealpost.Proof", "_author": client.permalink, "_time": CLIENT_NOW + 40,
         "challenge": link_of(of or challenge()), "binding": b64(EXPORTER),
         "position": {"log": "log-1", "sent": mark(3, "in 3"), "received": mark(5, "out 5")}}, changes))


def welcome(changes=None, of=None, by=None):
    """The answer to the Proof `of`."""
    return (by or SERVER_KEY).sign(altered(
        {"_t": "sealpost.Welcome", "_author": server.permalink, "_time": NOW + 60, "proof": link_of(of or proof()),
         "session": SESSION, "epoch": 7, "expires": NOW + 86_400_000, "reauthAfter": NOW + 69_120_000,
         "identity": link_of(client.versions[0]),
         "position": {"received": mark(3, "in 3"), "sent": mark(9, "out 9"), "acked": 5}, "light": "drain",
         "log": {"id": "log-1", "head": 99}}, changes))
