"""Enhanced authentication (4.12 of 5.0) and AUTH (3.15)."""
import json

import lint
from harness import SECONDS, Closed, NotHere, case, wire
from peer import UNLIMITED
from sealpost_client import Client, Refused
from signed import Identity, canonical_text


@case(5)
def an_unknown_authentication_method_is_refused(t):
    for method in ("NONE-SUCH", "", "SCRAM-SHA-1"):
        found = t.refused(wire.connect(5, t.id(), props={"authentication_method": method, "authentication_data": b"x"}),
                          ids="MQTT-4.12.0-1", detail=repr(method), packet_types=(wire.CONNACK,))
        t.check("MQTT-4.12.0-1", all(packet.reason in (0x8C, 0x87) for packet in found), found)


@case(5)
def without_a_method_there_is_no_AUTH(t):
    peer = t.join(user="anna", password="secret")
    t.check("MQTT-4.12.0-6", "authentication_method" not in peer.connack.props, peer.connack.props)
    with t.holds("MQTT-4.12.0-6"):
        peer.publish(t.topic("a"), "x")
        peer.stays()
    for reason in (0x00, 0x18, 0x19):
        for method in (None, "NONE-SUCH"):
            found = t.ends("MQTT-4.12.0-7", f"AUTH {reason:#x}, method {method}", wire.auth(reason, method))
            t.check("MQTT-4.12.0-7", all(packet.reason in (0x82, 0x81, 0x8C) for packet in found), found)


# The method SEALPOST-1, on a listener that asks for it: Hello, Challenge, Proof, Welcome.


class Held(Client):
    """A client that proves itself, whose every packet is held to the standard as that of a Peer is."""
    maximum_packet_size, topic_alias_maximum, problem_information, largest = UNLIMITED, 0, 1, 0

    def packet(self, timeout=None):
        found = super().packet(timeout)
        size = len(wire.packet(found.type, found.body))
        lint.check(found, self, size)
        self.largest = max(self.largest, size)
        return found


def held(t, maximum=None):
    """A client that has dialled and not said CONNECT, and takes packets of `maximum` bytes at the most."""
    if "auth" not in t.broker.ports:
        raise NotHere("no listener that authenticates")
    client = Held(Identity("someone"), f"mqtt://{t.broker.host}:{t.broker.ports['auth']}", timeout=SECONDS)
    t.peers.append(client)
    if maximum:
        client.maximum_packet_size = maximum
    return client.dial()


def proven(t):
    client = held(t)
    client.handshake()
    return client


def ended(client):
    """What DISCONNECT said, if it came; after it came nothing but the end."""
    farewell = client.wait_closed()
    assert not client.other, f"{[packet.name for packet in client.other]}"
    return farewell and farewell.reason


@case(5)
def an_authentication_continues_by_AUTH_0x18_and_ends_by_CONNACK(t):
    client = held(t)
    client.send_connect(client.hello())
    challenge = client.wait_packet(wire.AUTH)
    t.equal("MQTT-4.12.0-2 MQTT-3.15.2-1", challenge.reason, 0x18)
    t.equal("MQTT-4.12.0-5", challenge.props.get("authentication_method"), "SEALPOST-1", "AUTH")
    client.take_challenge(json.loads(challenge.props["authentication_data"]))
    client.send_auth(client.proof())
    connack = client.wait_packet(wire.CONNACK)
    assert connack.reason == 0
    t.equal("MQTT-4.12.0-5", connack.props.get("authentication_method"), "SEALPOST-1", "CONNACK")


@case(5)
def a_rejected_authentication_ends_the_connection(t):
    for detail, changes in (("another challenge", {"challenge": "x"}), ("another author", {"_author": "x"})):
        client = held(t)
        client.send_connect(client.hello())
        client.wait_challenge()
        client.send_auth(client.proof(changes))
        rejected(t, client, detail)
    client = held(t)
    client.send_connect(b"nonsense")
    rejected(t, client, "nonsense")


def rejected(t, client, detail):
    """By the end of the connection, with a CONNACK of failure before it at the most."""
    with t.holds("MQTT-4.12.0-4 MQTT-3.14.0-1", detail):
        farewell = client.wait_closed()
        assert not farewell, "DISCONNECT came where CONNACK had not"
        assert all(packet.type == wire.CONNACK and packet.reason >= 0x80 for packet in client.other), client.other


@case(5)
def a_re_authentication_ends_by_AUTH_0x00(t):
    client = proven(t)
    client.send_auth(client.hello("reauth"), reason=0x19)
    challenge = client.wait_packet(wire.AUTH)
    t.equal("MQTT-4.12.0-2 MQTT-3.15.2-1", challenge.reason, 0x18)
    client.take_challenge(json.loads(challenge.props["authentication_data"]))
    client.send_auth(client.proof())
    welcome = client.wait_packet(wire.AUTH)
    t.equal("MQTT-3.15.2-1", welcome.reason, 0x00)
    t.equal("MQTT-4.12.0-5", welcome.props.get("authentication_method"), "SEALPOST-1")
    assert client.stays_open()


@case(5)
def a_re_authentication_that_fails_ends_the_connection(t):
    client = proven(t)
    client.send_auth(client.hello("reauth"), reason=0x19)
    client.wait_challenge()
    client.send_auth(client.proof({"challenge": "x"}))
    with t.holds("MQTT-4.12.1-2"):
        assert ended(client) in (None, 0x87)


@case(5)
def a_re_authentication_keeps_its_method(t):
    for method in ("PLAIN", "", "sealpost-1", None):
        client = proven(t)
        with t.holds("MQTT-4.12.1-1", repr(method)):
            client.send_auth(client.hello("reauth"), reason=0x19, method=method)
            assert ended(client) in (None, 0x81, 0x82, 0x87, 0x8C)


@case(5)
def flags_and_reasons_of_AUTH_are_checked(t):
    for flags in (1, 2, 4, 8, 15):
        client = proven(t)
        raw = wire.auth(0x19, data=canonical_text(client.hello("reauth")).encode())
        with t.holds("MQTT-3.15.1-1 MQTT-2.1.3-1", f"flags {flags:04b}"):
            client.send(bytes([raw[0] | flags]) + raw[1:])
            assert ended(client) in (None, 0x81)
    for reason in (0x01, 0x17, 0x1A, 0x80):
        client = proven(t)
        with t.holds("MQTT-3.15.2-1", f"reason {reason:#x}"):
            client.send_auth(client.hello("reauth"), reason=reason)
            assert ended(client) in (None, 0x81, 0x82)


@case(5)
def AUTH_stays_within_the_maximum_packet_size(t):
    """What a server cannot say within it, it does not say: then the connection cannot be."""
    generous = proven(t)
    ids = "MQTT-3.15.2-2 MQTT-3.15.2-3"
    for maximum in (1 << 20, generous.largest + 30, generous.largest // 2, 60, 5):
        client = held(t, maximum)
        with t.holds(ids, f"maximum packet size {maximum}"):
            client.send_connect(client.hello(), props={"maximum_packet_size": maximum})
            try:
                client.wait_challenge()
                client.send_auth(client.proof())
                client.wait_welcome()
                assert client.largest <= maximum
            except (Closed, Refused):
                assert maximum < 1 << 20, "there was room for it"
