#!/usr/bin/python3
"""Ways to the server: through a proxy, with client certificates, over IPv6, over certificates that change. (also: dev)"""
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import mqtt_wire as wire  # noqa: E402
import runner  # noqa: E402
from daemon import PATIENCE, Daemon, certificate  # noqa: E402
from sealpost_client import Client, Closed, Refused  # noqa: E402
from signed import Identity, canonical_text  # noqa: E402
from system import GENEROUS, ServerCase, merged, note, wait_until  # noqa: E402
from transport import Pipe, WebSocket  # noqa: E402


class TransportDaemon(Daemon):
    """One whose listeners have more keys: {kind: {key: value}}."""
    more = {}

    def _listener(self, kind):
        return super()._listener(kind) | self.more.get(kind, {})


def header(source, port=40000, command=0x21):
    """A PROXY header of version 2 for a client at `source`; None: the proxy itself."""
    if source is None:
        return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20, 0]) + b"\0\0"
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    here = "::1" if ":" in source else "127.0.0.1"
    rest = socket.inet_pton(family, source) + socket.inet_pton(family, here) + struct.pack(">HH", port, 1883)
    protocol = 0x21 if ":" in source else 0x11
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, protocol]) + struct.pack(">H", len(rest)) + rest


class ProxiedClient(Client):
    """A client whose connection a proxy has passed on."""
    source = "192.0.2.7"

    def dial(self):
        self._forget_connection()
        scheme, _, place = self.endpoint.partition("://")
        host, _, port = place.rpartition(":")
        self.pipe = Pipe(host, int(port), self.timeout)
        self.pipe.send(header(self.source))
        if scheme == "mqtts":
            tls = ssl.create_default_context(cafile=self.certificate)
            self.pipe.socket = tls.wrap_socket(self.pipe.socket, server_hostname=host)
        return self


class TransportCase(ServerCase):
    more = {}

    @classmethod
    def new_daemon(cls, **options):
        daemon = TransportDaemon(cls.kinds, cls.bot, merged(GENEROUS, cls.settings), **options)
        daemon.more = cls.more
        daemon.write_configuration()
        return daemon

    def logged(self, text):
        wait_until(lambda: text in self.daemon.log(), 5, f"a line in the log that says {text!r}")


class BehindAProxy(TransportCase):
    kinds = ("mqtt", "mqtts", "http")
    settings = {"limits": {"max_unproven_per_address": 5, "unproven_seconds": 20}}
    more = {"mqtt": {"proxy_from": ["127.0.0.1"]}, "mqtts": {"proxy_from": ["192.0.2.0/24", "127.0.0.0/8"]}}

    def through_proxy(self, source="192.0.2.7", kind="mqtt"):
        client = ProxiedClient(Identity("far"), self.daemon.endpoint(kind), certificate=self.daemon.certificate,
                               timeout=15 * PATIENCE)
        client.source = source
        self.addCleanup(client.close)
        return client

    def test_a_client_behind_the_proxy_is_served_over_tcp_and_over_tls(self):
        for kind in ("mqtt", "mqtts"):
            for source in ("192.0.2.7", "2001:db8::7", None):
                with self.subTest(f"{kind} {source}"):
                    client = self.through_proxy(source, kind)
                    client.login()
                    self.echoed(client)

    def test_who_comes_from_the_proxys_address_without_a_header_is_cut_and_the_log_says_why(self):
        line = "127.0.0.1: turned away a connection from this proxy: it does not begin with a PROXY header"

        def logged():
            with self.assertRaises((Closed, Refused)):
                self.person("no header")
            return line in self.daemon.log()
        wait_until(logged, 5, line)  # of many such lines some are left out

    def test_the_log_names_the_client_and_not_the_proxy(self):
        client = self.through_proxy("198.51.100.9").dial()
        with self.assertRaises((Closed, Refused)):
            client.send_connect(client.hello(changes={"endpoint": "mqtt://elsewhere.example:1"}))
            client.wait_challenge()
        self.logged("198.51.100.9")

    def test_a_crowd_of_strangers_at_one_address_leaves_room_for_others_behind_the_same_proxy(self):
        crowd = [self.through_proxy("203.0.113.5").dial() for _ in range(5)]
        late = self.through_proxy("203.0.113.5").dial()
        late.wait_closed()
        other = self.through_proxy("203.0.113.6")
        other.login()
        self.echoed(other)
        for client in crowd:
            client.close()

    def test_a_proxy_that_says_nothing_takes_nobodys_place(self):
        silent = [socket.create_connection(("127.0.0.1", self.daemon.ports["mqtt"])) for _ in range(20)]
        client = self.through_proxy("192.0.2.8")
        client.login()
        self.echoed(client)
        for connection in silent:
            connection.close()

    def test_header_and_handshake_may_come_byte_by_byte(self):
        client = self.through_proxy()
        client._forget_connection()
        client.pipe = Pipe("127.0.0.1", self.daemon.ports["mqtt"], 15 * PATIENCE)
        for byte in header("192.0.2.77"):
            client.pipe.send(bytes([byte]))
        client.send_connect(client.hello())
        client.wait_challenge()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


class Authority:
    """One that certifies clients, in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = self.path("ca.pem"), self.path("ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def path(self, what):
        return os.path.join(self.folder, f"{self.name}-{what}")

    def certify(self, name, days=2):
        """(certificate, key) of a client; with days=-1 it has expired."""
        request, certificate, key = self.path(f"{name}.csr"), self.path(f"{name}.pem"), self.path(f"{name}.key")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-out", certificate)
        return certificate, key


class CertifiedClient(Client):
    """A client that shows a certificate, or none."""
    shown = None

    def dial(self):
        self._forget_connection()
        tls = ssl.create_default_context(cafile=self.certificate)
        if self.shown:
            tls.load_cert_chain(*self.shown)
        host, _, port = self.endpoint.partition("://")[2].rpartition(":")
        self.pipe = Pipe(host, int(port), self.timeout, tls)
        return self


class ClientCertificates(TransportCase):
    kinds = ("mqtts", "http")

    @classmethod
    def new_daemon(cls, **options):
        cls.folder = tempfile.mkdtemp(prefix="sealpost-authority-")
        cls.authority, cls.others = Authority(cls.folder, "house"), Authority(cls.folder, "others")
        cls.client_ca = os.path.join(cls.folder, "client-ca.pem")
        shutil.copy(cls.authority.certificate, cls.client_ca)
        cls.more = {"mqtts": {"client_certificates": "required", "client_ca": cls.client_ca}}
        return super().new_daemon(**options)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.folder)

    def showing(self, shown):
        client = CertifiedClient(Identity("certified"), self.daemon.endpoint("mqtts"),
                                 certificate=self.daemon.certificate, timeout=15 * PATIENCE)
        client.shown = shown
        self.addCleanup(client.close)
        return client

    def refused(self, shown, alert, line):
        """The server says no with this alert, and a line in the log says why."""
        def seen():
            client = self.showing(shown)
            with self.assertRaises(Closed) as caught:
                client.dial()
                client.pipe.receive(15 * PATIENCE)  # to send would be to race with the end of the connection
            self.assertIn(alert, str(caught.exception).lower())
            return line in self.daemon.log()
        wait_until(seen, 5, line)

    def test_a_client_with_a_certificate_of_the_authority_is_served(self):
        client = self.showing(self.authority.certify("sensor"))
        client.login()
        self.echoed(client)

    def test_who_shows_none_or_a_bad_one_is_refused_with_an_alert_and_a_line(self):
        self.refused(None, "certificate required", "peer did not return a certificate")
        self.refused(self.authority.certify("late", days=-1), "certificate expired", "certificate has expired")
        self.refused(self.others.certify("alien"), "unknown ca", "unable to get local issuer certificate")
        self.refused((self.others.certificate, self.others.key), "unknown ca", "self-signed certificate")

    def test_another_authority_is_taken_up_on_sighup_and_a_bad_file_keeps_the_old(self):
        shown, next_shown = self.authority.certify("before"), self.others.certify("after")
        client = self.showing(shown)
        client.login()
        try:
            with open(self.client_ca, "w", encoding="ascii") as file:
                file.write("no PEM")
            self.daemon.signal(signal.SIGHUP)
            self.logged(f"{self.client_ca} cannot be used")
            self.logged("What is in use stays")
            self.showing(shown).login()
            shutil.copy(self.others.certificate, self.client_ca)
            self.daemon.signal(signal.SIGHUP)
            wait_until(lambda: self.let_in(next_shown), 5, "the next authority's clients are let in")
            self.assertFalse(self.let_in(shown))
            self.echoed(client)  # who was there stays
        finally:
            shutil.copy(self.authority.certificate, self.client_ca)
            self.daemon.signal(signal.SIGHUP)
            wait_until(lambda: self.let_in(shown), 5, "the first authority is back")

    def let_in(self, shown):
        try:
            self.showing(shown).login()
            return True
        except Closed:
            return False


class CertificateReload(TransportCase):
    kinds = ("mqtts", "wss", "http")

    def shown(self, kind):
        """The certificate that the server shows, in DER."""
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        pipe = Pipe("localhost", self.daemon.ports[kind], 15 * PATIENCE, tls)
        try:
            return pipe.socket.getpeercert(binary_form=True)
        finally:
            pipe.close()

    def test_a_reload_serves_the_new_certificate_and_drops_nobody_and_a_bad_pair_keeps_the_old(self):
        clients = [self.person("here all the time", kind=kind) for kind in ("mqtts", "wss")]
        old = self.shown("mqtts")
        fresh = tempfile.mkdtemp(prefix="sealpost-fresh-")
        self.addCleanup(shutil.rmtree, fresh)
        pair = certificate(fresh)
        shutil.copy(pair[0], self.daemon.certificate)
        self.daemon.signal(signal.SIGHUP)
        self.logged("is not the one of the certificate")
        self.logged("What is in use stays")
        self.assertEqual(self.shown("mqtts"), old)
        shutil.copy(pair[1], self.daemon.private_key)
        self.daemon.signal(signal.SIGHUP)
        for kind in ("mqtts", "wss"):
            wait_until(lambda kind=kind: self.shown(kind) != old, 5, f"another certificate on {kind}")
        for client in clients:
            self.assertTrue(client.stays_open())
            self.echoed(client)
        self.echoed(self.person("newcomer", kind="wss"))


class Families(TransportCase):
    kinds = ("mqtt", "ws", "http")
    more = {"mqtt": {"address": "::"}, "ws": {"address": "::1"}}

    @classmethod
    def new_daemon(cls, **options):
        daemon = super().new_daemon(**options)
        daemon.sections["server"]["endpoints"] += [f"{kind}://[::1]:{daemon.ports[kind]}" for kind in ("mqtt", "ws")]
        daemon.write_configuration()
        return daemon

    def test_a_listener_on_all_addresses_serves_both_families_and_one_on_loopback_its_own(self):
        self.echoed(self.person("four"))
        for kind in ("mqtt", "ws"):
            client = Client(Identity("six"), f"{kind}://[::1]:{self.daemon.ports[kind]}", timeout=15 * PATIENCE)
            self.addCleanup(client.close)
            client.login()
            self.echoed(client)
        with self.assertRaises(Closed):
            self.person("four", kind="ws")

    def test_an_ipv4_client_of_an_ipv6_listener_is_named_by_its_ipv4_address(self):
        client = self.client().dial()
        with self.assertRaises((Closed, Refused)):
            client.send_connect(client.hello(changes={"endpoint": "mqtt://elsewhere.example:1"}))
            client.wait_challenge()
        self.logged(f"{client.client_id} from 127.0.0.1 failed")


class WebSocketFrames(TransportCase):
    kinds = ("ws", "http")

    def frames(self, client, raw, size):
        """`raw` as one message in fragments of `size` bytes, with a ping between them."""
        pieces = [raw[at:at + size] for at in range(0, len(raw), size)]
        out = b""
        for at, piece in enumerate(pieces):
            out += client.pipe.frame(0 if at else 2, piece, at + 1 == len(pieces)) + client.pipe.frame(9, b"ping")
        return out

    def test_packets_and_frames_need_not_fit_each_other(self):
        """[MQTT-6.0.0-2], and RFC 6455, 5.4."""
        for size, at_once in ((1, 1), (7, 1), (7, 1000), (10_000, 1)):
            with self.subTest(f"{size} {at_once}"):
                client = self.client(Identity("framed"), kind="ws").dial()
                send = client.send
                client.send = lambda raw, client=client, size=size, at_once=at_once: self.trickle(
                    client, self.frames(client, raw, size), at_once)
                client.send_connect(client.hello())
                client.wait_challenge()
                client.send_auth(client.proof())
                client.wait_welcome()
                client.subscribe()
                client.send = send
                message = client.compose(client.server, note())
                publish = wire.publish(5, client.topic("outbox"), canonical_text(message), 1, 5)
                send(wire.pingreq() * 3 + publish + wire.pingreq())  # several packets in a frame
                client.wait_answer(5)
                self.assertTrue(client.stays_open())

    def trickle(self, client, raw, size):
        for at in range(0, len(raw), size):
            client.pipe.pipe.send(raw[at:at + size])

    def test_messages_longer_than_a_packet_are_taken_if_they_are_many_packets(self):
        client = self.person("busy", kind="ws")
        client.send(wire.pingreq() * 150_000)
        self.assertTrue(client.stays_open())

    def test_an_upgrade_that_does_not_name_mqtt_is_refused(self):
        """[MQTT-6.0.0-3], [MQTT-6.0.0-4]: WebSocket() checks that the server names it, where the client has."""
        for protocol in ("", "mqttv3.1", "chat"):
            with self.subTest(protocol):
                pipe = Pipe("127.0.0.1", self.daemon.ports["ws"], 15 * PATIENCE)
                self.addCleanup(pipe.close)
                with self.assertRaisesRegex(Closed, "400"):
                    WebSocket(pipe, "localhost", protocol=protocol)

    def test_wrong_frames_end_the_connection_and_nobody_elses(self):
        wrong = {"text": (b"\x81\x85\0\0\0\0hello", 1003), "empty text": (b"\x81\x80\0\0\0\0", 1003),
                 "no mask": (b"\x82\x01x", 1002), "a reserved bit": (b"\xc2\x81\0\0\0\0x", 1002),
                 "a ping of 126 bytes": (b"\x89\xfe\0\x7e\0\0\0\0" + b"p" * 126, 1002),
                 "2^62 bytes": (b"\x82\xff\x40" + bytes(7) + bytes(4), 1009),
                 "the top bit of the length": (b"\x82\xff\x80" + bytes(7) + bytes(4), "1009|1002")}
        honest = self.person("honest", kind="ws")
        for name, (raw, code) in wrong.items():
            with self.subTest(name):
                client = self.client(kind="ws").dial()
                client.pipe.pipe.send(raw)
                with self.assertRaisesRegex(Closed, f"close ({code})"):
                    client.pipe.receive(15 * PATIENCE)
        self.echoed(honest)


if __name__ == "__main__":
    runner.main()
