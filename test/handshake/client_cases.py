"""What a client is told by a Challenge and a Welcome, and when it must refuse, for vectors.py."""
from collection import flips
from parties import (CLIENT_NOW, LIMITS, NOW, SERVER_KEY, SESSION, challenge, client, drawn, hello, key, other,
                     proof, rogue, server, version, welcome)
from server_cases import ORDER
from signed import ABSENT, altered, b64, canonical, canonical_text, link_bytes, link_of, unb64
from values import (another_kind, flag, label, name32, number_as_written, object_type, one_of, raw_bytes,
                    some_text, structure, whole_number)

ZERO, LARGEST = ("zero", 0), ("2^53-1", 2**53 - 1)
TYPES = ["Hello", "Challenge", "Proof", "Welcome"]


def common_forms(vectors, kind, make):
    """What Challenge and Welcome share."""
    good = make()
    types = [f"sealpost.{each}" for each in TYPES if each != kind] + ["sealpost.Message", "sealpost.Identity"]
    vectors.spoil(kind, make, ["_t"], object_type(f"sealpost.{kind}", types))
    vectors.spoil(kind, make, ["_author"], name32(server.permalink))
    vectors.spoil(kind, make, ["_time"], whole_number())
    vectors.spoil(kind, make, ["_time"], number_as_written(good["_time"]), "ok")
    seal = good["_s"]
    vectors.spoil_seal(kind, make, ["_s"], structure(seal, canonical_text(seal)) + [("a member more", {**seal, "x": 1})])
    vectors.spoil_seal(kind, make, ["_s", "alg"], one_of("ed25519"))
    vectors.spoil_seal(kind, make, ["_s", "key"], raw_bytes(seal["key"]))
    vectors.spoil_seal(kind, make, ["_s", "sig"], raw_bytes(seal["sig"]))
    vectors.write_in_other_ways(kind, make, "text")
    vectors.no_object(kind, make, 32)


def challenge_forms(vectors):
    common_forms(vectors, "Challenge", challenge)
    spoil, good = vectors.spoil, challenge()
    spoil("Challenge", challenge, ["hello"], name32(good["hello"]))
    spoil("Challenge", challenge, ["client"], name32(client.permalink))
    spoil("Challenge", challenge, ["nonce"], raw_bytes(good["nonce"]))
    spoil("Challenge", challenge, ["nonce"], [("another", b64(drawn("another nonce"))), ("all zero", b64(bytes(32)))], "ok")
    spoil("Challenge", challenge, ["received"], whole_number())
    spoil("Challenge", challenge, ["received"], number_as_written(NOW) + [ZERO, LARGEST], "ok")
    spoil("Challenge", challenge, ["expires"], whole_number())
    spoil("Challenge", challenge, ["expires"], [
        ("1 ms too late", NOW + 30_001), ("a minute", NOW + 60_000), ("a year", NOW + 31_536_000_000), LARGEST])
    spoil("Challenge", challenge, ["expires"], [("in 1 s", NOW + 1000), ("in 29.999 s", NOW + 29_999)] + number_as_written(
        good["expires"]), "ok")
    spoil("Challenge", challenge, ["limits"], structure(LIMITS, canonical_text(LIMITS)))
    for name, least in (("maxMessage", 1024), ("window", 1), ("sessionSeconds", 1)):
        spoil("Challenge", challenge, ["limits", name], whole_number(1) + [("one too small", least - 1)])
        spoil("Challenge", challenge, ["limits", name], [("the least", least)] + number_as_written(LIMITS[name]), "ok")
    spoil("Challenge", challenge, ["limits", "window"], [("17", 17), ("65535", 65_535)])
    spoil("Challenge", challenge, ["binding"], flag())
    spoil("Challenge", challenge, ["binding"], [("false", False)], "ok")
    for case, value in another_kind("array", "array of one", "object of one"):
        spoil("Challenge", challenge, ["identity"], [(case, value)])
    spoil("Challenge", challenge, ["identity"], [
        ("a list of null", [None]), ("a list of text", ["x"]), ("a list of numbers", [1]), ("a list of lists", [[]]),
        ("a version, not in a list", server.versions[1]), ("65 versions", [{}] * 65)])


def welcome_forms(vectors):
    common_forms(vectors, "Welcome", welcome)
    spoil, good = vectors.spoil, welcome()
    spoil("Welcome", welcome, ["proof"], name32(good["proof"]))
    spoil("Welcome", welcome, ["session"], some_text(SESSION))
    spoil("Welcome", welcome, ["session"], [("one", "x"), ("512 bytes", "s" * 512), ("no ASCII", "\u00e9"), ("a space", " "),
                                            ("a NUL", "\0"), ("quotes", "\"\\"), ("the client's nonce", hello()["nonce"])], "ok")
    spoil("Welcome", welcome, ["epoch"], whole_number(1))
    spoil("Welcome", welcome, ["epoch"], [("one", 1), LARGEST] + number_as_written(7), "ok")
    for name in ("expires", "reauthAfter"):
        spoil("Welcome", welcome, [name], whole_number())
        spoil("Welcome", welcome, [name], [ZERO, LARGEST] + number_as_written(good[name]), "ok")
    spoil("Welcome", welcome, ["identity"], name32(good["identity"]))
    spoil("Welcome", welcome, ["position"], structure(good["position"], canonical_text(good["position"])))
    for name in ("received", "sent"):
        mark = good["position"][name]
        spoil("Welcome", welcome, ["position", name], structure(mark, canonical_text(mark)))
        spoil("Welcome", welcome, ["position", name, "n"], whole_number(1))
        spoil("Welcome", welcome, ["position", name, "link"], name32(mark["link"]))
        spoil("Welcome", welcome, ["position", name], [("nothing yet, with a link", {**mark, "n": 0}),
                                                       ("no number", {"link": mark["link"]})])
        spoil("Welcome", welcome, ["position", name], [("nothing yet", {"n": 0})], "ok")
    spoil("Welcome", welcome, ["position", "acked"], whole_number())
    spoil("Welcome", welcome, ["position", "acked"], [ZERO, LARGEST] + number_as_written(5), "ok")
    spoil("Welcome", welcome, ["light"], one_of("drain") + [(each, each) for each in ("red", "yellow", "off")])
    spoil("Welcome", welcome, ["light"], [("green", "green"), ("shut", "shut")], "ok")
    spoil("Welcome", welcome, ["log"], structure(good["log"], canonical_text(good["log"])))
    spoil("Welcome", welcome, ["log", "id"], label("log-1"))
    spoil("Welcome", welcome, ["log", "head"], whole_number())
    spoil("Welcome", welcome, ["log", "head"], [ZERO, LARGEST] + number_as_written(99), "ok")


def chains(vectors):
    """Answers to another run than the client's."""
    def wrong(kind, field, case, fields):
        vectors.add(kind, field, case, "wrong_challenge", fields)
    for case, changes in [
            ("nonce", {"nonce": b64(drawn("mixed"))}), ("device", {"device": "tablet"}), ("key", {"key": key("mixed").pub}),
            ("server", {"server": ABSENT}), ("endpoint", {"endpoint": "mqtts://evil.example:8883"}),
            ("endpoint's scheme", {"endpoint": "mqtt://chat.example.org:8883"}), ("purpose", {"purpose": "ticket"}),
            ("_time", {"_time": NOW}), ("v", {"v": 2}), ("an unknown member", {"x": 1}),
            ("session", {"purpose": "reauth", "session": SESSION})]:
        wrong("Challenge", "hello", f"to a Hello altered on its way in: {case}", challenge(of=hello(changes)))
    for case, link in [("the client", client.permalink), ("a bit turned", "%064x" % (int(link_of(hello()), 16) ^ 1))]:
        wrong("Challenge", "hello", case, challenge({"hello": link}))
    for n in range(6):
        wrong("Challenge", "hello", f"drawn at random, {n}", challenge({"hello": drawn(f"random {n}").hex()}))
    for case, name in [("another client", other.permalink), ("the server", server.permalink),
                       ("a later version", link_of(client.versions[1]))]:
        wrong("Challenge", "client", f"for {case}", challenge({"client": name}))
    for case, changes in [("_time", {"_time": 1}), ("binding", {"binding": ABSENT}), ("position", {"position": ABSENT}),
                          ("from", {"from": 1}), ("identity", {"identity": client.versions[:1]}), ("invite", {"invite": "x"}),
                          ("_author", {"_author": other.permalink})]:
        wrong("Welcome", "proof", f"to a Proof altered in: {case}", welcome(of=proof(changes)))
    for case, of in [("another Hello", hello({"nonce": b64(drawn("mixed"))})), ("an earlier Hello", hello({"_time": 1}))]:
        wrong("Welcome", "proof", f"to a Proof of a run with {case}", welcome(of=proof(of=challenge(of=of))))
    for case, link in [("the Challenge's link", link_of(challenge())), ("the Hello's link", link_of(hello())),
                       ("a bit turned", "%064x" % (int(link_of(proof()), 16) ^ 1))]:
        wrong("Welcome", "proof", case, welcome({"proof": link}))
    for n in range(6):
        wrong("Welcome", "proof", f"drawn at random, {n}", welcome({"proof": drawn(f"random {n}").hex()}))


def seals(vectors, kind, make):
    good, seal = make(), make()["_s"]
    sig = unb64(seal["sig"])
    larger = (int.from_bytes(sig[32:], "little") + ORDER).to_bytes(32, "little")
    raw = SERVER_KEY.raw_signature
    signatures = list(flips(sig, 6, kind)) + [
        ("all zero", bytes(64)), ("S beyond the group's order", sig[:32] + larger), ("halves swapped", sig[32:] + sig[:32]),
        ("over the canonical text", raw(canonical(good))), ("over the link in hex", raw(link_of(good).encode())),
        ("over another object", raw(link_bytes(hello()))), ("by another key", rogue.sign[0].raw_signature(link_bytes(good)))]
    for case, value in signatures:
        vectors.add(kind, "_s", case, "bad_signature", {**good, "_s": {**seal, "sig": b64(value)}})
    for name in without_chain(good):
        value = good[name]
        lie = value + 1 if type(value) is int else (not value) if isinstance(value, bool) else None
        if lie is not None and name != "expires":
            vectors.add(kind, name, "altered after signing", "bad_signature", altered(good, {name: lie}))
    for who, signer in [("the client's own key: reflected", client.sign[0]), ("its update key", server.update[0]),
                        ("a key that its second version dropped", server.sign[0]), ("a key of a later version", server.sign[2]),
                        ("another server's key", rogue.sign[1]), ("nobody's key", key("nobody"))] + [
                       (f"nobody's key {n}", key(f"nobody {n}")) for n in range(2)]:
        vectors.add(kind, "_s", f"in the server's name, by {who}", "wrong_key", make(by=signer))
    for who, name, signer in [("another server", rogue.permalink, rogue.sign[1]), ("the client: reflected", client.permalink, client.sign[0]),
                              ("another client", other.permalink, other.sign[0]), ("nobody", drawn("nobody").hex(), SERVER_KEY),
                              ("its own second version", link_of(server.versions[1]), SERVER_KEY)]:
        vectors.add(kind, "_author", f"in the name of {who}", "wrong_server", make({"_author": name}, by=signer))


def without_chain(fields):
    return [name for name in fields if name not in ("_t", "_author", "_s", "hello", "client", "proof")]


def servers(vectors):
    """The server's versions: they go on from the pinned ones, or it is another server."""
    def meets(case, outcome, versions, pinned=(), by=SERVER_KEY, author=server.permalink):
        names = [f"server.{n}" for n in pinned]
        told = {"server": {"permalink": server.permalink, "link": link_of(server.versions[pinned[-1]])}} if names else {
            "server": ABSENT}
        fields = challenge({"identity": versions, "_author": author}, of=hello(told), by=by)
        vectors.add("Challenge", "identity", case, outcome, fields, pinned=names)
    first, second, third = server.versions
    meets("all, at the first meeting", "ok", [first, second])
    meets("the first alone", "ok", [first], by=server.sign[0])
    meets("all three", "ok", server.versions, by=server.sign[2])
    meets("one new version", "ok", [second], [0])
    meets("all, though one is pinned", "ok", [first, second], [0])
    meets("two new versions", "ok", [second, third], [0], by=server.sign[2])
    meets("the key of a version that is no longer in force", "wrong_key", server.versions)
    meets("a key that the new version drops", "wrong_key", [second], [0], by=server.sign[0])
    changed = [version("server", server.sign[1], server.update[0], [first], time=NOW - n) for n in range(1, 5)]
    bad = [("none, at the first meeting", [], ()), ("another server's", rogue.versions[:2], (0, 1)),
           ("another server's, after the first", [rogue.versions[0]], (0,)), ("a gap", [third], (0,)),
           ("a gap at the first meeting", [first, third], ()), ("the second alone, at the first meeting", [second], ()),
           ("the wrong way round", [second, first], ()), ("a client's", client.versions[:1], (0, 1)),
           ("an empty object", [{}], (0, 1)), ("another first version", [rogue.versions[0], second], ()),
           ("an object of another type", [hello()], (0, 1))]
    for case, versions, pinned in bad:
        meets(case, "wrong_server", versions, pinned)
    for n, fork in enumerate(changed):
        meets(f"another second version than the pinned one, {n}", "wrong_server", [fork], (0, 1))
        forged = version("server", rogue.sign[1], server.update[0], [first], rogue.update[0], NOW - n)
        meets(f"a second version that a thief has signed, {n}", "wrong_server", [forged], (0,), by=rogue.sign[1])
    unproven = version("server", rogue.sign[1], server.update[0], [first], proving=[])
    meets("a second version whose key is not proven", "wrong_server", [unproven], (0,), by=rogue.sign[1])


def clocks(vectors):
    """What the client learns about its clock: half of what both ways differ by."""
    for received, time, now in [(NOW, NOW, CLIENT_NOW), (NOW, NOW + 10, CLIENT_NOW + 90), (NOW - 10**9, NOW - 10**9, CLIENT_NOW),
                                (NOW + 10**11, NOW + 10**11, CLIENT_NOW + 400), (0, 0, CLIENT_NOW), (CLIENT_NOW, CLIENT_NOW, CLIENT_NOW)]:
        fields = challenge({"received": received, "_time": time, "expires": time + 30_000})
        offset = ((received - CLIENT_NOW) + (time - now)) // 2
        vectors.add("Challenge", "received", f"{received}, then {time}", "ok", fields, now=now, offset=offset)


def all_of_them(vectors):
    challenge_forms(vectors)
    welcome_forms(vectors)
    chains(vectors)
    seals(vectors, "Challenge", challenge)
    seals(vectors, "Welcome", welcome)
    servers(vectors)
    clocks(vectors)
