"""Other people's MQTT libraries as clients of a test: programs that take commands and tell events, a line each, and how
they come to be built."""
import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
import unittest

from daemon import PATIENCE

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALLED = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/clients")
NODE_OLDEST = 18  # Debian 12 has it
# npm's codes for a registry that cannot be reached from here, and those of a proxy in between that says no.
UNREACHABLE = re.compile(r"npm (?:error|ERR!) code (ENOTFOUND|EAI_AGAIN|ECONN\w+|E\w*TIMEDOUT|ERR_SOCKET_TIMEOUT|"
                         r"ENETUNREACH|EHOSTUNREACH|ENETDOWN|EAI_FAIL|E403|E407|E429|E50\d|\w*CERT\w*)\b")


class Driven:
    """A program under way. Each wait has a bound, and fails when the program ends before what is awaited."""

    def __init__(self, command, folder=None, environment=None):
        self.process = subprocess.Popen(command, cwd=folder, env={**os.environ, **(environment or {})},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.changed, self.events, self.errors = threading.Condition(), [], collections.deque(maxlen=30)
        self.ended = False
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_errors)]
        for reader in self.readers:
            reader.start()

    def parsed(self, line):
        return line

    def _read_events(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(self.parsed(line.rstrip("\n")))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self):
        self.errors.extend(self.process.stderr)

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def wait(self, wanted, what, count=1, seconds=60):
        """The first `count` events for which `wanted(event)`, of all so far, as a list."""
        deadline = time.monotonic() + seconds * PATIENCE
        with self.changed:
            while True:
                found = [event for event in self.events if wanted(event)]
                if len(found) >= count:
                    return found[:count]
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    raise AssertionError(f"{len(found)} of {count} came: {what}; {self._last_words()}")
                self.changed.wait(left)

    def _last_words(self):
        return f"ended: {self.ended}; it said last {self.events[-8:]}; errors: {''.join(self.errors)}"

    def finish(self, seconds=60):
        """Waits for its end; gives the status."""
        status = self.process.wait(seconds * PATIENCE)
        self._close()
        return status

    def kill(self):
        self.process.kill()
        self.finish()

    def _close(self):
        for reader in self.readers:
            reader.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # a last command that it did not live to take


# libmosquitto.

class Mosquitto(Driven):
    """libmosquitto_client.c, an event being its words: the name, and the rest. Without a `prefix` of its topics it is for
    ordinary MQTT."""

    def __init__(self, program, daemon, kind, client_id, version, prefix=""):
        tls = daemon.spoken(kind) == "mqtts"
        command = [program, "localhost" if tls else "127.0.0.1", str(daemon.ports[kind]), client_id, prefix, version]
        super().__init__(command + ([daemon.certificate] if tls else []))

    def parsed(self, line):
        return tuple(line.split(" ", 2))

    def wait_for(self, name, count=1):
        return self.wait(lambda event: event[0] == name, name, count)

    def messages(self, topic, count=1):
        """The first `count` payloads under `topic`."""
        found = self.wait(lambda event: event[:2] == ("message", topic), f"messages under {topic}", count)
        return [text for _, _, text in found]


def compiled(folder):
    """The program over libmosquitto, built in `folder`."""
    cc = shutil.which("cc") or shutil.which("clang-19")
    if not cc or not os.path.exists("/usr/include/mosquitto.h"):
        raise unittest.SkipTest("a C compiler or libmosquitto-dev is not installed")
    program = os.path.join(folder, "libmosquitto_client")
    subprocess.run([cc, "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", os.path.join(HERE, "libmosquitto_client.c"),
                    "-o", program, "-lmosquitto"], check=True, timeout=60 * PATIENCE)
    return program


# MQTT.js.

class NodeProgram(Driven):
    """`program` of test/clients, an event being a dict with its name as `heard`."""

    def __init__(self, folder, program, settings):
        # The listeners of tests are on 127.0.0.1, and node 18 would try ::1 for localhost, and nothing else.
        super().__init__(["node", program, json.dumps(settings)], folder,
                         {"NODE_OPTIONS": "--dns-result-order=ipv4first"})

    def parsed(self, line):
        return json.loads(line)

    def do(self, command, **fields):
        self.say(json.dumps({"do": command, **fields}))

    def wait_for(self, name, count=1, **fields):
        """The first `count` events `name` with these fields."""
        return self.wait(lambda event: event["heard"] == name and fields.items() <= event.items(),
                         f"{name} {fields or ''}", count)


class PlainMqttJs(NodeProgram):
    """plain_mqttjs.mjs: ordinary MQTT."""

    def __init__(self, folder, url, ca=None, **options):
        super().__init__(folder, "plain_mqttjs.mjs", {"url": url, "options": options, "ca": ca})

    def subscribe(self, filter_, qos=2):
        before = sum(event["heard"] == "subscribed" for event in self.events)
        self.do("subscribe", filter=filter_, qos=qos)
        return self.wait_for("subscribed", before + 1)[before]["reasons"]

    def publish(self, topic, text, qos=1, retain=False, **more):
        before = sum(event["heard"] == "published" for event in self.events)
        self.do("publish", topic=topic, text=text, qos=qos, retain=retain, **more)
        return self.wait_for("published", before + 1)[before]

    def texts(self, count):
        return [event["text"] for event in self.wait_for("message", count)]

    def end(self, how="end"):
        self.do(how)
        return self.finish()


class MqttJs(NodeProgram):
    """mqttjs_client.mjs under drive_mqttjs.mjs."""

    def __init__(self, folder, ledger, endpoint, name="Jo", **options):
        super().__init__(folder, "drive_mqttjs.mjs", {"ledger": ledger, "name": name, "endpoint": endpoint, **options})

    def write(self, *texts, to=None):
        """Writes messages; gives their links."""
        before = sum(event["heard"] == "written" for event in self.events)
        for text in texts:
            self.do("write", object={"_t": "demo.Note", "text": text}, **({"to": to} if to else {}))
        return [event["link"] for event in self.wait_for("written", before + len(texts))[before:]]

    def replies(self, count):
        """The first `count` messages that answer one."""
        return self.wait(lambda event: event["heard"] == "message" and "inReplyTo" in event, "replies", count)

    def stop(self):
        self.do("stop")
        return self.finish()


class Npm:
    """What npm installs by the lock file, once for each lock file."""
    found = absent = None

    @classmethod
    def modules(cls):
        if not cls.found and not cls.absent:
            try:
                cls.found = cls._installed()
            except unittest.SkipTest as reason:
                cls.absent = str(reason)
        if cls.absent:
            raise unittest.SkipTest(cls.absent)
        return cls.found

    @classmethod
    def _installed(cls):
        cls._check_node()
        with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
            folder = os.path.join(INSTALLED, hashlib.sha256(file.read()).hexdigest()[:16])
        if not os.path.isdir(folder):
            cls._install(folder)
        return os.path.join(folder, "node_modules")

    @staticmethod
    def _check_node():
        if not shutil.which("node") or not shutil.which("npm"):
            raise unittest.SkipTest("node or npm is not installed")
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        if int(re.match(r"v(\d+)", version)[1]) < NODE_OLDEST:
            raise unittest.SkipTest(f"node {version.strip()} is older than {NODE_OLDEST}")

    @staticmethod
    def _install(folder):
        """Beside its place first: what is there is whole."""
        begun = f"{folder}.{os.getpid()}"
        os.makedirs(begun)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), begun)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
                   "--fetch-timeout=30000"]
        try:
            done = subprocess.run(command, cwd=begun, capture_output=True, text=True, timeout=180)
            if done.returncode == 0:
                os.rename(begun, folder)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("npm was not done in 180 s") from None
        finally:
            shutil.rmtree(begun, ignore_errors=True)
        if unreachable := UNREACHABLE.search(done.stderr):
            raise unittest.SkipTest(f"npm cannot reach its registry: {unreachable[1]}")
        if done.returncode != 0:
            raise AssertionError(f"npm ci failed:\n{done.stderr}")


def node_folder(folder):
    """`folder` with the clients' sources, and beside them the modules that they import."""
    modules = Npm.modules()
    for name in os.listdir(HERE):
        if name.endswith(".mjs"):
            shutil.copy(os.path.join(HERE, name), folder)
    os.symlink(modules, os.path.join(folder, "node_modules"))
    return folder
