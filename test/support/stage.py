"""A server, a folder of ledgers, and the people who keep them in processes of their own: what may be killed, and the
verdict on it."""
import os
import signal
import subprocess
import sys
import tempfile
import time

import ledger
from daemon import PATIENCE, Daemon
from ledger_client import introduce
from system import GENEROUS, LEDGER_CLIENT, checked

ROUNDS = int(os.environ.get("SEALPOST_ROUNDS", "30"))
SOAK_SECONDS = float(os.environ.get("SEALPOST_SOAK_SECONDS", "inf"))
TICKET = "ticket"  # the way of a client that speaks MQTT 3.1.1 over TLS, with a ticket from REST
KINDS = ("mqtts", "wss", "mqtt", "ws", "http")


class Rounds:
    """Counts rounds up to `most`, but no longer than SEALPOST_SOAK_SECONDS; tells every few seconds how far it is."""

    def __init__(self, what, most=ROUNDS):
        self.what, self.most, self.done = what, most, 0
        self.begun = self.told = time.monotonic()

    def left(self):
        """How many there are to do; 0 when the time is over."""
        return self.most - self.done if time.monotonic() < self.begun + SOAK_SECONDS else 0

    def count(self, number=1):
        self.done += number
        now = time.monotonic()
        if now > self.told + 5:
            self.told = now
            print(f"... {self.done} of {self.most} {self.what}, {(now - self.begun) / self.done:.2f} s each", flush=True)


class Stage:
    """`way`s are kinds of listeners, or TICKET."""

    client_wrapper = ()  # a command that clients are run under

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="sealpost-ledgers-")
        self.daemon = Daemon(KINDS, settings=GENEROUS, **options)
        self.forget_cast()

    def forget_cast(self):
        """Others will be on the stage; these ledgers are closed."""
        self.paths, self.permalinks, self.processes, self.ways, self.endpoints = {}, {}, {}, {}, {}
        self._read_to, self._acks = {}, 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def cast(self, **devices):
        """A ledger for each device, device=(person, way), and all of them known to the server."""
        identities = {}
        for device, (person, way) in devices.items():
            self.paths[device] = self.path(f"{device}-{os.urandom(4).hex()}.ledger")
            self.ways[device] = way
            self.endpoints[device] = self.endpoint_of(device, way)
            identities[person] = ledger.create(self.paths[device], person, device, identities.get(person))
            self.permalinks[device] = identities[person].permalink
            self.introduce(device)

    def introduce(self, device):
        introduce(self.paths[device], self.endpoints[device], certificate=self.daemon.certificate,
                  rest=self.rest_of(device))

    def endpoint_of(self, _device, way):
        return self.daemon.endpoint("mqtts" if way == TICKET else way)

    def rest_of(self, device):
        return self.daemon.rest_base if self.ways[device] == TICKET else None

    def peers_of(self, device):
        return sorted(set(self.permalinks.values()) - {self.permalinks[device]})

    def command(self, device, *more):
        command = [*self.client_wrapper, sys.executable, LEDGER_CLIENT, self.paths[device], self.endpoints[device], *more]
        if self.daemon.certificate:
            command += ["--certificate", self.daemon.certificate]
        if self.rest_of(device):
            command += ["--rest", self.rest_of(device)]
        return command

    def begin(self, device, rate):
        options = ["--messages", "1000000", "--rate", str(rate), "--hush", self.path("hush"), "--until", self.path("until")]
        for peer in self.peers_of(device):
            options += ["--peer", peer]
        with open(self.paths[device] + ".out", "ab") as output:
            self.processes[device] = subprocess.Popen(self.command(device, *options), stdout=output, stderr=output,
                                                      stdin=subprocess.DEVNULL)

    def begin_all(self, rate):
        for device in self.paths:
            self.begin(device, rate)

    def kill_client(self, device):
        self.processes[device].send_signal(signal.SIGKILL)
        self.processes[device].wait(10)

    def acks(self):
        """How many the ledgers have; reads only what is new in them."""
        for path in self.paths.values():
            with open(path, "rb") as file:
                file.seek(self._read_to.get(path, 0))
                raw = file.read()
            whole = raw.rfind(b"\n") + 1
            self._read_to[path] = self._read_to.get(path, 0) + whole
            self._acks += raw[:whole].count(b'{"kind":"ack"')
        return self._acks

    def settle(self, seconds=60):
        """No more new messages; waits until the checker finds all accounted for. Gives its (status, output)."""
        open(self.path("hush"), "w").close()
        deadline = time.monotonic() + seconds * PATIENCE
        while (result := checked(self.paths.values()))[0] and time.monotonic() < deadline and self.all_run():
            time.sleep(0.05)  # the checker costs time of the machine
        open(self.path("until"), "w").close()
        for device, process in self.processes.items():
            try:
                status = process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                return 1, f"the client {device} does not come to an end: {result[1]}"
            if status:
                return status, f"the client {device} ended with {status}: {self.output_of(device)}"
        for name in ("hush", "until"):
            os.unlink(self.path(name))
        return checked(self.paths.values())

    def all_run(self):
        return all(process.poll() is None for process in self.processes.values())

    def output_of(self, device):
        with open(self.paths[device] + ".out", encoding="utf-8") as file:
            return file.read()

    def close(self, failed):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.daemon.__exit__(AssertionError if failed else None, None, None)
        if failed:
            print(f"the ledgers are in {self.folder}", flush=True)
        else:
            subprocess.run(["rm", "-r", self.folder], check=True)
