"""Rooms: who may include whom, and what the core may not touch."""

import re

from house.tree import Fault, line_of

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
_ROOM = re.compile(r"^sealpost_room\((\w+)([^)]*)\)", re.MULTILINE)

_CORE = ("object", "mqtt", "lane", "auth")
_JOINTS = ("pipeline", "bot")

_MODEL = "test/model/"
_MODEL_LINES_MAX = 200
_STANDARD = re.compile(r"^[a-z_]+$")  # <vector>, but no <boost/json.hpp> and no <unistd.h>

_CORE_HEADERS = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|fstream|filesystem|random|"
    r"ctime|time\.h|unistd\.h|fcntl\.h|poll\.h|netdb\.h|sys/.*|arpa/.*|netinet/.*|boost/asio.*|boost/beast.*|"
    r"openssl/rand\.h|sqlite3\.h|spdlog/.*|base/files\.hpp)$")
_CORE_WORDS = re.compile(
    r"\b(\w+_clock::now|std::random_device|std::(?:jthread|thread|mutex|async|[io]?fstream)|this_thread|clock_gettime|"
    r"gettimeofday|getenv|randombytes_\w+|RAND_bytes|crypto_sign_keypair|fopen)\b|(?<![\w.>:])(?:std::)?time\((?:nullptr|NULL|0)\)")
_JOINT_HEADERS = re.compile(
    r"^(boost/asio/(ip/.*|local/.*|ssl.*|\w*(socket|acceptor|resolver)\w*\.hpp|\w*steady_timer\.hpp|\w*system_timer\.hpp)|boost/asio\.hpp|"
    r"boost/beast.*|sys/socket\.h|netinet/.*|arpa/.*|netdb\.h|sys/un\.h)$")
_JOINT_WORDS = re.compile(
    r"\b(asio::(?:ip|local|ssl)|(?:tcp|udp|stream_protocol)::socket|(?:system|steady|high_resolution)_clock|"
    r"(?:steady|system)_timer|clock_gettime|gettimeofday)\b")


def rooms_of(tree):
    """{room: what it may include}, from the sealpost_room lines of CMakeLists.txt, with what those rooms use."""
    allowed = {}
    text = tree.text("CMakeLists.txt") if "CMakeLists.txt" in tree.paths else ""
    for room, needs in _ROOM.findall(text):
        allowed[room] = {room}
        for need in needs.split():
            allowed[room] |= allowed.get(need, set())
    return allowed


def includes(tree, path):
    """(line, is_quoted, header) of each include of the file."""
    text = tree.text(path)
    for found in _INCLUDE.finditer(text):
        yield line_of(text, found.start(1)), found[1] == '"', found[2]


def order(tree):
    allowed = rooms_of(tree)
    for path in tree.cpp("lib/"):
        room = path.split("/")[1]
        if room not in allowed:
            yield Fault(path, 1, f"lib/{room} is no room", "name it by a sealpost_room line in CMakeLists.txt")
            continue
        for line, _, header in includes(tree, path):
            used = header.split("/")[0]
            if header.startswith("."):
                yield Fault(path, line, f"include of {header}", 'include as "room/file.hpp"')
            elif used in ("server", "app", "cli") and f"server/{used}/" != header:
                if any(other.startswith(f"server/{used}/") for other in tree.paths):
                    yield Fault(path, line, f"a part includes the program's {header}", "move what it needs to lib")
            elif used in allowed and used not in allowed[room]:
                yield Fault(path, line, f"{room} may not include {used}",
                            "move what it needs to a lower room, or take it as an argument or a port")


def room_order(tree):
    """A sealpost_room line may name only rooms above it."""
    if "CMakeLists.txt" not in tree.paths:
        return
    text = tree.text("CMakeLists.txt")
    every = {room for room, _ in _ROOM.findall(text)}
    seen = set()
    for found in _ROOM.finditer(text):
        for need in found[2].split():
            if need in every and need not in seen:
                yield Fault("CMakeLists.txt", line_of(text, found.start()), f"{found[1]} uses {need}, which is below it",
                            "the order of the lines is the order of the rooms")
        seen.add(found[1])


def purity(tree):
    for room in _CORE + _JOINTS:
        core = room in _CORE
        headers, words = (_CORE_HEADERS, _CORE_WORDS) if core else (_JOINT_HEADERS, _JOINT_WORDS)
        mend = ("take time, randomness and bytes as arguments" if core else
                "use the ports of base, and net's Channel: only `awaitable`, strands and posting come from Asio")
        for path in tree.cpp(f"lib/{room}/"):
            for line, _, header in includes(tree, path):
                if headers.match(header):
                    yield Fault(path, line, f"{room} includes <{header}>", mend)
            code = tree.code(path)
            for found in words.finditer(code):
                yield Fault(path, line_of(code, found.start()), f"{room} names {found[0]}", mend)


def model(tree):
    """The reference model must not lean on what it judges, and must be readable in one go."""
    for path in tree.cpp(_MODEL):
        for line, is_quoted, header in includes(tree, path):
            if is_quoted or not _STANDARD.match(header):
                yield Fault(path, line, f"the reference model includes {header}",
                            "it knows only the protocol and the standard library")
        lines = len(tree.lines(path)) - 1
        if lines > _MODEL_LINES_MAX:
            yield Fault(path, _MODEL_LINES_MAX + 1, f"the reference model has {lines} lines, over {_MODEL_LINES_MAX}",
                        "say less, or say it shorter")
