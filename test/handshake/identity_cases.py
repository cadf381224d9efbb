"""What a Proof brings of its author's identity, and who may register, for vectors.py."""
import hashlib

from parties import (INVITE, NOW, challenge, client, drawn, hello, key, listed, other, proof, server, version)
from signed import ABSENT, Identity, altered, b64, canonical_text, link_of, without
from values import another_kind

FIRST, SECOND, THIRD = client.versions
SIGN, UPDATE = client.sign, client.update


def brings(vectors, case, outcome, versions, field="identity", **given):
    more = given.pop("more", {})
    vectors.add("Proof", field, case, outcome, proof({"identity": versions, **more}), **given)


def by_key(signer, versions, more=None):
    """A run whose Hello names the key of `signer`: (the Proof, the Hello as text)."""
    of = hello({"key": signer.pub})
    return proof({"identity": versions, **(more or {})}, of=challenge(of=of), by=signer), canonical_text(of)


def introductions(vectors):
    """Identities and versions that are taken, and what is in force then."""
    brings(vectors, "the first version, of a new client", "ok", [FIRST], known=[], inForce=link_of(FIRST), introduced=1)
    brings(vectors, "the first version, known already", "ok", [FIRST], inForce=link_of(FIRST), introduced=0)
    brings(vectors, "none, of a known client", "ok", ABSENT, inForce=link_of(FIRST), introduced=0)
    brings(vectors, "an empty list, of a known client", "ok", [], inForce=link_of(FIRST), introduced=0)
    for case, versions, known in [("a second version", [SECOND], 1), ("both, the first known", [FIRST, SECOND], 1),
                                  ("both, of a new client", [FIRST, SECOND], 0), ("both, known already", [FIRST, SECOND], 2)]:
        text, of = by_key(SIGN[1], versions)
        vectors.add("Proof", "identity", case, "ok", text, hello=of, inForce=link_of(SECOND), introduced=2 - known,
                    known=[f"client.{n}" for n in range(known)])
    for known in range(4):
        text, of = by_key(SIGN[2], client.versions)
        vectors.add("Proof", "identity", f"three versions, {known} of them known", "ok", text, hello=of,
                    known=[f"client.{n}" for n in range(known)], inForce=link_of(THIRD), introduced=3 - known)
    for case, versions in [("a version that drops it", [SECOND]), ("two versions after it", [SECOND, THIRD])]:
        brings(vectors, f"the key of the Proof, and {case}", "wrong_key", versions)
    for signer in (SIGN[0], SIGN[2], UPDATE[0], UPDATE[1]):
        text, of = by_key(signer, ABSENT)
        vectors.add("Proof", "_s", "a key that the second version, in force, has not for signing", "wrong_key", text,
                    hello=of, known=["client.0", "client.1"])


def faulty_firsts():
    """(case, version 0) that is not sound."""
    sign, update = SIGN[0], UPDATE[0]
    first = lambda changes=None, **how: version("client", sign, update, changes=changes, **how)  # noqa: E731
    entries = [listed("sign", sign), listed("update", update)]
    anothers = {**FIRST, "pubkeys": [{**FIRST["pubkeys"][0], "proof": FIRST["pubkeys"][1]["proof"]}, FIRST["pubkeys"][1]]}
    keys = [key(f"many {n}") for n in range(15)]
    yield "not signed by an update key", first(by=sign)
    yield "signed by nobody's key", first(by=key("nobody"))
    yield "no proof of the sign key", first(proving=[update])
    yield "no proof of the update key", first(proving=[sign])
    yield "no proofs", first(proving=[])
    yield "the proofs exchanged", update.sign(anothers)
    yield "no update key", first({"pubkeys": entries[:1]})
    yield "no keys", first({"pubkeys": []})
    yield "one key twice", first({"pubkeys": [*entries, entries[0]]})
    yield "seventeen keys", first({"pubkeys": [*entries, *({**listed("x", one)} for one in keys)]})
    yield "a key of another algorithm", first({"pubkeys": [{**entries[0], "alg": "rsa"}, entries[1]]})
    yield "a key too short", first({"pubkeys": [*entries, {"alg": "ed25519", "purpose": "x", "pub": b64(bytes(31))}]})
    yield "a member too many in a key", first({"pubkeys": [{**entries[0], "x": 1}, entries[1]]})
    yield "a proof of a key that needs none", first(
        {"pubkeys": [*entries, {**listed("x", sign), "proof": FIRST["pubkeys"][0]["proof"]}]})
    yield "an author", first({"_author": client.permalink})
    yield "a version number", first({"_v": 1})
    yield "no time", first({"_time": ABSENT})
    yield "another type", first({"_t": "demo.Identity"})
    yield "a name that is no text", first({"name": 1})
    yield "no signature", without(FIRST, "_s")
    yield "over 16 KiB", first({"fill": "x" * 16_384})


def bad_identities(vectors):
    for case, fields in faulty_firsts():
        # Whatever is wrong with it, it is the identity of whoever says so: the client has that permalink.
        permalink = link_of(fields)
        of = hello({"client": permalink})
        text = proof({"_author": permalink, "identity": [fields]}, of=challenge(of=of))
        vectors.add("Proof", "identity", f"a first version with {case}", "bad_identity", text, known=[],
                    hello=canonical_text(of), clientId=f"{permalink}.phone")
    stranger = other.versions[0]
    for case, versions, known in [
            ("somebody else's", [stranger], 1), ("somebody else's, of a new client", [stranger], 0),
            ("its own, then somebody else's", [FIRST, stranger], 1), ("a second version without the first", [SECOND], 0),
            ("a third version without the second", [THIRD], 1), ("the wrong way round", [SECOND, FIRST], 0),
            ("the server's", server.versions[:1], 1), ("the third before the second", [THIRD, SECOND], 1)]:
        brings(vectors, case, "bad_identity", versions, known=[f"client.{n}" for n in range(known)])
    for case, changes in [("_p of another version", {"_p": link_of(SECOND)}), ("_p of nothing", {"_p": drawn("p").hex()}),
                          ("_v two on", {"_v": 2}), ("_v three on", {"_v": 3}), ("_v of 64", {"_v": 64}),
                          ("_v as text", {"_v": "1"}), ("_v zero", {"_v": 0}), ("no _v", {"_v": ABSENT}), ("no _p", {"_p": ABSENT}),
                          ("_r of another", {"_r": other.permalink, "_author": other.permalink}),
                          ("_author of another", {"_author": other.permalink}), ("no _author", {"_author": ABSENT})]:
        later = version("client", SIGN[1], UPDATE[0], [FIRST], changes=changes)
        brings(vectors, f"a second version with {case}", "bad_identity", [later])
    for case, by in [("its sign key", SIGN[0]), ("an update key of its own that is new", UPDATE[1]),
                     ("somebody else's update key", other.update[0]), ("a new sign key", SIGN[1])]:
        later = version("client", SIGN[1], UPDATE[1] if by is UPDATE[1] else UPDATE[0], [FIRST], by)
        brings(vectors, f"a second version signed by {case}", "bad_identity", [later])
    brings(vectors, "a second version whose new key is not proven", "bad_identity",
           [version("client", SIGN[1], UPDATE[0], [FIRST], proving=[])])
    claimed = version("client", other.sign[0], UPDATE[0], [FIRST], proving=[SIGN[0]])
    brings(vectors, "a second version that claims another's key", "bad_identity", [claimed])
    for case, value in another_kind("absent", "object", "object of one", "array", "array of one"):
        if value is not ABSENT:
            vectors.spoil("Proof", proof, ["identity"], [(case, value)])
            vectors.spoil("Proof", proof, ["identity"], [(f"a list of {case}", [value])])
    vectors.spoil("Proof", proof, ["identity"], [("one version, not in a list", FIRST), ("65 versions", [{}] * 65),
                                                 ("a version as text", [canonical_text(FIRST)])])
    for case, value in [("an empty object", {}), ("an object of another type", {"_t": "demo.Note"})]:
        brings(vectors, case, "bad_identity", [value])


def forged(changes, by=None, pubkey_changes=None):
    """SECOND with `changes`, signed by an update key that may."""
    fields = {**altered(without(SECOND, "_s"), changes), **(pubkey_changes or {})}
    fields["pubkeys"] = [without(entry, "proof") for entry in fields["pubkeys"]]
    return Identity.complete(fields, [SIGN[1]], by or UPDATE[0])


def forks(vectors):
    """Another version than the one that the log knows: the first stands."""
    def fork(case, versions, known=2):
        brings(vectors, case, "identity_fork", versions, known=[f"client.{n}" for n in range(known)])
    for n in range(8):
        fork(f"another name, {n}", [forged({"name": f"client {n}"})])
    for n in (1, 10, 1000, 10**6, -1, -10**6):
        fork(f"another time by {n} ms", [forged({"_time": SECOND["_time"] + n})])
    for name in ("x", "note", "_x"):
        fork(f"a member more: {name}", [forged({name: 1})])
    fork("no name", [forged({"name": ABSENT})])
    for n in range(3):
        fork(f"another sign key, {n}", [version("client", key(f"fork {n}"), UPDATE[0], [FIRST])])
    fork("after the first, which is known", [FIRST, forged({"name": "fork"})])
    fork("then a version that goes on from it", [forged({"name": "fork"}), THIRD])
    fork("the third of three", [version("client", SIGN[1], UPDATE[0], client.versions[:2])], 3)


def registration(vectors):
    digest = hashlib.sha256(INVITE.encode()).hexdigest()
    invite = {"policy": "invite", "invites": [digest]}
    def asks(case, outcome, policy, more=None, **given):
        # The cause is who may register: the same Proof is taken where registration is open.
        vectors.add("Proof", given.pop("field", "invite"), case, outcome, proof({"identity": [FIRST], **(more or {})}),
                    **{"known": [], "registration": policy, **given})
    wrong = [INVITE[:-1], INVITE + " ", " " + INVITE, INVITE.upper(), INVITE.capitalize(), INVITE + "\n", digest,
             digest.upper(), "x", "welcome", INVITE + INVITE, INVITE.replace(" ", "\u00a0"), INVITE + "\0", "*", "%", "0"]
    for code in wrong:
        asks(f"the code {code!r}", "not_registered", invite, {"invite": code})
    asks("no code", "not_registered", invite)
    asks("where no code is good", "not_registered", {"policy": "invite", "invites": []}, {"invite": INVITE})
    asks("a code, where a list is asked", "not_registered", {"policy": "listed", "listed": []}, {"invite": INVITE})
    for case, names in [("nobody is listed", []), ("others are listed", [other.permalink, server.permalink]),
                        ("its second version is listed", [link_of(SECOND)])]:
        asks(f"where {case}", "not_registered", {"policy": "listed", "listed": names}, field="_author")
    asks("a good code", "ok", invite, {"invite": INVITE})
    asks("one good code of two", "ok", {"policy": "invite", "invites": ["0" * 64, digest]}, {"invite": INVITE})
    asks("who is listed", "ok", {"policy": "listed", "listed": [other.permalink, client.permalink]}, field="_author")
    for policy in ("invite", "listed"):
        asks(f"who is known already, where the policy is {policy}", "ok", {"policy": policy}, known=["client.0"])


def unknown(vectors):
    """Nobody knows the identity, and the Proof does not bring it."""
    options = [("position", ABSENT), ("from", 1), ("invite", INVITE), ("_time", NOW)]
    for n in range(16):
        more = {name: value for bit, (name, value) in enumerate(options) if n >> bit & 1}
        text = ", ".join(more) or "nothing else"
        brings(vectors, f"none, and it differs in {text}", "unknown_client", ABSENT, known=[], more=more)
        if n < 8:
            brings(vectors, f"an empty list, and it differs in {text}", "unknown_client", [], known=[], more=more)


def too_many(vectors):
    """More new versions than the server takes at once."""
    chain = [FIRST]
    while len(chain) < 30:
        chain.append(version("client", SIGN[0], UPDATE[0], chain, time=NOW - 10**8 + len(chain)))
    options = [("position", ABSENT), ("from", 1), ("invite", INVITE)]
    for n in range(8):
        more = {name: value for bit, (name, value) in enumerate(options) if n >> bit & 1}
        text = ", ".join(more) or "nothing else"
        brings(vectors, f"17 versions of a new client, and it differs in {text}", "too_many", chain[:17], known=[], more=more)
        brings(vectors, f"17 versions after the known one, and it differs in {text}", "too_many", chain[1:18], more=more)
    for count in (18, 19, 20, 21):
        brings(vectors, f"{count} versions of a new client", "too_many", chain[:count], known=[])
    for count, known in ((16, 0), (17, 1), (15, 0)):
        brings(vectors, f"{count} versions, {known} of them known", "ok", chain[:count], introduced=count - known,
               known=[f"client.{n}" for n in range(known)], inForce=link_of(chain[count - 1]))


def all_of_them(vectors):
    for part in (introductions, bad_identities, forks, registration, unknown, too_many):
        part(vectors)
