"""Signed objects as PROTOCOL.md section 1 has them, written apart from the server's own code, so that each checks the
other.

Canonical bytes (RFC 8785), links, Ed25519 signatures (by libsodium, whose strictness the page names), and identities
with key proofs.
"""
import base64
import ctypes
import hashlib
import json
import os
import time

sodium = ctypes.CDLL("libsodium.so.23")
if sodium.sodium_init() < 0:
    raise ImportError("libsodium cannot start")

ABSENT = object()  # as a value in `altered`: leave this field out


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def now_ms():
    return time.time_ns() // 1_000_000


def _number(value):
    """ECMAScript's Number::toString, which RFC 8785 section 3.2.2.3 asks for."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("not a JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, _, exponent = repr(abs(value)).lower().partition("e")
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)  # the decimal point stands after this many digits
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if 0 < point <= 21:
        text = digits.ljust(point, "0") if len(digits) <= point else digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{point - 1:+d}"
    return sign + text


def canonical_text(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical_text, value)) + "]"
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    return "{" + ",".join(canonical_text(name) + ":" + canonical_text(item) for name, item in members) + "}"


def canonical(value):
    return canonical_text(value).encode()


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


def altered(fields, changes):
    """A copy of `fields` with `changes` laid over it; ABSENT takes a field away. This is how hostile tests lie."""
    result = dict(fields)
    for name, value in (changes or {}).items():
        if value is ABSENT:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def link_bytes(fields):
    return hashlib.sha256(b"sealpost/object/1\0" + canonical(without(fields, "_s"))).digest()


def link_of(fields):
    return link_bytes(fields).hex()


def permalink_of(fields):
    return fields.get("_r") or link_of(fields)


class Key:
    """One Ed25519 key pair, made from a 32-byte seed."""

    def __init__(self, seed=None):
        self.seed = seed or os.urandom(32)
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        sodium.crypto_sign_seed_keypair(public, secret, self.seed)
        self.public, self._secret = public.raw, secret.raw

    @property
    def pub(self):
        return b64(self.public)

    def raw_signature(self, digest):
        signature = ctypes.create_string_buffer(64)
        sodium.crypto_sign_detached(signature, None, digest, ctypes.c_ulonglong(len(digest)), self._secret)
        return signature.raw

    def sign(self, fields):
        """`fields` with `_s` over its link."""
        bare = without(fields, "_s")
        signature = b64(self.raw_signature(link_bytes(bare)))
        return {**bare, "_s": {"alg": "ed25519", "key": self.pub, "sig": signature}}


def signature_holds(digest, pub, signature):
    try:
        signature, pub = unb64(signature), unb64(pub)
    except ValueError:
        return False
    if len(signature) != 64 or len(pub) != 32:
        return False
    return sodium.crypto_sign_verify_detached(signature, digest, ctypes.c_ulonglong(len(digest)), pub) == 0


def verifies(fields, pubs):
    """Whether `fields` is signed by one of the keys `pubs` (base64url)."""
    seal = fields.get("_s") or {}
    return seal.get("key") in pubs and seal.get("alg") == "ed25519" and signature_holds(
        link_bytes(fields), seal["key"], seal["sig"])


def keys_of(identity_version, purpose):
    return [key["pub"] for key in identity_version["pubkeys"] if key["purpose"] == purpose]


def proof_digest(version):
    bare = without(version, "_s")
    bare["pubkeys"] = [without(key, "proof") for key in version["pubkeys"]]
    return hashlib.sha256(b"sealpost/key/1\0" + canonical(bare)).digest()


def check_identity(versions):
    """The newest of a chain of identity versions whose every signature, proof and link holds; raises ValueError."""
    before = None
    for version in versions:
        if before is None:
            allowed, listed = keys_of(version, "update"), []
        else:
            allowed, listed = keys_of(before, "update"), [without(key, "proof") for key in before["pubkeys"]]
            if version.get("_p") != link_of(before) or version.get("_v") != before.get("_v", 0) + 1:
                raise ValueError("an identity version does not follow the one before")
        if not verifies(version, allowed):
            raise ValueError("an identity version is not signed by an update key")
        digest = proof_digest(version)
        for key in version["pubkeys"]:
            new = key["purpose"] in ("sign", "update") and without(key, "proof") not in listed
            if new and not signature_holds(digest, key["pub"], key.get("proof", "")):
                raise ValueError("an identity's key has no proof")
        before = version
    return before


class Identity:
    """An identity that this test owns: its keys and all its versions. `update` and `sign` seeds rebuild it."""

    def __init__(self, name, sign_seed=None, update_seed=None, time_ms=None, more_keys=()):
        self.name = name
        self.sign_key, self.update_key = Key(sign_seed), Key(update_seed)
        first = {"_t": "sealpost.Identity", "_time": now_ms() if time_ms is None else time_ms, "name": name}
        first["pubkeys"] = [self._listed("sign", self.sign_key), self._listed("update", self.update_key), *more_keys]
        self.versions = [self.complete(first, [self.sign_key, self.update_key], self.update_key)]

    @staticmethod
    def _listed(purpose, key):
        return {"alg": "ed25519", "purpose": purpose, "pub": key.pub}

    @staticmethod
    def complete(version, proving, update_key):
        """`version` with the proofs of the keys `proving`, signed by `update_key`."""
        digest = proof_digest(version)
        proofs = {key.pub: b64(key.raw_signature(digest)) for key in proving}
        pubkeys = [{**key, "proof": proofs[key["pub"]]} if key["pub"] in proofs else key for key in version["pubkeys"]]
        return update_key.sign({**version, "pubkeys": pubkeys})

    @property
    def permalink(self):
        return link_of(self.versions[0])

    @property
    def link(self):
        return link_of(self.versions[-1])

    def next_version(self, sign_key=None):
        """Adds a version, with another sign key where one is given."""
        last = self.versions[-1]
        fields = {"_t": "sealpost.Identity", "_author": self.permalink, "_time": now_ms(), "name": self.name,
                  "_v": last.get("_v", 0) + 1, "_r": self.permalink, "_p": link_of(last)}
        proving = [sign_key] if sign_key else []
        self.sign_key = sign_key or self.sign_key
        fields["pubkeys"] = [self._listed("sign", self.sign_key), self._listed("update", self.update_key)]
        self.versions.append(self.complete(fields, proving, self.update_key))
        return self.versions[-1]

    def sign(self, fields):
        return self.sign_key.sign(fields)
