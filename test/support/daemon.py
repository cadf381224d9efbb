"""Starts, kills and stops a real `sealpostd` for tests, in a folder of its own, and watches what its sanitizers say.

The programs are taken from the folder SEALPOST_BIN.
"""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from rest import Rest

SANITIZER_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")
# Before the kind of a listener: it takes anybody's ordinary MQTT, or that of bots, or tells how the server is.
OPEN, BOTS, HEALTH = APART = ("open-", "bots-", "health-")
LOOPBACK = "127.0.0.1"
RELOADED = " reloaded: "  # what it says when it has
# Where sanitizers make everything slow, tests multiply their patience by this.
PATIENCE = float(os.environ.get("SEALPOST_PATIENCE", "1"))


def program(name):
    folder = os.environ.get("SEALPOST_BIN")
    if not folder:
        raise RuntimeError("set SEALPOST_BIN to the folder with sealpostd and sealpost")
    return os.path.join(folder, name)


_given = set()  # by free_port() to this process: nobody may listen there yet


def free_port():
    """A free port below the range from which the kernel takes ports for outgoing connections: a client that redials
    while the server is down can then never connect to itself, and nobody else takes the port in the meantime. Tests that
    run side by side have a part of that range each, SEALPOST_PORTS=PART/PARTS: a port that a server gives up for a
    moment stays its own."""
    part, _, parts = os.environ.get("SEALPOST_PORTS", "0/1").partition("/")
    size = 18000 // int(parts)
    for _ in range(200):
        port = 12000 + int(part) * size + random.randrange(size)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                _given.add(port)
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if isinstance(value, int) else json.dumps(value)


def certificate(folder, address=LOOPBACK):
    """A self-signed certificate for localhost and `address`; gives (certificate file, key file)."""
    files = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{address}",
                    "-keyout", files[1], "-out", files[0]], check=True, capture_output=True, timeout=30)
    return files


class StartFailed(Exception):
    """The daemon ended, or did not become ready in time."""


class Daemon:
    """One server with its data folder, over any number of starts and kills.

    kinds: the listeners to have; open-mqtt and open-ws are those with open access, bots-mqtt and bots-unix-mqtt those for
    bots, health-http has /metrics. settings: {section: {key: value}} laid over the defaults. wrapper: a command that the
    daemon is run under, such as strace. address: where it listens.
    """

    def __init__(self, kinds=("mqtt", "http"), bot="echo", settings=None, folder=None, wrapper=(), keep=False,
                 address=LOOPBACK):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="sealpost-")
        self.data_dir = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "daemon.log")
        self.wrapper, self.keep, self.address = list(wrapper), keep, address
        self.environment = {}
        self.process = None
        self.certificate, self.private_key = None, None
        if {"mqtts", "wss"} & set(map(self.spoken, kinds)):
            self.certificate, self.private_key = certificate(self.folder, address)
        self.ports = {kind: free_port() for kind in kinds}
        endpoints = [self.endpoint(kind) for kind in kinds if not kind.startswith(APART)]
        self.sections = {"server": {"data_dir": self.data_dir, "endpoints": endpoints},
                         "bot": {"kind": bot} if bot else {}}
        for section, values in (settings or {}).items():
            self.sections.setdefault(section, {}).update(values)
        os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
        self.write_configuration()

    @property
    def configuration(self):
        return os.path.join(self.folder, "sealpost.toml")

    def endpoint(self, kind="mqtt"):
        spoken = self.spoken(kind)
        if spoken.startswith("unix-"):
            return f"unix:{self.socket_path(kind)}"
        host = "localhost" if spoken in ("mqtts", "wss") and self.address == LOOPBACK else self.address
        return f"{spoken}://{host}:{self.ports[kind]}"

    @staticmethod
    def spoken(kind):
        prefix, _, rest = kind.partition("-")
        return rest if prefix + "-" in APART else kind

    def socket_path(self, kind):
        return os.path.join(self.folder, kind)

    @property
    def rest_base(self):
        return self.endpoint("http")

    def _listener(self, kind):
        spoken = self.spoken(kind)
        values = {"name": kind, "kind": spoken}
        if spoken.startswith("unix-"):
            values["path"] = self.socket_path(kind)
        else:
            values |= {"address": self.address, "port": self.ports[kind]}
        if kind.startswith(HEALTH):
            values["serves"] = ["health"]
        elif kind != spoken:
            values["access"] = kind.partition("-")[0]
        if spoken in ("mqtts", "wss"):
            values |= {"certificate": self.certificate, "private_key": self.private_key}
        return values

    def write_configuration(self):
        lines = []
        for section, values in self.sections.items():
            lines += [f"[{section}]"] + [f"{key} = {toml(value)}" for key, value in values.items()] + [""]
        for kind in self.ports:
            lines += ["[[listener]]"] + [f"{key} = {toml(value)}" for key, value in self._listener(kind).items()] + [""]
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))

    # Starting and ending.

    def start(self, timeout=None):
        """Starts it and waits until it is ready."""
        listening = os.path.join(self.data_dir, "listening.json")
        if os.path.exists(listening):
            os.unlink(listening)  # of a run that was killed
        log = open(self.log_path, "ab")
        environment = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", **self.environment}
        self.process = subprocess.Popen([*self.wrapper, program("sealpostd"), "--config", self.configuration],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        log.close()
        self._wait_ready(listening, (timeout or 30) * PATIENCE)
        return self

    def _wait_ready(self, listening, timeout):
        deadline = time.monotonic() + timeout
        while not os.path.exists(listening):
            if self.process.poll() is not None:
                raise StartFailed(f"sealpostd ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill9()
                raise StartFailed(f"sealpostd was not ready in {timeout:.0f} s:\n{self.log_tail()}")
            time.sleep(0.005)
        with open(listening, encoding="utf-8") as file:
            self.listeners = {entry["name"]: entry for entry in json.load(file)["listeners"]}

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        """The daemon's own pid, also under a wrapper."""
        if self.wrapper:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                children = file.read().split()
            return int(children[0]) if children else self.process.pid
        return self.process.pid

    def signal(self, number):
        os.kill(self.pid, number)

    def kill9(self):
        if self.running:
            try:
                self.signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
        return self.wait(10)

    def terminate(self, timeout=15):
        """Asks it to stop, and gives its exit status; one that does not stop in time is killed, and has failed."""
        if self.running:
            self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"sealpostd did not stop in {timeout} s:\n{self.log_tail()}") from None

    def wait(self, timeout=15):
        return self.process.wait(timeout)

    def restart(self):
        self.kill9()
        return self.start()

    def reload(self, settings):
        """Writes `settings` into the configuration, and has the server take them up."""
        for section, values in settings.items():
            self.sections.setdefault(section, {}).update(values)
        self.write_configuration()
        before = self.log().count(RELOADED)
        self.signal(signal.SIGHUP)
        self.wait_for_line(RELOADED, before + 1)

    def wait_for_line(self, words, count=1, seconds=10):
        """Until it has said `words` so often."""
        deadline = time.monotonic() + seconds * PATIENCE
        while self.log().count(words) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not say '{words}':\n{self.log_tail()}")
            time.sleep(0.005)

    def counter(self, name):
        """The value of `name` in /metrics, of a daemon with a listener health-http."""
        text = Rest(self.endpoint("health-http")).get("/metrics").must().raw.decode()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"sealpost_{name} "))

    def resident_bytes(self):
        """Of memory, that the server takes now."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    # What it says.

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def sanitizer_reports(self):
        return [line for line in self.log().splitlines() if any(word in line for word in SANITIZER_WORDS)]

    def rest(self, token=None):
        return Rest(self.rest_base, token)

    def command(self, *arguments, timeout=60, check=True, stdin=None):
        """Runs `sealpost` with `arguments`; gives its standard output."""
        done = subprocess.run([program("sealpost"), *arguments], capture_output=True, text=True, input=stdin,
                              timeout=timeout * PATIENCE)
        if check and done.returncode:
            raise AssertionError(f"sealpost {' '.join(arguments)} gave {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout if check else done

    # As a context: started, and at the end stopped, checked and removed.

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        try:
            if self.running:
                status = self.terminate()
                if kind is None and status != 0:
                    raise AssertionError(f"sealpostd ended with {status} when asked to stop:\n{self.log_tail()}")
            self.must_be_clean()
        finally:
            self.remove(kind is not None)

    def must_be_clean(self):
        reports = self.sanitizer_reports()
        if reports:
            raise AssertionError("a sanitizer complains:\n" + self.log_tail(120))

    def remove(self, failed=False):
        if self.running:
            self.kill9()
        if failed:
            print(f"the daemon's last words:\n{self.log_tail(25)}", flush=True)
        if self.own_folder and not self.keep and not (failed and os.environ.get("SEALPOST_KEEP")):
            shutil.rmtree(self.folder, ignore_errors=True)


class Watcher(threading.Thread):
    """Calls `condition` every few milliseconds until it is true or the time is over; then `action`, once."""

    def __init__(self, condition, action, seconds=30):
        super().__init__(daemon=True)
        self.condition, self.action, self.deadline, self.fired = condition, action, time.monotonic() + seconds, False

    def run(self):
        while time.monotonic() < self.deadline:
            if self.condition():
                self.fired = True
                self.action()
                return
            time.sleep(0.002)
