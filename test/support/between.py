"""Somebody in the middle, for tests of attacks on the handshake."""
import socket
import ssl
import threading

from daemon import free_port


class Relay:
    """Somebody between a client and the server: passes every byte on, both ways, and keeps what it has heard. With
    `certificate` and `key` it ends the client's TLS; with `trusted` it speaks TLS to the server. `tamper` makes of what
    the server has sent what the client gets."""

    def __init__(self, server_port, certificate=None, key=None, trusted=None, port=None, tamper=None):
        self.port, self.server_port, self.trusted = port or free_port(), server_port, trusted
        self.tamper = tamper or (lambda raw: raw)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self.context:
            self.context.load_cert_chain(certificate, key)
        self.heard, self.sockets = b"", [socket.create_server(("127.0.0.1", self.port))]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            client, _ = self.sockets[0].accept()
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("localhost", self.server_port))
            if self.trusted:
                server = ssl.create_default_context(cafile=self.trusted).wrap_socket(server, server_hostname="localhost")
        except OSError:
            return
        self.sockets += [client, server]
        for way in ((client, server, lambda raw: raw), (server, client, self.tamper)):
            threading.Thread(target=self._pump, args=way, daemon=True).start()

    def _pump(self, source, target, make):
        try:
            while raw := source.recv(65536):
                self.heard += raw
                target.sendall(make(raw))
        except OSError:
            pass
        finally:
            self.close()

    def close(self):
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
