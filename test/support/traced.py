"""A daemon under strace, which names its system calls, and kills it or lies to it at one of them."""
import collections
import os
import re
import shutil
import subprocess

from daemon import PATIENCE, Daemon, StartFailed
from sealpost_client import Closed
from system import wait_until

# Thread, call, and what its first argument is; where another thread came between, strace tells a call's end apart.
LINE = re.compile(r"^(\d+) +(\w+)\((?:[\w-]+<([^>]*)>|\"([^\"]*)\")?")


def why_not():
    """Why strace may not trace here; None where it may."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(["strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e", "inject=getppid:error=EIO",
                            "true"], capture_output=True, text=True)
    return f"strace may not trace here: {tried.stderr.strip()[:200]}" if tried.returncode else None


def strace(calls, *injections, output="/dev/null", paths=()):
    """The command that runs another under strace: the calls named are told, and the injections done to them."""
    command = ["strace", "-f", "-qqq", "-y", "-o", output, "-e", f"trace={calls}"]
    if not paths and "signal=" not in "".join(injections):
        command.append("--seccomp-bpf")  # calls of no interest cost nothing; but it knows no paths, and gives no signals
    for path in paths:
        command += ["-P", path]
    for injection in injections:
        command += ["-e", f"inject={injection}"]
    return command


class Lie:
    """While it is entered, system calls of a daemon that runs fail as `injections` say; where there are `paths`, only
    those on these files. The daemon is traced for as long, and goes on by itself afterwards if it lives."""

    def __init__(self, daemon, calls, *injections, paths=()):
        self.daemon, self.output = daemon, os.path.join(daemon.folder, "lies")
        self.command = [*strace(calls, *injections, output=self.output, paths=paths), "-p", str(daemon.pid)]
        if "--seccomp-bpf" in self.command:
            self.command.remove("--seccomp-bpf")  # which is for what strace starts itself

    def __enter__(self):
        self.tracer = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self.all_traced, 10, "strace attached to all threads")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def all_traced(self):
        if not self.daemon.running:
            return True  # it has died of the first lie
        tasks = f"/proc/{self.daemon.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/status", encoding="ascii", errors="replace") as file:
                if "TracerPid:\t0\n" in file.read():
                    return False
        return True

    def __exit__(self, *_):
        """strace lets go of what it traces, and ends."""
        self.tracer.terminate()
        try:
            self.tracer.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.tracer.kill()
            self.tracer.wait(10)

    def told(self):
        """How often it has lied."""
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read().count("(INJECTED)")


def place(target):
    """What is at the other end, in words that are the same in each run: a file's name, or socket."""
    if not target or target.startswith(("TCP", "UNIX", "socket")):
        return "socket"
    return os.path.basename(target)


def calls_of(output):
    """[(thread, call, place)] that strace wrote there, in their order."""
    with open(output, encoding="utf-8", errors="replace") as file:
        found = (LINE.match(line) for line in file)
        return [(one[1], one[2], place(one[3] or one[4])) for one in found if one]


def most_of_a_thread(calls):
    """{call: how often the thread made it that made it most}: strace counts for each thread by itself."""
    counts = collections.Counter((thread, call) for thread, call, _ in calls)
    most = collections.Counter()
    for (_, call), count in counts.items():
        most[call] = max(most[call], count)
    return most


class Traced:
    """Runs `action` on a daemon under strace with `injections`, up to its end or that of the daemon."""

    def __init__(self, daemon: Daemon, calls, *injections):
        self.daemon, self.output = daemon, os.path.join(daemon.folder, "strace")
        self.wrapper = strace(calls, *injections, output=self.output)

    def run(self, action):
        """Gives the exit status of the daemon, -9 where it was killed; it is stopped where it lives after the action."""
        daemon = self.daemon
        daemon.wrapper = self.wrapper
        try:
            daemon.start()
            action()
        except (StartFailed, Closed):
            pass
        try:
            return daemon.terminate()
        except (ProcessLookupError, FileNotFoundError):  # it died while it was being asked
            return daemon.wait()
        finally:
            daemon.wrapper = []

    def calls(self):
        return calls_of(self.output)
