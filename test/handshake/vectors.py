#!/usr/bin/python3
"""Makes the golden vectors of the handshake, proto/vectors/handshake-1.jsonl, from the protocol alone: what comes of each
is known from what was done to it, not from any server.

    test/handshake/vectors.py           write the file
    test/handshake/vectors.py --check   compare the file with what this makes, and count what it holds
    test/handshake/vectors.py --counts  how many vectors there are of each field and each outcome

The last line is `N passed, N failed, N skipped`: the file, and one for each field and each outcome that has its vectors.
"""
import json
import os
import sys

sys.dont_write_bytecode = True
import client_cases  # noqa: E402
import identity_cases  # noqa: E402
import parties  # noqa: E402
import server_cases  # noqa: E402
from collection import Vectors  # noqa: E402
from signed import canonical_text, link_of, unb64  # noqa: E402

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proto/vectors/handshake-1.jsonl")
ABOUT = ("The handshake SEALPOST-1, one vector a line after this one: a server judges Hello and Proof, a client "
         "Challenge and Welcome. What a vector does not say of itself is as in `stage`. "
         "vectors/README.md has the rest.")
LEAST = 20  # vectors of each field and of each outcome
FIELDS = {
    "Hello": "_t v client device key server endpoint nonce purpose session _time _author _s text",
    "Challenge": "_t _author _time hello client nonce received expires limits identity binding _s text",
    "Proof": "_t _author _time challenge binding position from identity invite _s text",
    "Welcome": "_t _author _time proof session epoch expires reauthAfter identity position light log _s text"}
OUTCOMES = ("ok malformed wrong_client_id wrong_endpoint wrong_purpose wrong_challenge expired wrong_author wrong_key "
            "bad_signature wrong_binding bad_identity identity_fork unknown_client not_registered too_many wrong_server")


def stage():
    people = {name: getattr(parties, name) for name in ("server", "client")}
    return {
        "identities": {f"{name}.{n}": version for name, who in people.items() for n, version in enumerate(who.versions)},
        "signSeeds": {name: [one.seed.hex() for one in who.sign] for name, who in people.items()},
        "known": ["client.0"], "server": ["server.0", "server.1"], "serverKey": 1, "pinned": ["server.0", "server.1"],
        "clientKey": 0, "client": parties.client.permalink, "device": parties.DEVICE, "clientId": parties.CLIENT_ID,
        "endpoint": parties.ENDPOINT, "endpoints": parties.ENDPOINTS, "purposes": ["connect"],
        "registration": {"policy": "open"}, "exporter": parties.EXPORTER.hex(), "limits": parties.LIMITS,
        "serverNonce": unb64(parties.challenge()["nonce"]).hex(), "clientNonce": unb64(parties.hello()["nonce"]).hex(),
        "now": parties.NOW, "clientNow": parties.CLIENT_NOW, "hello": canonical_text(parties.hello()),
        "challenge": canonical_text(parties.challenge()), "proof": canonical_text(parties.proof()),
        "welcome": canonical_text(parties.welcome()), "links": {
            kind: link_of(getattr(parties, kind)()) for kind in ("hello", "challenge", "proof", "welcome")}}


def made():
    vectors = Vectors()
    for cases in (server_cases, identity_cases, client_cases):
        cases.all_of_them(vectors)
    head = {"about": ABOUT, "generator": "test/handshake/vectors.py", "seed": parties.SEED, "count": len(vectors.rows),
            "stage": stage()}
    lines = [json.dumps(each, ensure_ascii=True, separators=(",", ":")) for each in [head, *vectors.rows]]
    return "\n".join(lines) + "\n", vectors.counts()


def few(counts):
    """What there are too few vectors of."""
    wanted = [("field", f"{kind}.{name}") for kind, names in FIELDS.items() for name in names.split()]
    wanted += [("outcome", name) for name in OUTCOMES.split()]
    return len(wanted), [(*each, counts.get(each, 0)) for each in wanted if counts.get(each, 0) < LEAST]


def main():
    text, counts = made()
    if sys.argv[1:] == ["--counts"]:
        print("\n".join(f"{number:6} {kind} {name}" for (kind, name), number in sorted(counts.items())))
        return 0
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__)
        return 2
    if not sys.argv[1:]:
        with open(FILE, "w", encoding="ascii") as file:
            file.write(text)
    with open(FILE, encoding="ascii") as file:
        same = file.read() == text
    if not same:
        print("proto/vectors/handshake-1.jsonl is not what test/handshake/vectors.py makes: run it")
    wanted, lacking = few(counts)
    for kind, name, number in lacking:
        print(f"only {number} vectors of the {kind} {name}")
    failed = len(lacking) + (not same)
    print(f"{wanted + 1 - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
