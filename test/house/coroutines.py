"""Coroutine traps: what g++ 12 miscompiles, and what is wrong with every compiler. CONTRIBUTING.md tells more."""

import re

from house.tree import Fault, line_of, matching

_CONDITION = re.compile(r"\b(if|while|switch|for)\s*(?:constexpr\s*)?\(")
_AWAIT = re.compile(r"\bco_await\b")
_GUARD = re.compile(r"\b(?:std::)?(?:lock_guard|unique_lock|scoped_lock|shared_lock)\b(?:<[^;{}]*>)?\s+\w+\s*[({]")


def conditions(tree):
    """co_await inside the parentheses of if, while, switch or for: g++ 12 builds a program that crashes."""
    for path in tree.cpp():
        code = tree.code(path)
        for found in _CONDITION.finditer(code):
            end = matching(code, found.end() - 1)
            awaited = _AWAIT.search(code, found.end(), end)
            if awaited:
                yield Fault(path, line_of(code, awaited.start()), f"co_await in the condition of {found[1]}",
                            "await into a named result first, then test it")


def _expression(code, start):
    """The end of the expression that begins at `start`: where the statement or the enclosing bracket ends."""
    place = start
    while place < len(code):
        if code[place] in "([{":
            place = matching(code, place)
        elif code[place] in ";)]}":
            return place
        place += 1
    return place


def _trap(code, start, end):
    """(offset, what) of the first temporary in the expression that g++ 12 destroys twice; None if there is none."""
    place = start
    while place < end:
        before = code[start:place].rstrip()
        if code[place] == "[" and code[place:place + 2] != "[[" and not re.search(r"[\w\])>\"]$", before):
            close = matching(code, place)
            if code[place + 1:close].strip():
                return place, "a lambda with captures"
            body = code.find("{", close)
            place = matching(code, body) if body >= 0 else close
        elif code[place] == "{":
            return place, "a braced temporary"
        place += 1
    return None


def temporaries(tree):
    """Braced temporaries and capturing lambdas inside a co_await expression: g++ 12 destroys them twice."""
    for path in tree.cpp():
        code = tree.code(path)
        for found in _AWAIT.finditer(code):
            trap = _trap(code, found.end(), _expression(code, found.end()))
            if trap:
                yield Fault(path, line_of(code, trap[0]), f"{trap[1]} inside a co_await expression",
                            "give it a name in a statement before, then await")


def locks(tree):
    """co_await in the scope of a lock: the coroutine may go on in another thread, and everybody else waits."""
    for path in tree.cpp():
        code = tree.code(path)
        for found in _GUARD.finditer(code):
            declared = matching(code, found.end() - 1) + 1
            awaited = _AWAIT.search(code, declared, _scope_end(code, declared))
            if awaited:
                yield Fault(path, line_of(code, awaited.start()), "co_await while a lock is held",
                            "close the lock's scope first")


def _scope_end(code, place):
    """Where the innermost open brace at `place` is closed."""
    depth = 0
    while place < len(code):
        if code[place] == "{":
            depth += 1
        elif code[place] == "}":
            if depth == 0:
                return place
            depth -= 1
        place += 1
    return place
