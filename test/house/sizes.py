"""Sizes: what a reader must hold in mind at once has a bound."""

import ast
import re

from house.tree import Fault, line_of, matching

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 80
# path or path:function -> why it may be larger. Empty is how it should be.
ALLOWED = {}

_SCOPE = re.compile(r"\b(namespace|extern)\b[^;(){}]*$")
_TYPE = re.compile(r"(?:^|\s)(?:class|struct|union|enum)\b(?![^;{}]*\)\s*(?:const|noexcept|override|\s)*$)[^;{}]*$")
_NAME = re.compile(r"([~\w:]+|operator\s*\S+?)\s*\(")


def code_lines(tree, path):
    """How many lines have code on them."""
    if path.endswith((".hpp", ".cpp", ".js", ".mjs")):
        lines = tree.code(path).split("\n")
        return sum(bool(line.strip()) for line in lines)
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in tree.lines(path))


def functions(code):
    """(name, first line, number of lines) of each function with a body in blanked C++ text. By braces: one that
    follows a parameter list outside of any function opens a function."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda found: re.sub(r"[^\n]", " ", found[0]), code,
                  flags=re.MULTILINE)
    place = start = 0
    while place < len(code):
        char = code[place]
        if char in ";}":
            start = place + 1
        elif char == "(":
            place = matching(code, place)
        elif char == "{":
            head = code[start:place]
            if "(" in head and not _SCOPE.search(head) and not _TYPE.search(head):
                end = matching(code, place)
                first = start + len(head) - len(head.lstrip())
                name = _NAME.search(head)
                yield (name[1] if name else "?", line_of(code, first), _length(code[first:end]))
                place = end
            elif "=" in head and not _TYPE.search(head):
                place = matching(code, place)  # an initializer
            start = place + 1
        place += 1


def _length(body):
    """Lines, not counting the labels of a switch: a table is read row by row."""
    return sum(not line.lstrip().startswith("case ") for line in body.split("\n"))


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def measured(tree, path):
    if path.endswith((".hpp", ".cpp")):
        return functions(tree.code(path))
    return python_functions(tree.text(path)) if tree.language(path) == "python" else ()


def sizes(tree):
    for path in tree.paths:
        if not path.endswith((".hpp", ".cpp", ".js", ".mjs")) and not tree.language(path):
            continue
        lines = code_lines(tree, path)
        if lines > FILE_LINES_MAX and path not in ALLOWED:
            yield Fault(path, 1, f"{lines} lines of code, over {FILE_LINES_MAX}", "split it by its ideas")
        for name, line, length in measured(tree, path):
            if length > FUNCTION_LINES_MAX and f"{path}:{name}" not in ALLOWED:
                yield Fault(path, line, f"{name} has {length} lines, over {FUNCTION_LINES_MAX}",
                            "name its parts and let it read as a summary of them")
