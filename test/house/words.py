"""Words: names that say nothing, notes of unfinished work, paths of one machine, sleeps without a reason; and how files
begin and are formatted."""

import os
import re
import shutil
import subprocess

from house.rooms import rooms_of
from house.tree import CPP, Fault, line_of

_EMPTY_WORDS = {"util", "utils", "utility", "utilities", "helper", "helpers", "manager", "managers", "misc"}
_EMPTY_TYPE = re.compile(r"\b(?:class|struct|enum class)\s+(\w*(?:Util|Utils|Helper|Manager|Misc))\b")
_UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
# What belongs to one machine: its work trees, scratch folders and homes. (The brackets keep a rule from finding itself.)
_PRIVATE = re.compile(r"/wor[k]/\w|/tm[p]/b-\w|/tm[p]/brie[f]|\.librar[y]/|\bshare[d]/[A-Z]+\.md|/hom[e]/[a-z]+/|/roo[t]/\w")
_SLEEP = re.compile(r"\btime\.sleep\(|\basyncio\.sleep\(|\bsleep_for\(|\busleep\(|\bsetTimeout\(|^\s*sleep\s+[\d.]|[;&|]\s*sleep\s+[\d.]")
_TEXT = (".md", ".txt", ".toml", ".json", ".yaml", ".yml", ".py", ".mjs", ".js", ".html", ".css", ".service") + CPP


def _texts(tree):
    for path in tree.paths:
        if path.endswith(_TEXT) and not path.endswith("package-lock.json") or tree.language(path):
            yield path


def names(tree):
    for path in tree.paths:
        words = set(re.split(r"[\W_]+", os.path.splitext(os.path.basename(path))[0].lower()))
        if words & _EMPTY_WORDS:
            yield Fault(path, 1, f"the name says {(words & _EMPTY_WORDS).pop()}", "name it by its idea")
    for path in tree.cpp():
        code = tree.code(path)
        for found in _EMPTY_TYPE.finditer(code):
            yield Fault(path, line_of(code, found.start()), f"the type {found[1]}", "name it by what it is")


def _each_line(tree, pattern, what, mend):
    for path in _texts(tree):
        for number, line in enumerate(tree.lines(path), 1):
            found = pattern.search(line)
            if found:
                yield Fault(path, number, f"{what} {found[0].strip()}", mend)


def unfinished(tree):
    return _each_line(tree, _UNFINISHED, "the note", "finish it, or file an issue")


def private(tree):
    return _each_line(tree, _PRIVATE, "the path of one machine", "say it by the project's own paths")


def sleeps(tree):
    """A test that sleeps and hopes is slow on good days and wrong on bad ones."""
    for path in tree.paths:
        if not path.startswith("test/") or path.startswith("test/house/"):
            continue
        if not path.endswith((".cpp", ".hpp", ".mjs", ".js")) and not tree.language(path):
            continue
        lines = tree.lines(path)
        for number, line in enumerate(lines, 1):
            if _SLEEP.search(line) and not _has_reason(lines, number) and not _is_pause_of_loop(lines, number):
                yield Fault(path, number, "a sleep without a reason",
                            "wait for what is awaited, or say in a comment why time has to pass")


def _has_reason(lines, number):
    comment = re.compile(r"(#|//)\s*\w+")
    return bool(comment.search(lines[number - 1])) or (number > 1 and lines[number - 2].strip().startswith(("#", "//")))


def _is_pause_of_loop(lines, number):
    """A pause of at most 100 ms in a loop that looks again: the loop's condition is what is awaited."""
    line = lines[number - 1]
    seconds = re.search(r"sleep\(([\d.]+)\)", line)
    millis = re.search(r"(\d+)ms\b|milliseconds[({](\d+)", line)
    pause = float(seconds[1]) if seconds else float(millis[1] or millis[2]) / 1000 if millis else None
    if pause is None or pause > 0.1:
        return False
    indent = len(line) - len(line.lstrip())
    for above in reversed(lines[:number - 1]):
        deep = len(above) - len(above.lstrip())
        if above.strip() and deep < indent:
            if re.match(r"(while|for)\b", above.strip()):
                return True
            if re.match(r"(def|async def|TEST_CASE|class)\b", above.strip()):
                return False
            indent = deep
    return False


def beginnings(tree):
    for path in tree.named(".hpp"):
        lines = [line for line in tree.lines(path) if line.strip()]
        if not lines or lines[0] != "#pragma once":
            yield Fault(path, 1, "a header without #pragma once", "begin with it")
        elif len(lines) < 2 or not lines[1].startswith("//"):
            yield Fault(path, 2, "a header that does not say what it is for", "tell in a comment below #pragma once")


def readmes(tree):
    for room in rooms_of(tree):
        if tree.cpp(f"lib/{room}/") and f"lib/{room}/README.md" not in tree.paths:
            yield Fault(f"lib/{room}/README.md", 1, "the room has no README.md",
                        "tell its one idea, the reading order and the thread rule in 10 to 25 lines")


def formatting(tree):
    """clang-format-14 by name: versions differ. Gives None, which skips the rule, where it is not installed."""
    if not shutil.which("clang-format-14"):
        return None
    files = tree.cpp()
    if not files:
        return []
    done = subprocess.run(["clang-format-14", "--dry-run", *files], cwd=tree.root, capture_output=True, text=True)
    first = {}
    for found in re.finditer(r"^([^\s:]+):(\d+):\d+: \w+: .*\[-Wclang-format-violations\]", done.stderr, re.MULTILINE):
        first.setdefault(found[1], int(found[2]))
    return [Fault(path, line, "not as clang-format-14 would have it", f"clang-format-14 -i {path}")
            for path, line in first.items()]
