"""The test of the rules: small trees with a planted breach that a rule must find at its line, and good ones in which no
rule may find anything."""

import os
import tempfile

from house.tree import Tree

_CMAKE = """sealpost_room(base)
sealpost_room(object base)
sealpost_room(net base)
sealpost_room(pipeline object net)
function(sealpost_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/${name}/*.cpp)
endfunction()
"""

# A tree in which everything is right, with what looks like a breach and is none.
GOOD = {
    "CMakeLists.txt": _CMAKE,
    "README.md": "# It\nSee [the design](docs/design.md#the-one-idea). `[not](a-link.md)`\n",
    "docs/design.md": "# Design\n\n## The one idea\n\n[back](../README.md) [out](https://example.org/x)\n",
    "lib/base/README.md": "# base\n",
    "lib/base/bytes.hpp": "#pragma once\n// Bytes.\n",
    "lib/base/bytes.cpp": '#include "base/bytes.hpp"\n',
    "lib/object/README.md": "# object\n",
    "lib/object/object.cpp": '''#include "base/bytes.hpp"

// std::mutex and steady_clock::now() are for others.
const char* const text = "time(nullptr) co_await if (x) {";
int timed(Clock& clock) {
  return clock.now();
}
''',
    "lib/pipeline/README.md": "# pipeline\n",
    "lib/pipeline/receive.cpp": '''#include "base/bytes.hpp"

Task receive(Things things) {
  const Point point{1, 2};
  {
    std::lock_guard lock{mutex};
    ++count;
  }
  const int got = co_await read(things[point.x], point, [](int a) { return a + 1; });
  if (got > 0) {
    co_await write(got);
  }
  co_return;
}
''',
    "test/model/model.hpp": "#pragma once\n// What is owed.\n#include <vector>\n" + "int a;\n" * 197,
    "test/object/model_test.cpp": '#include "model/model.hpp"\n',
    "test/CMakeLists.txt": "file(GLOB sources ${CMAKE_CURRENT_SOURCE_DIR}/object/*.cpp)\n",
    "test/object/slow.sh": "#!/bin/bash\n# The certificate has to expire.\nsleep 2\n",
    "test/object/run_test.py": "CALLS = 'slow.sh'\n\nwhile not done():\n    time.sleep(0.05)\n",
}

_LONG_FUNCTION = "int f(int a) {\n" + "  a += 1;\n" * 90 + "  return a;\n}\n"
_TASK = "Task f(int a) {\n%s\n}\n"


def _source(text, path="lib/pipeline/receive.cpp"):
    return {path: text}


# (rule, files that replace those of the good tree, where the fault must be found)
PLANTED = [
    ("room-order", {"CMakeLists.txt": _CMAKE.replace("(object base)", "(object base net)")}, "CMakeLists.txt:2"),
    ("room-includes", _source('\n#include "net/channel.hpp"\n', "lib/object/object.cpp"), "lib/object/object.cpp:2"),
    ("room-includes", _source('#include "../base/bytes.hpp"\n'), "lib/pipeline/receive.cpp:1"),
    ("room-includes", _source('#include "base/bytes.hpp"\n', "lib/attic/old.cpp"), "lib/attic/old.cpp:1"),
    ("purity", _source("#include <string>\n#include <mutex>\n", "lib/object/object.cpp"), "lib/object/object.cpp:2"),
    ("purity", _source('#include "base/files.hpp"\n', "lib/object/object.cpp"), "lib/object/object.cpp:1"),
    ("purity", _source("\nauto t = std::chrono::system_clock::now();\n", "lib/object/object.cpp"),
     "lib/object/object.cpp:2"),
    ("purity", _source("auto t = time(nullptr);\n", "lib/object/object.cpp"), "lib/object/object.cpp:1"),
    ("purity", _source("\n\nasio::ip::tcp::endpoint peer;\n"), "lib/pipeline/receive.cpp:3"),
    ("purity", _source("#include <boost/asio/ip/tcp.hpp>\n"), "lib/pipeline/receive.cpp:1"),
    ("purity", _source("asio::steady_timer timer;\n"), "lib/pipeline/receive.cpp:1"),
    ("model", _source("#pragma once\n// What is owed.\n#include \"lane/inbound.hpp\"\n", "test/model/model.hpp"),
     "test/model/model.hpp:3"),
    ("model", _source("#pragma once\n// What is owed.\n#include <boost/json.hpp>\n", "test/model/model.hpp"),
     "test/model/model.hpp:3"),
    ("model", _source("#pragma once\n// What is owed.\n#include <vector>\n" + "int a;\n" * 198,
                      "test/model/model.hpp"), "test/model/model.hpp:201"),
    ("sizes", _source("\n" + _LONG_FUNCTION), "lib/pipeline/receive.cpp:2"),
    ("sizes", _source("struct S : T {\n  S() : T{1}, a_(2) {}\n" + _LONG_FUNCTION + "};\n"),
     "lib/pipeline/receive.cpp:3"),
    ("sizes", _source("int a;\n" * 501), "lib/pipeline/receive.cpp:1"),
    ("sizes", {"test/object/run_test.py": "# slow.sh\ndef f(a):\n" + "    a += 1\n" * 90}, "test/object/run_test.py:2"),
    ("await-in-condition", _source(_TASK % "  if (co_await g(a)) return;"), "lib/pipeline/receive.cpp:2"),
    ("await-in-condition", _source(_TASK % "  while (a > 0 &&\n         co_await g(a)) {}"), "lib/pipeline/receive.cpp:3"),
    ("await-in-condition", _source(_TASK % "  switch (co_await g(a)) {}"), "lib/pipeline/receive.cpp:2"),
    ("await-temporaries", _source(_TASK % "  co_await g(Point{1, a});"), "lib/pipeline/receive.cpp:2"),
    ("await-temporaries", _source(_TASK % "  auto b = co_await g(\n      {1, a});"), "lib/pipeline/receive.cpp:3"),
    ("await-temporaries", _source(_TASK % "  co_await g([a] { return a; });"), "lib/pipeline/receive.cpp:2"),
    ("await-temporaries", _source(_TASK % "  co_await g(a, [this] { return 1; }());"), "lib/pipeline/receive.cpp:2"),
    ("await-under-lock", _source(_TASK % "  std::lock_guard lock(mutex);\n  co_await g(a);"),
     "lib/pipeline/receive.cpp:3"),
    ("await-under-lock", _source(_TASK % "  std::unique_lock<std::mutex> lock{m};\n  if (a) {\n    co_await g(a);\n  }"),
     "lib/pipeline/receive.cpp:4"),
    ("dead-sources", _source("int a;\n", "lib/pipeline/old/left.cpp"), "lib/pipeline/old/left.cpp:1"),
    ("dead-sources", _source("int a;\n", "lib/attic/left.cpp"), "lib/attic/left.cpp:1"),
    ("dead-headers", _source("#pragma once\n// Left over.\n", "lib/net/left.hpp"), "lib/net/left.hpp:1"),
    ("dead-scripts", {"test/object/run_test.py": "pass\n"}, "test/object/slow.sh:1"),
    ("dead-pages", {"docs/left.md": "# Left\n"}, "docs/left.md:1"),
    ("links", {"docs/design.md": "# Design\n## The one idea\n[x](nowhere.md)\n"}, "docs/design.md:3"),
    ("links", {"docs/design.md": "# Design\n"}, "README.md:2"),
    ("names", _source("", "lib/pipeline/string_utils.cpp"), "lib/pipeline/string_utils.cpp:1"),
    ("names", _source("\nclass ClientManager;\n"), "lib/pipeline/receive.cpp:2"),
    ("unfinished", _source("\n// TO" + "DO: the rest\n"), "lib/pipeline/receive.cpp:2"),
    ("private-paths", {"README.md": "# It\nRun /wor" + "k/main/launch. [x](docs/design.md)\n"}, "README.md:2"),
    ("sleeps", {"test/object/run_test.py": "# slow.sh\n\nimport time\n\ntime.sleep(1)\n"}, "test/object/run_test.py:5"),
    ("sleeps", {"test/object/run_test.py": "# slow.sh\nwhile late():\n    time.sleep(5)\n"}, "test/object/run_test.py:3"),
    ("sleeps", {"test/object/slow.sh": "#!/bin/bash\n\nsleep 2\n"}, "test/object/slow.sh:3"),
    ("header-beginnings", _source("// Bytes.\n#pragma once\n", "lib/base/bytes.hpp"), "lib/base/bytes.hpp:1"),
    ("header-beginnings", _source("#pragma once\n\nnamespace a {}\n", "lib/base/bytes.hpp"), "lib/base/bytes.hpp:2"),
    ("room-readmes", {"lib/pipeline/README.md": None}, "lib/pipeline/README.md:1"),
    ("format", _source("\nint  a;\n"), "lib/pipeline/receive.cpp:2"),
]


def _found(rules, names, files):
    """{rule: the places of its faults} in a tree of these files; a rule whose tool is missing has None."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            if text is None:
                continue
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(root, ".clang-format"), "w", encoding="utf-8") as file:
            file.write("BasedOnStyle: Google\nColumnLimit: 120\nAllowShortFunctionsOnASingleLine: Inline\n")
        tree = Tree(root)
        found = {}
        for name in names:
            faults = rules[name](tree)
            found[name] = None if faults is None else [f"{fault.path}:{fault.line}" for fault in faults]
        return found


def _judge(rule, found, expected):
    """'passed', 'failed' or 'skipped', told with the reason."""
    if found is None:
        print(f"SKIP {rule}: its tool is not installed")
        return "skipped"
    good = expected in found if expected else not found
    if not good:
        print(f"FAIL {rule}: " + (f"did not find what is planted at {expected}, but {found}" if expected else
                                  f"found a fault in what is good: {found}"))
    return "passed" if good else "failed"


def self_test(rules):
    verdicts = []
    for rule, found in _found(rules, rules, GOOD).items():
        verdicts.append(_judge(rule, found, None))
    for rule, changes, expected in PLANTED:
        verdicts.append(_judge(rule, _found(rules, [rule], {**GOOD, **changes})[rule], expected))
    for rule in set(rules) - {planted[0] for planted in PLANTED}:
        print(f"FAIL {rule}: nothing is planted for it")
        verdicts.append("failed")
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("passed", "failed", "skipped")))
    return "failed" not in verdicts
