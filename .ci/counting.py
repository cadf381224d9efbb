"""What the scripts of .ci share: the count of tests, and running a command that may hang.

Every script that runs tests ends its output with the line `N passed, N failed, N skipped`, and tells each skip in a
line `SKIP name: reason`."""

import os
import re
import signal
import subprocess
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")

# A sanitizer's finding ends the program, with a stack trace of names and lines.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
    "TSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
}


_running = {}  # by process group: the command and its lines, of each that has not ended


# Being stopped ends what run() below has started, and tells what each was doing.
def _stop(*_):
    for group, (command, lines) in list(_running.items()):
        _kill_group(group)
        print("\n".join([f"FAIL {' '.join(command)}: was stopped; its last lines:", *lines[-20:]]), flush=True)
    os._exit(143)


signal.signal(signal.SIGTERM, _stop)


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_of(lines, status, name):
    """The count that a test program's output ends with; a program that breaks, or runs nothing, has failed."""
    found = next((COUNT_LINE.match(line) for line in reversed(lines) if line.strip()), None)
    if not found:
        print(f"FAIL {name}: ended with status {status} and without a count")
        return Count(failed=1)
    count = Count(*map(int, found.groups()))
    if count.passed + count.failed + count.skipped == 0:
        print(f"FAIL {name}: ran no test")
        count.failed = 1
    elif status != 0 and count.failed == 0:
        print(f"FAIL {name}: counted no failure, but ended with status {status}")
        count.failed = 1
    return count


def run(command, seconds, quiet=False, **options):
    """Runs the command and, unless it is to be quiet, passes its output on as it comes; returns (status, lines). It has a
    process group of its own, and what is left of that when the command ends, or when its time is over, is killed:
    nothing hangs."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True, text=True, errors="replace", **options)
    lines = []
    _running[child.pid] = command, lines
    reader = threading.Thread(target=_pass_on, args=(child.stdout, lines, quiet))
    reader.start()
    try:
        status = child.wait(seconds)
    except subprocess.TimeoutExpired:
        status = f"killed after {seconds} s"
    finally:
        _kill_group(child.pid)
        del _running[child.pid]
        child.wait()
    reader.join()
    return status, lines


def _pass_on(stream, lines, quiet):
    for line in stream:
        if not quiet:
            print(line, end="", flush=True)
        lines.append(line.rstrip("\n"))


def _kill_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
