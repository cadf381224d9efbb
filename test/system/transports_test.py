#!/usr/bin/python3
"""Ways to the server: through a proxy, with client certificates, over IPv6, over certificates that change. (also: dev)"""
import os
import signal
import socket
import ssl
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE, Daemon  # noqa: E402
from sealpost_client import Client, Closed, Refused, TimedOut  # noqa: E402
from signed import Identity  # noqa: E402
from system import GENEROUS, ServerCase, merged, wait_until  # noqa: E402
from transport import Pipe  # noqa: E402


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


if __name__ == "__main__":
    runner.main()
