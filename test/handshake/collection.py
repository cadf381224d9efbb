"""How vectors.py collects vectors: one dictionary each, with what was done to which field and what must come of it."""
from parties import drawn
from signed import altered, b64, canonical_text
from values import Literal

JUDGED_BY_SERVER = ("Hello", "Proof")  # and what it says to it has a code; the others are for the client


def told(outcome):
    """What a client is told (PROTOCOL.md section 3): the cause itself goes to the security log."""
    return outcome if outcome in ("ok", "too_many") else "not_authorized"


def at(fields, path):
    for name in path:
        fields = fields[name]
    return fields


def changed(fields, path, value):
    """The changes that put `value` at `path` of `fields`, for `altered`."""
    name, *rest = path
    return {name: altered(fields[name], changed(fields[name], rest, value)) if rest else value}


class Vectors:
    def __init__(self):
        self.rows = []

    def add(self, kind, field, case, outcome, text, **given):
        """`text`: the object as fields, as text, or as bytes that are no text. `given`: what differs from the stage."""
        row = {"n": len(self.rows) + 1, "object": kind, "field": field, "case": case}
        if isinstance(text, bytes):
            row["bytes"] = b64(text)
        else:
            row["text"] = text if isinstance(text, str) else canonical_text(text)
        row |= given
        row["outcome"] = outcome
        if kind in JUDGED_BY_SERVER:
            row["code"] = told(outcome)
        self.rows.append(row)

    def spoil(self, kind, make, path, values, outcome="malformed", optional=False, **given):
        """One vector for each of `values` at `path` of what `make` makes, signed in order; and fewer of them within
        fields of fields, which are many."""
        for case, value in values[:: 2 * len(path) - 1 if len(values) > 8 else 1]:
            literal = value if isinstance(value, Literal) else None
            fields = make(changed(make(), path, literal.value if literal else value))
            text = canonical_text(fields)
            if literal:
                written = f'"{path[-1]}":{canonical_text(literal.value)}'
                assert text.count(written) == 1, (kind, path, case)
                text = text.replace(written, f'"{path[-1]}":{literal.text}')
            good = optional and case == "absent"
            self.add(kind, ".".join(path), case, "ok" if good else outcome, text, **given)

    def spoil_seal(self, kind, make, path, values, outcome="malformed", **given):
        """The same for a part of `_s`, which the signature does not cover."""
        for case, value in values[:: 2 * len(path) - 1 if len(values) > 8 else 1]:
            fields = make()
            text = altered(fields, changed(fields, path, value))
            self.add(kind, ".".join(path), case, outcome, text, **given)

    def write_in_other_ways(self, kind, make, path, **given):
        """Texts of one object that are the same object."""
        fields = make()
        members = list(fields.items())
        reverse = "{" + ",".join(f"{canonical_text(name)}:{canonical_text(item)}" for name, item in members[::-1]) + "}"
        text = canonical_text(fields)
        first = text[2:text.index('"', 2)]
        ways = [("in reverse order", reverse), ("with white space", " " + text.replace(",", "\n,\t") + "\r\n"),
                ("with a letter escaped", text.replace(f'"{first}"', f'"\\u{ord(first[0]):04x}{first[1:]}"', 1)),
                ("with a slash escaped", text.replace("//", "\\/\\/"))]
        for case, way in ways:
            self.add(kind, path, case, "ok", way, **given)
        for case, more in [("an unknown member", {"x": 1}), ("an unknown member in upper case", {"NONCE": "x"}),
                           ("an unknown object", {"more": {"a": [1, {"b": None}]}}), ("an unknown member with no name", {"": 0}),
                           ("an unknown member under _", {"_x": "y"}), ("an unknown number", {"pi": 3.25})]:
            self.add(kind, path, case, "ok", make(more), **given)

    def no_object(self, kind, make, depth, **given):
        """Texts that are no object, or not one and the same to every reader."""
        text = canonical_text(make())
        member = text[1:text.index(",", 2)]
        cut = [(f"cut at {part} of 8", text[:len(text) * part // 8]) for part in range(8)]
        deep = '{"deep":' + '{"a":' * depth + "1" + "}" * depth + "," + text[1:]
        raw = text.encode()
        texts = cut + [
            ("a member twice", "{" + member + "," + text[1:]), ("a member twice, once escaped", "{" + member.replace(
                '"', '"\\u005f', 1).replace("\\u005f_", "\\u005f") + "," + text[1:]),
            ("an unknown member twice", '{"x":1,"x":1,' + text[1:]), ("a second object", text + text),
            ("a comma too many", text[:-1] + ",}"), ("single quotes", text.replace('"', "'")),
            ("a comment", "/* */" + text), ("NaN", '{"x":NaN,' + text[1:]), ("too deep", deep),
            ("in an array", f"[{text}]"), ("as text", canonical_text(text)), ("null", "null"), ("a number", "1"),
            ("a byte order mark", "\ufeff" + text), ("a lone surrogate", '{"x":"\\ud800",' + text[1:]),
            ("an unknown number of 2^53", '{"x":9007199254740992,' + text[1:]),
            ("a control character", '{"x":"\n",' + text[1:]), ("an unknown number that overflows", '{"x":1e999,' + text[1:]),
            ("invalid UTF-8", b'{"x":"\xff",' + raw[1:]), ("an overlong form", b'{"x":"\xc0\xaf",' + raw[1:]),
            ("a surrogate in UTF-8", b'{"x":"\xed\xa0\x80",' + raw[1:]), ("a NUL after", text + "\0")]
        for case, spoiled in texts:
            self.add(kind, "text", case, "malformed", spoiled, **given)

    def counts(self):
        """{(kind of count, name): number}: of each field and of each outcome."""
        counts = {}
        for row in self.rows:
            for name in (("field", f"{row['object']}.{row['field'].split('.')[0]}"), ("outcome", row["outcome"])):
                counts[name] = counts.get(name, 0) + 1
        return counts


def flips(raw, count, what):
    """`count` copies of the bytes `raw` with one bit of each turned over."""
    for n in range(count):
        at_bit = int.from_bytes(drawn(f"{what} {n}")[:4], "big") % (len(raw) * 8)
        yield f"bit {at_bit} turned", (int.from_bytes(raw, "little") ^ 1 << at_bit).to_bytes(len(raw), "little")
