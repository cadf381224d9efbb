"""Ordinary MQTT for tests: what clients that have proven an identity do under app/, and the plain clients of the other
listeners, which need to prove nothing or have a token.

Both have `publish_to`, `message` and so on, as in test/conformance/peer.py, which is what a plain client is.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../conformance"))
import mqtt_wire as wire  # noqa: E402
import transport  # noqa: E402
from peer import Peer  # noqa: E402
from rest import ticket_for  # noqa: E402
from sealpost_client import Client  # noqa: E402
from signed import Identity  # noqa: E402
from system import ServerCase  # noqa: E402


class AppClient(Client):
    """A client of MQTT 5 (with the handshake) or 3.1.1 (with a ticket); what is not its lanes' is under app/."""
    rest_base = None

    def enter(self, clean=False, keep=3600, will=None, will_props=None):
        """Connects, also again, with its session; gives the CONNACK."""
        self.dial()
        if self.version == 5:
            self.handshake(clean=clean, props={"session_expiry": keep}, will=will, will_props=will_props)
        else:
            ticket_for(self, self.rest_base)
            self.connect_with_ticket(self.ticket, clean=clean, will=will)
        return self.connack

    def subscribe_app(self, *filters, qos=2, props=None):
        """The reason codes for `filters`, each a name or (name, options)."""
        pairs = [(name, qos) if isinstance(name, str) else name for name in filters]
        self.send(wire.subscribe(self.version, self.packet_id(), pairs, props))
        return self.wait_packet(wire.SUBACK).reasons

    def unsubscribe_app(self, *filters):
        self.send(wire.unsubscribe(self.version, self.packet_id(), filters))
        return self.wait_packet(wire.UNSUBACK).reasons

    def publish_to(self, topic, payload, qos=1, **options):
        """A whole exchange; gives its PUBACK or PUBREC, or None for QoS 0."""
        number = self.packet_id() if qos else None
        self.send(wire.publish(self.version, topic, payload, qos, number, **options))
        if qos == 1:
            return self.wait(lambda: self.pubacks.pop(number, None), "PUBACK")
        if qos == 0:
            return None
        answer = self.wait_packet(wire.PUBREC)
        if answer.reason < 0x80:
            self.send(wire.acknowledge(wire.PUBREL, number))
            self.wait_packet(wire.PUBCOMP)
        return answer

    def message(self, timeout=None):
        """The next message that is not of its lanes, acknowledged to the end of its exchange."""
        found = self.wait_packet(wire.PUBLISH, timeout)
        if found.qos == 1:
            self.send(wire.puback(found.packet_id))
        elif found.qos == 2:
            self.send(wire.acknowledge(wire.PUBREC, found.packet_id))
            self.wait_packet(wire.PUBREL)
            self.send(wire.acknowledge(wire.PUBCOMP, found.packet_id))
        return found

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def has_nothing(self):
        """Nothing has come for it: what others' answered packets gave it was sent before the answer to a PINGREQ."""
        return self.stays_open() and not any(found.type == wire.PUBLISH for found in self.other)


class OrdinaryCase(ServerCase):
    kinds = ("mqtt", "http", "open-mqtt")

    def app_client(self, name="someone", version=5, identity=None, device=None, daemon=None):
        """One that has not dialled yet."""
        daemon = daemon or self.daemon
        client = AppClient(identity or Identity(name), daemon.endpoint("mqtt"), device, version)
        client.rest_base = daemon.rest_base
        self.addCleanup(client.close)
        return client

    def proven(self, name="someone", version=5, **enter):
        client = self.app_client(name, version)
        client.enter(**enter)
        return client

    def dialled(self, kind="open-mqtt", version=5, daemon=None):
        """A plain client that has not said CONNECT."""
        daemon = daemon or self.daemon
        peer = Peer(transport.open_pipe(daemon.endpoint(kind), certificate=daemon.certificate), version)
        self.addCleanup(peer.close)
        return peer

    def plain(self, client_id="", kind="open-mqtt", version=5, keep=None, daemon=None, **options):
        """A plain client, connected. `keep` is for how many seconds its session outlives the connection."""
        peer = self.dialled(kind, version, daemon)
        if keep is not None:
            options.setdefault("clean", False)
            if version == 5:
                options["props"] = {"session_expiry": keep, **options.get("props", {})}
        peer.send_connect(client_id, **options)
        peer.connack = peer.next()
        self.assertEqual((peer.connack.name, peer.connack.reason), ("CONNACK", 0))
        return peer
