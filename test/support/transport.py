"""Byte pipes to a server: TCP, TLS and WebSocket behind `send`, `receive` and `close`. Every wait has a bound."""
import base64
import ctypes
import hashlib
import os
import socket
import ssl
import struct
import time
from urllib.parse import urlsplit


class Closed(Exception):
    """The server closed the connection, or it broke."""


class TimedOut(Exception):
    """Nothing arrived within the time allowed."""


class Pipe:
    """A TCP or TLS connection."""

    def __init__(self, host, port, timeout, tls=None):
        try:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except OSError as error:
            raise Closed(f"cannot connect to {host}:{port}: {error}") from error

    def send(self, raw, timeout=10):
        try:
            self.socket.settimeout(timeout)
            self.socket.sendall(raw)
        except TimeoutError as error:
            raise TimedOut("the server does not read") from error
        except (OSError, ValueError) as error:
            raise Closed(str(error)) from error

    def receive(self, timeout):
        """At least one byte; Closed at the end of the stream."""
        try:
            self.socket.settimeout(max(timeout, 0.001))
            raw = self.socket.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError) as error:
            raise TimedOut(f"nothing arrived in {timeout:.1f} s") from error
        except (OSError, ValueError) as error:
            raise Closed(str(error)) from error
        if not raw:
            raise Closed("the server closed the connection")
        return raw

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with RST, as a machine that lost power would not but a crashing process may."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def channel_binding(self):
        """The tls-exporter value (RFC 9266). Python has no call for it, so OpenSSL is asked directly."""
        # In CPython 3.11 a _ssl._SSLSocket holds, after its object header, a weak reference and then the SSL pointer.
        offset = object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
        pointer = ctypes.c_void_p.from_address(id(self.socket._sslobj) + offset)
        value, label = ctypes.create_string_buffer(32), b"EXPORTER-Channel-Binding"
        export = ctypes.CDLL("libssl.so.3").SSL_export_keying_material
        export.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t,
                           ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        if export(pointer, value, 32, label, len(label), b"", 0, 1) != 1:
            raise OSError("OpenSSL gave no exporter value")
        return value.raw


class UnixPipe(Pipe):
    """A connection over a Unix socket."""

    def __init__(self, path, timeout):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except OSError as error:
            raise Closed(f"cannot connect to {path}: {error}") from error

    def reset(self):
        self.socket.close()


class WebSocket:
    """RFC 6455, client side, binary messages, sub-protocol mqtt.

    `protocol` is what is offered, and what is taken must be `expected`, unless that is None. `opcodes` are of the frames
    that came."""

    def __init__(self, pipe, host, path="/mqtt", protocol="mqtt", timeout=10, expected="mqtt"):
        self.pipe, self.raw, self.parts, self.opcodes, self.protocol = pipe, b"", b"", set(), None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        pipe.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.deadline = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.raw:
            self.raw += pipe.receive(self.deadline - time.monotonic())
        head, _, self.raw = self.raw.partition(b"\r\n\r\n")
        self._check_answer(head.decode("latin-1"), key, expected if protocol else None)

    def _check_answer(self, head, key, expected):
        status, *lines = head.split("\r\n")
        if " 101 " not in status + " ":
            raise Closed(f"no WebSocket: {status}")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        if fields.get("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise Closed("a wrong Sec-WebSocket-Accept")
        self.protocol = fields.get("sec-websocket-protocol")
        if expected and self.protocol != expected:
            raise Closed("the sub-protocol was not taken")

    def frame(self, opcode, payload, final=True):
        mask = os.urandom(4)
        size = len(payload)
        length = (bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65536
                  else b"\xff" + struct.pack(">Q", size))
        masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
        return bytes([(128 if final else 0) | opcode]) + length + mask + masked

    def send(self, raw, timeout=10):
        self.pipe.send(self.frame(2, raw), timeout)

    def _take(self, count, deadline):
        while len(self.raw) < count:
            self.raw += self.pipe.receive(deadline - time.monotonic())
        taken, self.raw = self.raw[:count], self.raw[count:]
        return taken

    def _frame_received(self, deadline):
        while len(self.raw) < 2:  # nothing is taken until a frame has begun, so a timeout here loses nothing
            self.raw += self.pipe.receive(deadline - time.monotonic())
        deadline = max(deadline, time.monotonic() + 5)
        first, second = self._take(2, deadline)
        size = second & 127
        if size == 126:
            size = int.from_bytes(self._take(2, deadline), "big")
        elif size == 127:
            size = int.from_bytes(self._take(8, deadline), "big")
        if second & 128:
            raise Closed("a server masks no frames")
        return first, self._take(size, deadline)

    def receive(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            first, payload = self._frame_received(deadline)
            opcode = first & 15
            self.opcodes.add(opcode)
            if opcode == 8:
                raise Closed(f"WebSocket close {int.from_bytes(payload[:2], 'big')}")
            if opcode == 9:
                self.pipe.send(self.frame(10, payload))
            elif opcode in (0, 2) and payload:
                return payload

    def close(self):
        self.pipe.close()

    def reset(self):
        self.pipe.reset()

    def channel_binding(self):
        return self.pipe.channel_binding()


def open_pipe(endpoint, timeout=10, certificate=None):
    """A pipe to `endpoint` (mqtt, mqtts, ws, wss, or unix:PATH). A TLS server must show `certificate` (a file of trusted ones)."""
    if endpoint.startswith("unix:"):
        return UnixPipe(endpoint.removeprefix("unix:"), timeout)
    parts = urlsplit(endpoint)
    tls = None
    if parts.scheme in ("mqtts", "wss"):
        tls = ssl.create_default_context(cafile=certificate)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        if parts.scheme == "mqtts":
            tls.set_alpn_protocols(["mqtt"])
    pipe = Pipe(parts.hostname, parts.port, timeout, tls)
    if parts.scheme in ("ws", "wss"):
        return WebSocket(pipe, f"{parts.hostname}:{parts.port}", timeout=timeout)
    return pipe
