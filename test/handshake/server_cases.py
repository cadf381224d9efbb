"""What a server is told by a Hello and a Proof, and what it must say to that, for vectors.py."""
from collection import flips
from parties import (CLIENT_ID, CLIENT_KEY, DEVICE, ENDPOINT, EXPORTER, INVITE, NOW, SESSION, challenge, client, drawn,
                     hello, key, other, proof, server)
from signed import ABSENT, altered, b64, canonical, canonical_text, link_bytes, link_of, unb64
from values import (Literal, label, name32, number_as_written, object_type, one_of, raw_bytes, some_text, structure,
                    whole_number)

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the Ed25519 group


def challenged(of=None, **terms):
    """The members of a vector that tell which Hello and Challenge come before its Proof."""
    given = {"hello": canonical_text(of)} if of else {}
    return given | ({"terms": terms} if terms else {})


def hello_forms(vectors):
    spoil = vectors.spoil
    spoil("Hello", hello, ["_t"], object_type("sealpost.Hello", [
        "sealpost.Challenge", "sealpost.Proof", "sealpost.Welcome", "sealpost.Message", "sealpost.Identity"]))
    spoil("Hello", hello, ["v"], whole_number(1) + [("two", 2), ("three", 3), ("one as text", "1"), ("10", 10)])
    spoil("Hello", hello, ["v"], number_as_written(1), "ok")
    spoil("Hello", hello, ["client"], name32(client.permalink))
    spoil("Hello", hello, ["device"], label(DEVICE))
    spoil("Hello", hello, ["key"], raw_bytes(CLIENT_KEY.pub))
    spoil("Hello", hello, ["server"], structure(hello()["server"], canonical_text(hello()["server"])), optional=True)
    spoil("Hello", hello, ["server", "permalink"], name32(server.permalink))
    spoil("Hello", hello, ["server", "link"], name32(link_of(server.versions[1])))
    spoil("Hello", hello, ["nonce"], raw_bytes(hello()["nonce"]))
    spoil("Hello", hello, ["purpose"], one_of("connect"))
    spoil("Hello", hello, ["endpoint"], some_text(ENDPOINT))
    spoil("Hello", hello, ["_time"], whole_number())
    spoil("Hello", hello, ["_time"], number_as_written(hello()["_time"]) + [
        ("zero", 0), ("2^53-1", 2**53 - 1), ("minus zero", Literal("-0", 0))], "ok")
    again = lambda changes=None: hello({"purpose": "reauth", "session": SESSION, **(changes or {})})  # noqa: E731
    spoil("Hello", again, ["session"], some_text(SESSION), purposes=["reauth"])
    for case, value in [("one", "x"), ("as another has it", "5e5511"), ("of 512 bytes", "s" * 512)]:
        vectors.add("Hello", "session", case, "ok", again({"session": value}), purposes=["reauth"])
    for purpose in ("connect", "ticket"):
        for case, value in [("that is good", SESSION), ("that is empty", ""), ("null", None)]:
            vectors.add("Hello", "session", f"a session {case}, for {purpose}", "malformed",
                        hello({"purpose": purpose, "session": value}), purposes=[purpose])
    for case, value in name32(client.permalink) + [("the client's", client.permalink)]:
        outcome = "ok" if value is ABSENT else "malformed"
        vectors.add("Hello", "_author", case, outcome, hello({"_author": value}))
    for case, value in structure(proof()["_s"], "{}") + [
            ("a good seal", CLIENT_KEY.sign(hello())["_s"]), ("the update key's", client.update[0].sign(hello())["_s"]),
            ("the server's", server.sign[1].sign(hello())["_s"]), ("the Proof's", proof()["_s"])] + [
            (f"a seal by key {n}", key(f"seal {n}").sign(hello())["_s"]) for n in range(6)]:
        vectors.add("Hello", "_s", case, "ok" if value is ABSENT else "malformed", hello({"_s": value}))
    vectors.write_in_other_ways("Hello", hello, "text")
    vectors.no_object("Hello", hello, 24)
    size = len(canonical_text(hello({"fill": ""})))
    for case, length, outcome in [("4 KiB", 4096, "ok"), ("4 KiB and 1 byte", 4097, "malformed"),
                                  ("8 KiB", 8192, "malformed")]:
        vectors.add("Hello", "text", case, outcome, hello({"fill": "x" * (length - size)}))


def hello_meanings(vectors):
    """Hellos in good form that this server does not take."""
    permalink, stranger = client.permalink, other.permalink
    for case, client_id in [
            ("empty", ""), ("a name", "anna"), ("the permalink alone", permalink), ("the device alone", DEVICE),
            ("another device", f"{permalink}.tablet"), ("another permalink", f"{stranger}.{DEVICE}"),
            ("upper case", f"{permalink.upper()}.{DEVICE}"), ("device in upper case", f"{permalink}.PHONE"),
            ("no dot", permalink + DEVICE), ("two dots", f"{permalink}..{DEVICE}"), ("a slash", f"{permalink}/{DEVICE}"),
            ("a space after", CLIENT_ID + " "), ("a space before", " " + CLIENT_ID), ("a NUL after", CLIENT_ID + "\0"),
            ("a newline after", CLIENT_ID + "\n"), ("cut", CLIENT_ID[:-1]), ("longer", CLIENT_ID + "2"),
            ("turned round", f"{DEVICE}.{permalink}"), ("a topic", f"sp/{permalink}/{DEVICE}"), ("twice", CLIENT_ID * 2)]:
        vectors.add("Hello", "client", f"client id: {case}", "wrong_client_id", hello(), clientId=client_id)
    for case, changes in [("another client", {"client": stranger}), ("the server itself", {"client": server.permalink}),
                          ("a version for a permalink", {"client": link_of(client.versions[1])})]:
        vectors.add("Hello", "client", case, "wrong_client_id", hello(changes))
    for name in ("tablet", "Phone", "phone2", "p"):
        vectors.add("Hello", "device", f"another device: {name}", "wrong_client_id", hello({"device": name}))
    endpoints = [
        "mqtt://chat.example.org:8883", "wss://chat.example.org:8883", "https://chat.example.org:8883",
        "mqtts://chat.example.org:8884", "mqtts://chat.example.org:1883", "mqtts://chat.example.com:8883",
        "mqtts://chat.example.org", "mqtts://chat.example.org:", "mqtts://chat.example.org:8883/", "chat.example.org:8883",
        "mqtts://chat.example.org.:8883", "mqtts://CHAT.example.org:8883", "MQTTS://chat.example.org:8883",
        "mqtts://example.org:8883", "mqtts://evil.example:8883", "mqtts://chat.example.org.evil.example:8883",
        "mqtts://anna@chat.example.org:8883", "mqtts://chat.example.org:08883", "mqtts://192.0.2.7:8883",
        "mqtts://[2001:db8::7]:8883", "mqtts://chat.example.org:8883#", "mqtts://chat.example.org:8883 ",
        " mqtts://chat.example.org:8883", "mqtts:chat.example.org:8883", "mqtts://ch\u0430t.example.org:8883", "x"]
    for endpoint in endpoints:
        vectors.add("Hello", "endpoint", f"names {endpoint}", "wrong_endpoint", hello({"endpoint": endpoint}))
    vectors.add("Hello", "endpoint", "the second of the list", "ok", hello({"endpoint": "wss://chat.example.org:443"}))
    vectors.add("Hello", "endpoint", "of a server that has none", "wrong_endpoint", hello(), endpoints=[])
    for mine in ("connect", "ticket", "reauth"):
        two = [each for each in ("connect", "ticket", "reauth") if each != mine]
        text = hello({"purpose": mine, **({"session": SESSION} if mine == "reauth" else {})})
        for allowed in ([], two[:1], two[1:], two):
            for carrier, given in (("MQTT", {}), ("REST", {"clientId": None})):
                vectors.add("Hello", "purpose", f"{mine} over {carrier} where {'or '.join(allowed) or 'nothing'} is due",
                            "wrong_purpose", text, purposes=allowed, **given)
        vectors.add("Hello", "purpose", f"{mine}, as is due", "ok", text, purposes=[mine])


def proof_forms(vectors):
    spoil, good = vectors.spoil, proof()
    spoil("Proof", proof, ["_t"], object_type("sealpost.Proof", [
        "sealpost.Hello", "sealpost.Challenge", "sealpost.Welcome", "sealpost.Message", "sealpost.Identity"]))
    spoil("Proof", proof, ["_author"], name32(client.permalink))
    spoil("Proof", proof, ["_time"], whole_number())
    spoil("Proof", proof, ["_time"], number_as_written(good["_time"]) + [("zero", 0), ("2^53-1", 2**53 - 1)], "ok")
    spoil("Proof", proof, ["challenge"], name32(good["challenge"]))
    spoil("Proof", proof, ["binding"], raw_bytes(good["binding"]), optional=True)
    spoil("Proof", proof, ["position"], structure(good["position"], canonical_text(good["position"])), optional=True)
    spoil("Proof", proof, ["position", "log"], label("log-1"))
    for name in ("sent", "received"):
        mark = good["position"][name]
        spoil("Proof", proof, ["position", name], structure(mark, canonical_text(mark)), optional=True)
        spoil("Proof", proof, ["position", name, "n"], whole_number(1))
        spoil("Proof", proof, ["position", name, "link"], name32(mark["link"]))
        vectors.spoil("Proof", proof, ["position", name], [("nothing yet", {"n": 0})], "ok")
        vectors.spoil("Proof", proof, ["position", name], [("nothing yet, with a link", {**mark, "n": 0}),
                                                           ("no number", {"link": mark["link"]})])
    first = lambda changes=None: proof({"from": 1, **(changes or {})})  # noqa: E731
    spoil("Proof", first, ["from"], whole_number(1) + [("two", 2), ("minus one", -1), ("the first as text", "1")],
          optional=True)
    spoil("Proof", first, ["from"], [("one", 1)] + number_as_written(1), "ok")
    invited = lambda changes=None: proof({"invite": INVITE, **(changes or {})})  # noqa: E731
    spoil("Proof", invited, ["invite"], some_text(INVITE), optional=True)
    spoil("Proof", invited, ["invite"], [("that nobody asks for", "x"), ("of 512 bytes", "i" * 512)], "ok")
    seal = good["_s"]
    vectors.spoil_seal("Proof", proof, ["_s"], structure(seal, canonical_text(seal)))
    vectors.spoil_seal("Proof", proof, ["_s", "alg"], one_of("ed25519") + [("none", "none"), ("another", "ed448")])
    vectors.spoil_seal("Proof", proof, ["_s", "key"], raw_bytes(seal["key"]))
    vectors.spoil_seal("Proof", proof, ["_s", "sig"], raw_bytes(seal["sig"]))
    vectors.spoil_seal("Proof", proof, ["_s"], [("a member more", {**seal, "kid": "1"})])
    vectors.write_in_other_ways("Proof", proof, "text")
    vectors.no_object("Proof", proof, 24)


def proof_chain(vectors):
    """Proofs in good form that answer another run than this one."""
    def wrong(field, case, text, **given):
        vectors.add("Proof", field, case, "wrong_challenge", text, **given)
    mine = challenge()
    for case, changes in [
            ("device", {"device": "tablet"}), ("key", {"key": key("mixed").pub}), ("server", {"server": ABSENT}),
            ("an older server version", {"server": {"permalink": server.permalink, "link": server.permalink}}),
            ("endpoint", {"endpoint": "wss://chat.example.org:443"}), ("nonce", {"nonce": b64(drawn("mixed"))}),
            ("purpose", {"purpose": "ticket"}), ("_time", {"_time": 1}), ("v", {"v": 2}), ("client", {"client": other.permalink}),
            ("an unknown member", {"x": 1})]:
        of = hello(changes)
        wrong("challenge", f"of a run whose Hello differs in: {case}", proof(of=challenge(of=of)))
        given = {"purposes": ["ticket"]} if case == "purpose" else {}
        if case not in ("v", "client", "device"):
            wrong("challenge", f"for a Hello altered on its way in: {case}", proof(), hello=canonical_text(of), **given)
    for case, changes in [
            ("nonce", {"nonce": b64(drawn("mixed server"))}), ("received", {"received": NOW - 1}), ("_time", {"_time": NOW - 1}),
            ("expires", {"expires": NOW + 29_999}), ("limits", {"limits": {**mine["limits"], "window": 1}}),
            ("identity", {"identity": server.versions[:2]}), ("binding", {"binding": False}), ("client", {"client": other.permalink}),
            ("_author", {"_author": other.permalink}), ("hello", {"hello": drawn("mixed hello").hex()})]:
        wrong("challenge", f"for a Challenge altered in: {case}", proof(of=challenge(changes)))
    for case, link in [("the Hello's link", link_of(hello())), ("the Challenge's nonce", unb64(mine["nonce"]).hex()),
                       ("the client", client.permalink), ("a bit turned", "%064x" % (int(link_of(mine), 16) ^ 1))]:
        wrong("challenge", case, proof({"challenge": link}))
    wrong("challenge", "of a Challenge that has been answered", proof(), used=True)
    for n in range(4):
        wrong("challenge", f"drawn at random, {n}", proof({"challenge": drawn(f"random {n}").hex()}))


def proof_times(vectors):
    """The server's clock decides when a challenge is over, and nothing else does."""
    for late in (1, 2, 10, 100, 999, 1000, 5000, 10_000, 29_999, 30_000, 60_000, 3_600_000, 86_400_000, 10**9, 10**10,
                 10**11, 10**12):
        vectors.add("Proof", "challenge", f"{late} ms after its end", "expired", proof(), now=NOW + 30_000 + late)
    for case, time in [("now", NOW), ("in the year 1970", 1), ("ahead by years", NOW + 10**12)]:
        vectors.add("Proof", "_time", f"too late, and its own time is {case}", "expired", proof({"_time": time}),
                    now=NOW + 30_001)
    for since in (-10**11, -86_400_000, -1, 0, 1, 15_000, 29_999, 30_000):
        vectors.add("Proof", "challenge", f"{since} ms after it was made", "ok", proof(), now=NOW + since)
    for ahead in (-10**12, -10**10, -86_400_000, -30_001, 30_001, 86_400_000, 10**10, 10**12):
        vectors.add("Proof", "_time", f"by a clock {ahead} ms off", "ok", proof({"_time": NOW + ahead}))


def proof_bindings(vectors):
    def wrong(case, value, **given):
        vectors.add("Proof", "binding", case, "wrong_binding", proof({"binding": b64(value)}), **given)
    for case, value in flips(EXPORTER, 12, "binding"):
        wrong(case, value)
    for case, value in [("all zero", bytes(32)), ("of another connection", drawn("another exporter")),
                        ("turned round", EXPORTER[::-1]), ("the nonce", unb64(challenge()["nonce"]))]:
        wrong(case, value)
    unbound = challenge({"binding": False})
    for case, value in [("the relay's", EXPORTER), ("all zero", bytes(32)), ("of another", drawn("another exporter")),
                        ("all ones", b"\xff" * 32)]:
        vectors.add("Proof", "binding", f"where the server has none: {case}", "wrong_binding",
                    proof({"binding": b64(value)}, of=unbound), exporter=None)
    vectors.add("Proof", "binding", "none where the server has none", "ok", proof({"binding": ABSENT}, of=unbound),
                exporter=None)


def proof_seals(vectors):
    """Signatures that do not hold, by the right key; and right ones by keys that have no say."""
    def bad(case, fields, field="_s"):
        vectors.add("Proof", field, case, "bad_signature", fields)
    good, seal = proof(), proof()["_s"]
    with_sig = lambda raw: {**good, "_s": {**seal, "sig": b64(raw)}}  # noqa: E731
    sig = unb64(seal["sig"])
    for case, raw in flips(sig, 12, "signature"):
        bad(case, with_sig(raw))
    larger = (int.from_bytes(sig[32:], "little") + ORDER).to_bytes(32, "little")
    raw = CLIENT_KEY.raw_signature
    for case, value in [
            ("all zero", bytes(64)), ("all ones", b"\xff" * 64), ("halves swapped", sig[32:] + sig[:32]),
            ("S beyond the group's order", sig[:32] + larger), ("over the canonical text", raw(canonical(good))),
            ("over the link in hex", raw(link_of(good).encode())), ("over the Challenge", raw(link_bytes(challenge()))),
            ("over the Hello", raw(link_bytes(hello()))), ("by another key", other.sign[0].raw_signature(link_bytes(good)))]:
        bad(case, with_sig(value))
    position = altered(good["position"], {"received": ABSENT})
    for field, value in [("_time", good["_time"] + 1), ("position", position), ("position", ABSENT), ("from", 1),
                         ("identity", client.versions[:1]), ("invite", INVITE), ("binding", ABSENT), ("x", 1)]:
        bad(f"{field} altered after signing", altered(good, {field: value}), field if field != "x" else "text")
    for who, signer in [("its update key", client.update[0]), ("a later sign key", client.sign[1]),
                        ("a later update key", client.update[1]), ("the server's key", server.sign[1]),
                        ("another client's", other.sign[0]), ("another's update key", other.update[0])] + [
                       (f"nobody's key {n}", key(f"nobody {n}")) for n in range(4)]:
        vectors.add("Proof", "_s", f"signed by {who}, where Hello names the sign key", "wrong_key", proof(by=signer))
        of = hello({"key": signer.pub})
        vectors.add("Proof", "_s", f"signed by {who}, as Hello names it", "wrong_key",
                    proof(of=challenge(of=of), by=signer), hello=canonical_text(of))
    for who in ["another client", "the server", "its own later version"] + [f"nobody {n}" for n in range(17)]:
        names = {"another client": other.permalink, "the server": server.permalink,
                 "its own later version": link_of(client.versions[1])}
        vectors.add("Proof", "_author", f"for {who}", "wrong_author",
                    proof({"_author": names.get(who) or drawn(who).hex()}))


def all_of_them(vectors):
    for part in (hello_forms, hello_meanings, proof_forms, proof_chain, proof_times, proof_bindings, proof_seals):
        part(vectors)
