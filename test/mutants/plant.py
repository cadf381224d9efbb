#!/usr/bin/env python3
"""plant.py --files | OUT: plants the mutants of mutants.toml in copies of the sources that they are of.

A copy lies in OUT under the source's own path, and OUT/names.inc has the names of all. A mutant whose text does not
stand in its source exactly once ends this with a message: the source has changed, and the mutant has to follow.
"""
import argparse
import collections
import os
import re
import sys
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIST = os.path.join(HERE, "mutants.toml")
KEYS = {"name", "file", "text", "planted", "first", "breaks", "short"}


class Unfit(Exception):
    """A mutant that cannot be planted; the message says which and why."""


def mutants():
    with open(LIST, "rb") as file:
        found = tomllib.load(file)["mutant"]
    for mutant in found:
        check(mutant)
    names = collections.Counter(mutant["name"] for mutant in found)
    for name, count in names.items():
        if count > 1:
            raise Unfit(f"{name}: there are {count} mutants of this name")
    return found


def check(mutant):
    name = mutant.get("name", "a mutant without a name")
    unknown = set(mutant) - KEYS
    if unknown:
        raise Unfit(f"{name}: unknown {', '.join(sorted(unknown))}")
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name):
        raise Unfit(f"{name}: a name is words of a-z and 0-9 with - between")
    for key in ("file", "text", "breaks"):
        if not mutant.get(key):
            raise Unfit(f"{name}: `{key}` is missing")
    if ("planted" in mutant) == ("first" in mutant):
        raise Unfit(f"{name}: it needs either `planted` or `first`")
    if not re.fullmatch("(lib|server)/.*[.]cpp", mutant["file"]):
        raise Unfit(f"{name}: {mutant['file']} is no source of lib/ or server/ (headers are compiled in too many places)")


def place_of(mutant, source):
    text = mutant["text"].strip()
    count = source.count(text)
    if count != 1:
        raise Unfit(f"{mutant['name']}: its text stands {count} times in {mutant['file']}, and must stand there once. "
                    f"Bring the mutant in {os.path.relpath(LIST, ROOT)} up to date:\n{text}")
    return source.index(text), text


def is_statement(text):
    return ";" in re.sub(r'"[^"]*"', "", text)


def switched(text, here):
    """The text with all mutants of it, of which the chosen one is done instead."""
    instead = [mutant for mutant in here if "planted" in mutant]
    for mutant in instead:
        on, other = f'::sealpost::mutant("{mutant["name"]}")', mutant["planted"].strip()
        if is_statement(text):
            text = f"{{ if ({on}) {{\n{other}\n}} else {{\n{text}\n}} }}"
        else:
            text = f"({on} ? ({other}) : ({text}))"
    for mutant in here:
        if "first" in mutant:
            text = f'if (::sealpost::mutant("{mutant["name"]}")) {{\n{mutant["first"].strip()}\n}}\n{text}'
    return text


def planted(source, those):
    places = collections.defaultdict(list)
    for mutant in those:
        places[place_of(mutant, source)].append(mutant)
    end = len(source)
    for (start, text), here in sorted(places.items(), key=lambda item: -item[0][0]):
        if start + len(text) > end:
            raise Unfit(f"{here[0]['name']}: its text overlaps with that of another mutant")
        source = source[:start] + switched(text, here) + source[start + len(text):]
        end = start
    return '#include "mutants/mutant.hpp"\n' + source


def write_if_new(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def plant(out):
    of_file = collections.defaultdict(list)
    for mutant in mutants():
        of_file[mutant["file"]].append(mutant)
    for path, those in of_file.items():
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            source = file.read()
        write_if_new(os.path.join(out, path), planted(source, those))
    names = sorted(mutant["name"] for mutant in mutants())
    write_if_new(os.path.join(out, "names.inc"), "".join(f'"{name}",\n' for name in names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", action="store_true", help="only name the sources that have mutants")
    parser.add_argument("out", nargs="?", help="the folder for the copies")
    options = parser.parse_args()
    try:
        if options.files:
            print("\n".join(sorted({mutant["file"] for mutant in mutants()})))
        elif options.out:
            plant(options.out)
        else:
            parser.error("it needs a folder, or --files")
    except Unfit as unfit:
        sys.exit(f"{os.path.relpath(LIST, ROOT)}: {unfit}")


if __name__ == "__main__":
    main()
