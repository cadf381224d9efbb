"""Dead files: sources that no target builds, headers that nobody includes, scripts that nobody names, pages without a
link to them."""

import fnmatch
import os
import re

from house.rooms import includes
from house.tree import Fault

_GLOB = re.compile(r"file\(GLOB\s+\w+\s+(?:CONFIGURE_DEPENDS\s+)?([^)]*)\)")
_LITERAL = re.compile(r"[\w./${}-]+\.(?:cpp|c)\b")
_LOOP = re.compile(r"foreach\((\w+) ([^)]*)\)")
_FUNCTION = re.compile(r"^function\((\w+)((?: \w+)+)\)", re.MULTILINE)
_SELF_NAMED = ("_test.py", "__init__.py", "__main__.py")  # found by their names


def _patterns(tree):
    """The path patterns of all sources that the build names, its variables replaced by what they stand for."""
    patterns = set()
    for path in tree.named("CMakeLists.txt"):
        folder = os.path.dirname(path)
        text = re.sub(r"#[^\n]*", "", tree.text(path))
        values = _values(text)
        named = [word for found in _GLOB.finditer(text) for word in found[1].split()] + _LITERAL.findall(text)
        for word in named:
            for whole in _expanded(word, values):
                whole = whole.replace("${CMAKE_CURRENT_SOURCE_DIR}", folder or ".")
                whole = re.sub(r"\$\{(PROJECT|CMAKE)_SOURCE_DIR\}/?", "/", whole)
                patterns.add(whole[1:] if whole.startswith("/") else
                             os.path.normpath(whole if whole.startswith((folder + "/", "./")) else
                                              os.path.join(folder, whole)))
    return patterns


def _values(text):
    """{variable: all that it stands for}, of the loops, and of the functions by their calls."""
    values = {}
    for name, words in _LOOP.findall(text):
        values.setdefault(name, []).extend(words.split())
    for function, parameters in _FUNCTION.findall(text):
        for call in re.findall(rf"^{function}\(([^)]*)\)", text, re.MULTILINE):
            for name, word in zip(parameters.split(), call.split()):
                values.setdefault(name, []).append(word)
    return values


def _expanded(word, values):
    found = next((name for name in values if "${" + name + "}" in word), None)
    if found is None:
        return [word]
    return [whole for value in values[found] for whole in _expanded(word.replace("${" + found + "}", value), values)]


def sources(tree):
    patterns = _patterns(tree)
    for path in tree.named(".cpp", ".c"):
        alive = any(fnmatch.fnmatch(path, pattern) and path.count("/") == pattern.count("/") for pattern in patterns)
        if not alive:
            yield Fault(path, 1, "no target builds this source", "name it in a CMakeLists.txt, or delete it")


def headers(tree):
    included = set()
    for path in tree.cpp():
        for _, _, header in includes(tree, path):
            included.add((path, header))
    for path in tree.named(".hpp"):
        if not any(path.endswith("/" + header) and user != path for user, header in included):
            yield Fault(path, 1, "nobody includes this header", "delete it, or include it where it is needed")


def scripts(tree):
    """A script is alive when another file names it, or imports it."""
    every = [path for path in tree.paths if not path.endswith((".md", "LICENSE"))]
    for path in tree.paths:
        name = os.path.basename(path)
        is_script = path.endswith((".mjs", ".js")) or tree.language(path)
        if not is_script or "/" not in path or name.endswith(_SELF_NAMED) or path == ".ci/run":
            continue
        stem = re.escape(name[:-3]) if name.endswith(".py") else None
        imported = re.compile(rf"(?:from|import)\s+[\w., ]*\b{stem}\b") if stem else None
        if not any(other != path and (name in tree.text(other) or (imported and imported.search(tree.text(other))))
                   for other in every):
            yield Fault(path, 1, "nobody names this script", "delete it, or call it where it is needed")


def pages(tree):
    """Every page but those at the top is linked from another."""
    linked = set()
    for path in tree.named(".md"):
        for _, target in links(tree, path):
            if target and not re.match(r"[a-z]+:", target):
                linked.add((path, os.path.normpath(os.path.join(os.path.dirname(path), target.split("#")[0]))))
    for path in tree.named(".md", under="docs/"):
        if not any(target in (path, os.path.dirname(path)) and page != path for page, target in linked):
            yield Fault(path, 1, "no other page links to this one", "link to it from README.md or the page above it")


_LINK = re.compile(r"\[[^\]\[]*\]\(<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\)")


def links(tree, path):
    """(line, target) of each link of the page, outside of code."""
    fenced = False
    for number, line in enumerate(tree.lines(path), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            for found in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
                yield number, found[1]


def _anchors(text):
    """The anchors of the page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+\s+(.*?)\s*#*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def resolution(tree):
    every = set(tree.paths) | {os.path.dirname(path) for path in tree.paths}
    for path in tree.named(".md"):
        for line, target in links(tree, path):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            whole = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if whole not in every and not any(other.startswith(whole + "/") for other in every):
                yield Fault(path, line, f"the link {target} leads nowhere", "name a file of the project")
            elif anchor and whole.endswith(".md") and anchor not in _anchors(tree.text(whole)):
                yield Fault(path, line, f"{whole} has no heading #{anchor}", "name one that is there")
