"""Cases, and what they report: a statement holds where an assertion that was executed says so.

    @case(4, 5)
    def a_second_connect_ends_the_connection(t):
        peer = t.join()
        with t.holds("MQTT-3.1.0-2"):
            peer.send_connect(peer.client_id)
            peer.end()

A case is run for each version it names (4 is MQTT 3.1.1), with topics and client identifiers of its own, next to many
others. Where the versions have different ids for one thing, an id ends in @4 or @5 and counts for that version only.
"""
import contextlib
import itertools
import os
import threading
import time
import traceback

import lint
import mqtt_wire as wire
import transport
from daemon import PATIENCE
from peer import SECONDS, Peer
from transport import Closed

VERSIONS = {4: "3.1.1", 5: "5.0"}
CASES = []


class Failed(Exception):
    """An assertion failed, and was reported."""


class NotHere(Exception):
    """The server at hand has not what the case needs."""


class Case:
    def __init__(self, function, version, slow):
        self.function, self.version, self.slow = function, version, slow
        self.file = os.path.basename(function.__code__.co_filename)
        self.name = function.__name__.replace("_", " ")

    def __str__(self):
        return f"{VERSIONS[self.version]} {self.file.removesuffix('.py')}: {self.name}"


def case(*versions, slow=False):
    """`slow` cases wait for clocks, and begin first."""
    def add(function):
        CASES.extend(Case(function, version, slow) for version in versions)
        return function
    return add


class Broker:
    """Where the server is: `ports` of the listeners tcp, ws and auth. It publishes nothing to `refused`, and has no room
    for a retained message of `no_room` bytes."""
    refused = "sp/conformance"

    def __init__(self, host, ports, no_room=None):
        self.host, self.ports, self.no_room = host, ports, no_room
        self.run = f"r{os.getpid()}-{int(time.time() * 1000) % 10_000_000:x}"
        self.counter = itertools.count()


class Trial:
    """One run of one case: the `t` of the cases."""

    def __init__(self, a_case, broker):
        self.case, self.v, self.broker = a_case, a_case.version, broker
        self.prefix = f"{broker.run}/{next(broker.counter)}"
        self.names, self.peers, self.lock = itertools.count(), [], threading.Lock()
        self.reported, self.detail = [], None

    # Names.

    def id(self):
        """A client identifier that nobody else has."""
        return f"{self.prefix}-{next(self.names)}".replace("/", "-")

    def topic(self, *levels):
        return "/".join([self.prefix, *map(str, levels)])

    # Clients.

    def dial(self, version=None, kind="tcp"):
        """A peer that has not said CONNECT."""
        if kind not in self.broker.ports:
            raise NotHere(f"no listener {kind}")
        pipe = transport.open_pipe(f"{'ws' if kind == 'ws' else 'mqtt'}://{self.broker.host}:{self.broker.ports[kind]}")
        peer = Peer(pipe, version or self.v)
        with self.lock:
            self.peers.append(peer)
        return peer

    def join(self, client_id=None, version=None, kind="tcp", keep=None, **options):
        """A connected peer. `keep` is for how long its session lives after it, in seconds; its Clean Start is then 0
        unless `clean` says otherwise, as for CleanSession, which knows no seconds."""
        peer = self.dial(version, kind)
        if keep is not None:
            options.setdefault("clean", False)
            if peer.version == 5:
                options["props"] = {"session_expiry": keep, **options.get("props", {})}
        peer.send_connect(self.id() if client_id is None else client_id, **options)
        peer.connack = peer.next()
        assert peer.connack.type == wire.CONNACK, f"{peer.connack.name} came first"
        assert peer.connack.reason == 0, f"CONNACK {peer.connack.reason:#x}"
        return peer

    def back(self, peer, keep=60, **options):
        """The client of `peer` on a new connection, with its session."""
        return self.join(peer.client_id, keep=keep, **options)

    def refused(self, *packets, ids, detail, kind="tcp", packet_types=(), version=None):
        """The first packets of a connection that must be refused: only `packet_types` may come before it closes."""
        with self.holds(ids, detail):
            peer = self.dial(version, kind)
            peer.send(*packets)
            found = peer.end()
            assert all(packet.type in packet_types for packet in found), f"{[packet.name for packet in found]}"
            return found

    def ends(self, ids, detail, *packets, peer=None, reasons=None):
        """`packets` make the server close the connection of `peer`, or of a new one, with a DISCONNECT of `reasons` at
        the most."""
        with self.holds(ids, detail):
            peer = peer or self.join()
            peer.send(*packets)
            found = peer.end()
            assert all(packet.type == wire.DISCONNECT for packet in found), f"{[packet.name for packet in found]}"
            for farewell in found:
                assert farewell.reason in (reasons or range(0x80, 0x100)), f"DISCONNECT {farewell.reason:#x}"
            return found

    # Proof that nothing came.

    def before_marker(self, publisher, subscriber, qos=1, acknowledge=True):
        """What `subscriber` was sent before a message that `publisher` publishes now. Whatever is due to it from packets
        of `publisher` until now comes before that; at QoS 0, also where the quota of the subscriber is used up."""
        topic = f"{self.broker.run}-markers/{self.prefix}/{next(self.names)}"  # no wildcard of a case has it
        subscriber.subscribe((topic, qos))
        publisher.publish(topic, "marker", qos)
        found = []
        while (message := subscriber.take(wire.PUBLISH)).topic != topic:
            found.append(message)
            if acknowledge:
                subscriber.acknowledge(message)
        subscriber.acknowledge(message)
        return found

    def reaches_nobody(self, publisher, subscriber):
        found = self.before_marker(publisher, subscriber)
        assert not found, f"unexpected: {[(message.topic, message.payload[:40]) for message in found]}"

    def wait(self, seconds):
        """Lets the clocks of the server run."""
        time.sleep(seconds)  # what is awaited is time: an expiry, a delay, a keep alive

    # Reports.

    def _mine(self, ids):
        for word in ids.split():
            id, _, version = word.partition("@")
            if not version or int(version) == self.v:
                yield id

    def report(self, ids, good, detail=""):
        with self.lock:
            self.reported += [(id, good, "" if good else detail) for id in self._mine(ids)]

    def check(self, ids, condition, detail=""):
        """`ids` hold if `condition` is true."""
        self.report(ids, bool(condition), str(detail))
        if not condition:
            raise Failed(f"{' '.join(self._mine(ids))}: {detail or 'does not hold'}\n{_where()}")

    def equal(self, ids, got, expected, detail=""):
        self.check(ids, got == expected, f"{detail}: got {got!r}, not {expected!r}".removeprefix(": "))

    @contextlib.contextmanager
    def holds(self, ids, detail=""):
        """`ids` hold if what is inside passes."""
        try:
            yield
        except (Failed, NotHere):
            raise
        except (AssertionError, transport.Closed, transport.TimedOut, wire.Malformed) as error:
            what = f"{detail}: {type(error).__name__}: {error}".removeprefix(": ")
            self.report(ids, False, what)
            raise Failed(f"{' '.join(self._mine(ids))}: {what}\n{_where(error)}") from error
        self.report(ids, True)

    def run(self):
        """True, False, or None where the server at hand has not what it needs; `detail` says why not."""
        try:
            self.case.function(self)
            return True
        except NotHere as error:
            self.detail = str(error)
            return None
        except Failed as error:
            self.detail = str(error)
        except Exception as error:  # a case that breaks has failed, whatever broke it
            if isinstance(error, lint.Breach):
                self.report(error.id, False, error.text)
            self.detail = f"{type(error).__name__}: {error}\n{_where(error) or traceback.format_exc()}"
        finally:
            for peer in self.peers:
                peer.close()
        return False


def _where(error=None):
    """The lines of the case that lead to here, or to `error`."""
    frames = traceback.format_tb(error.__traceback__) if error else traceback.format_stack()
    return "".join(frame for frame in frames if "/conformance/cases/" in frame)


__all__ = ["CASES", "PATIENCE", "SECONDS", "Broker", "Closed", "NotHere", "Trial", "case", "wire"]
