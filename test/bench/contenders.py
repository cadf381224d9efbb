"""The servers that broker_bench.py measures: each is started fresh for each run, in a folder of its own, with an open
TCP listener and an open TLS 1.3 listener, and ended by its pid."""
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from daemon import Daemon, StartFailed, certificate, free_port, program  # noqa: E402, F401 (the path comes first)

# Strangers' limits are made for strangers: here thousands of clients come from one address.
SEALPOST_LIMITS = {"max_unproven_connections": 20000, "max_unproven_per_address": 20000}


class OpenDaemon(Daemon):
    """A sealpostd whose listeners let anonymous clients in."""

    def _listener(self, kind):
        return super()._listener(kind) | {"access": "open"}


class Sealpost:
    name = "sealpost"

    def __init__(self, settings):
        """settings: {section: {key: value}} laid over the bench's own."""
        self.settings = {"limits": dict(SEALPOST_LIMITS), "logging": {"level": "warn"}}
        for section, values in settings.items():
            self.settings.setdefault(section, {}).update(values)

    def version(self):
        done = subprocess.run([program("sealpostd"), "--version"], capture_output=True, text=True, timeout=10)
        return done.stdout.strip()

    def __enter__(self):
        self.daemon = OpenDaemon(kinds=("mqtt", "mqtts"), bot=None, settings=self.settings)
        try:
            self.daemon.start()
        except BaseException:
            self.daemon.remove()
            raise
        self.pid, self.ports = self.daemon.pid, {"tcp": self.daemon.ports["mqtt"], "tls": self.daemon.ports["mqtts"]}
        return self

    def __exit__(self, *raised):
        with contextlib.redirect_stdout(sys.stderr):  # its last words, when the run failed
            self.daemon.__exit__(*raised)


def mosquitto_program():
    named = os.environ.get("SEALPOST_MOSQUITTO")
    search = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = named or shutil.which("mosquitto", path=search)
    if not found:
        raise FileNotFoundError("no mosquitto: install Debian's package, or set SEALPOST_MOSQUITTO to the program")
    return found


class Mosquitto:
    """Nothing is dropped (max_queued_messages 0), and 100 messages may be under way to a client, where it does best."""

    def __init__(self, persistence):
        self.persistence = persistence
        self.name = "mosquitto, persistence" if persistence else "mosquitto"
        self.process = None

    def version(self):
        done = subprocess.run([mosquitto_program(), "-h"], capture_output=True, text=True, timeout=10)
        return (done.stdout or done.stderr).splitlines()[0]

    def configuration(self):
        chain, key = certificate(self.folder)
        lines = [f"user {getpass.getuser()}", "set_tcp_nodelay true", "max_queued_messages 0",
                 "max_inflight_messages 100", "allow_anonymous true", "log_type error", "log_type warning"]
        if self.persistence:
            # Every 5 s, so that a run sees what saving costs: by default it is every 30 minutes.
            lines += ["persistence true", f"persistence_location {self.folder}/", "autosave_interval 5"]
        lines += [f"listener {self.ports['tcp']} 127.0.0.1", f"listener {self.ports['tls']} 127.0.0.1",
                  f"certfile {chain}", f"keyfile {key}", "tls_version tlsv1.3"]
        return "\n".join(lines) + "\n"

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="sealpost-mosquitto-")
        self.ports = {"tcp": free_port(), "tls": free_port()}
        path = os.path.join(self.folder, "mosquitto.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.configuration())
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([mosquitto_program(), "-c", path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self.pid = self.process.pid
        try:
            self._wait_ready()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _wait_ready(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                for port in self.ports.values():
                    socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("mosquitto does not start") from None
                time.sleep(0.01)

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                print(f"mosquitto's last words:\n{log.read()[-4000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
