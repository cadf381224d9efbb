"""The files of the project, and C++ text with its comments and strings blanked out."""

import functools
import os
import re
import subprocess

CPP = (".hpp", ".cpp")
SKIPPED_FOLDERS = {".git", "build", "data", "node_modules", "__pycache__", ".cache"}


class Fault:
    """A breach of a rule: where, what, and how to mend it."""

    def __init__(self, path, line, what, mend):
        self.path, self.line, self.what, self.mend = path, line, what, mend

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}: {self.mend}"


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = sorted(path for path in _listed(root) if os.path.isfile(os.path.join(root, path)))

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        return blanked(self.text(path))

    def lines(self, path):
        return self.text(path).split("\n")

    def named(self, *endings, under=""):
        return [path for path in self.paths if path.endswith(endings) and path.startswith(under)]

    def cpp(self, under=""):
        return self.named(*CPP, under=under)

    @functools.lru_cache(maxsize=None)
    def language(self, path):
        """python, bash or '' by the name or the first line."""
        if path.endswith(".py"):
            return "python"
        first = self.text(path)[:80].split("\n")[0]
        if path.endswith(".sh") or (first.startswith("#!") and "bash" in first) or "shell=bash" in first:
            return "bash"
        return "python" if first.startswith("#!") and "python" in first else ""


def _listed(root):
    if os.path.isdir(os.path.join(root, ".git")):
        command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")) - {""}
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return found


# A comment, a raw string, a string, or a character (which is not the separator in 1'000).
_NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])+\'',
                       re.DOTALL)


def blanked(text):
    """The C++ text with comments and the insides of literals as spaces: every character keeps its place."""

    def blank(found):
        whole = found[0]
        inner = "".join(c if c == "\n" else " " for c in whole)
        return inner if whole.startswith(("//", "/*")) else '"' + inner[1:-1] + '"'

    return _NOT_CODE.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def matching(code, opening):
    """The offset of the bracket that closes the one at `opening`; the end of the text if there is none."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    open_, close = code[opening], pairs[code[opening]]
    depth = 0
    for place in range(opening, len(code)):
        if code[place] == open_:
            depth += 1
        elif code[place] == close:
            depth -= 1
            if depth == 0:
                return place
    return len(code) - 1
