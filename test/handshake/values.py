"""What may stand in a field and must not, by the kind of the field, for vectors.py: pairs of a name and a value."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from signed import ABSENT, b64, unb64  # noqa: E402

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Literal:
    """A number as it is written: `text` stands where canonical form would write `value`, which is what is signed."""

    def __init__(self, text, value=0):
        self.text, self.value = text, value


def another_kind(*but):
    """Values of every kind of JSON but those named."""
    kinds = {"null": None, "true": True, "false": False, "zero": 0, "fraction": 1.5, "text": "x", "empty text": "",
             "array": [], "array of one": [1], "object": {}, "object of one": {"x": 1}}
    return [("absent", ABSENT)] + [(name, value) for name, value in kinds.items() if name not in but]


def name32(good):
    """Instead of the link or permalink `good`, lower-case hex."""
    return another_kind("fraction") + [
        ("63 digits", good[:-1]), ("65 digits", good + "0"), ("upper case", good.upper()),
        ("one upper-case digit", "A" + good[1:]), ("no hex digit", "g" + good[1:]), ("none, all zero", "0" * 64),
        ("with 0x", "0x" + good[2:]), ("a space before", " " + good[1:]), ("a newline after", good[:-1] + "\n"),
        ("base64url", b64(bytes.fromhex(good))), ("half of it", good[:32]), ("twice", good + good),
        ("in an array", [good]), ("full-width digit", "\uff10" + good[1:])]


def raw_bytes(good):
    """Instead of the base64url `good`."""
    raw = unb64(good)
    last = ALPHABET[ALPHABET.index(good[-1]) + 1]  # sets an unused bit
    return another_kind("fraction") + [
        ("a byte less", b64(raw[:-1])), ("a byte more", b64(raw + b"\0")), ("with padding", good + "="),
        ("hex", raw.hex()), ("plus", "+" + good[1:]), ("slash", "/" + good[1:]), ("an unused bit set", good[:-1] + last),
        ("a space after", good + " "), ("a newline within", good[:8] + "\n" + good[8:]), ("cut", good[:-1]),
        ("twice", good + good), ("a NUL before", "\0" + good[1:]), ("in an array", [good])]


def whole_number(least=0):
    """Instead of a whole number from `least`."""
    return another_kind("zero", "false") + [
        ("digits as text", "7"), ("negative", -1), ("half", 0.5), ("2^53", 2**53), ("-2^53", -2**53),
        ("1e300", 1e300), ("beyond a double", Literal("1e400")), ("a long literal", Literal("1" + "0" * 30)),
        ("1e17", Literal("1e17")), ("a leading zero", Literal("01")), ("a plus sign", Literal("+1")),
        ("hex", Literal("0x1"))] + ([("zero", 0)] if least > 0 else [])


def number_as_written(good):
    """Other ways to write `good`: the same number."""
    return [("with a fraction of zero", Literal(f"{good}.0", good)), ("with an exponent", Literal(f"{good}e0", good)),
            ("with E+0", Literal(f"{good}E+0", good)), ("with a longer fraction", Literal(f"{good}.000", good))]


def some_text(good):
    return another_kind("text", "fraction") + [("513 bytes", "x" * 513), ("in an array", [good]),
                                               ("in an object", {"text": good})]


def label(good):
    """Instead of a device label or log id."""
    return another_kind("text", "fraction") + [
        ("33 characters", "x" * 33), ("a space within", "a b"), ("a dot", "a.b"), ("a slash", "a/b"), ("a plus", "a+b"),
        ("a number sign", "a#b"), ("no ASCII", "tel\u00e9fono"), ("a NUL", good + "\0"), ("a space before", " " + good),
        ("a newline after", good + "\n"), ("a dollar", "$SYS"), ("in an array", [good])]


def one_of(good):
    """Instead of a word out of a list."""
    return another_kind("fraction") + [
        ("upper case", good.upper()), ("capital", good.capitalize()), ("a space after", good + " "),
        ("a space before", " " + good), ("a NUL after", good + "\0"), ("cut", good[:-1]), ("longer", good + "s"),
        ("in an array", [good])]


def flag():
    return another_kind("true", "false") + [("one", 1), ("the word true", "true"), ("the word false", "false"),
                                            ("minus one", -1), ("yes", "yes"), ("in an array", [True]),
                                            ("1.0", Literal("1.0", 1)), ("TRUE", Literal("TRUE")), ("t", "t"),
                                            ("an array of none", [None])]


def object_type(good, others):
    return another_kind("fraction") + [(f"{each}", each) for each in others] + [
        ("lower case", good.lower()), ("a space after", good + " "), ("a space before", " " + good),
        ("longer", good + "2"), ("without its prefix", good.split(".")[1]), ("another prefix", "demo." + good),
        ("257 bytes", "x" * 257), ("a NUL after", good + "\0"), ("in an array", [good])]


def structure(good, text):
    """Instead of an object; `text` is its JSON."""
    return another_kind("fraction") + [("its JSON as text", text), ("in an array", [good])]
