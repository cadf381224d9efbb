"""A stand-in for the server, in memory, for testing the test client, the ledgers and the checker without the real one.

It speaks only what an honest MQTT 5 client needs: handshake, outbox, inbox with a window of one, echo, relay, notice.
It can be told to sin (`sin`), so that a test can show that the sin is found.
"""
import json
import os
import socket
import struct
import threading

import mqtt_wire as wire
from signed import Identity, b64, canonical_text, check_identity, link_of, now_ms

LOG = "fakelog"


class Connection:
    def __init__(self, server, sock):
        self.server, self.sock, self.lock = server, sock, threading.RLock()
        self.client = self.device = None
        self.subscribed, self.waiting, self.packet_id = False, None, 0

    def read(self, count):
        raw = b""
        while len(raw) < count:
            more = self.sock.recv(count - len(raw))
            if not more:
                raise ConnectionError
            raw += more
        return raw

    def packet(self):
        first, length, shift = self.read(1)[0], 0, 0
        while True:
            digit = self.read(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first, self.read(length)

    def serve(self):
        try:
            self.handshake()
            while True:
                first, body = self.packet()
                with self.server.lock:
                    self.handle(first, body)
        except OSError:
            self.sock.close()

    def _properties(self, raw):
        read = wire._Reader(raw)
        return read.properties(), raw[read.at:]

    def handshake(self):
        _, body = self.packet()
        props, _ = self._properties(body[10:])
        hello = json.loads(props["authentication_data"])
        with self.server.lock:
            identity, now = self.server.identity, now_ms()
            challenge = identity.sign({"_t": "sealpost.Challenge", "_author": identity.permalink,
                                       "hello": link_of(hello), "client": hello["client"], "nonce": b64(os.urandom(32)),
                                       "received": now, "_time": now, "expires": now + 30000, "binding": False,
                                       "identity": [] if "server" in hello else identity.versions})
        self.sock.sendall(wire.auth(0x18, data=canonical_text(challenge).encode()))
        _, body = self.packet()
        props, _ = self._properties(body[1:])
        proof = json.loads(props["authentication_data"])
        with self.server.lock:
            welcome = self.server.welcome(self, hello, proof)
            data = {"authentication_method": "SEALPOST-1", "authentication_data": canonical_text(welcome).encode()}
            self.sock.sendall(wire.packet(wire.CONNACK, b"\0\0" + wire.properties(data)))

    def handle(self, first, body):
        kind = first >> 4
        if kind == wire.SUBSCRIBE:
            self.sock.sendall(wire.packet(wire.SUBACK, body[:2] + b"\0" + bytes([1, 0, 0, 0])))
            self.subscribed = True
        elif kind == wire.PUBLISH:
            found = wire.decode(first, body, 5)
            self.server.accept(self, json.loads(found.payload), found.packet_id)
        elif kind == wire.PUBACK and self.waiting:
            self.server.acked[self.client, self.device] = self.waiting
            self.waiting = None
        elif kind == wire.PINGREQ:
            self.sock.sendall(wire.packet(wire.PINGRESP))
        self.server.deliver(self.client)

    def publish(self, name, fields, qos=0):
        self.packet_id = self.packet_id % 65535 + 1
        topic = f"sp/{self.client}/{self.device}/{name}"
        self.sock.sendall(wire.publish(5, topic, canonical_text(fields), qos, self.packet_id if qos else None))


class FakeServer:
    def __init__(self, sin=None):
        self.identity, self.sin, self.lock = Identity("fake"), sin, threading.RLock()
        self.in_lanes, self.out, self.acked, self.identities, self.live, self.epoch = {}, {}, {}, {}, {}, 0
        self.told, self.events = set(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"mqtt://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=Connection(self, sock).serve, daemon=True).start()

    def close(self):
        self.listener.close()
        self.cut_all()

    def cut_all(self):
        """All connections break, as when the server is killed."""
        with self.lock:
            for connection in self.live.values():
                if connection.sock.fileno() >= 0:
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.sock.shutdown(socket.SHUT_RDWR)
            self.live.clear()
            if self.sin == "forgets on a crash":
                for lane in self.in_lanes.values():
                    del lane[-1:]

    def welcome(self, connection, hello, proof):
        me, device = hello["client"], hello["device"]
        if proof.get("identity"):
            check_identity(proof["identity"])
            self.identities[me] = proof["identity"]
        connection.client, connection.device = me, device
        if (me, device) in self.live and self.live[me, device].sock.fileno() >= 0:
            self.live[me, device].sock.shutdown(socket.SHUT_RDWR)
        self.live[me, device] = connection
        lane, out = self.in_lanes.setdefault((me, device), []), self.out.setdefault(me, [])
        acked = max(self.acked.get((me, device), len(out)), proof.get("position", {}).get("received", {}).get("n", 0))
        self.acked[me, device] = acked
        self.epoch += 1
        return self.identity.sign({
            "_t": "sealpost.Welcome", "_author": self.identity.permalink, "proof": link_of(proof), "session": "s",
            "epoch": self.epoch, "identity": link_of(self.identities[me][-1]), "light": "green", "_time": now_ms(),
            "log": {"id": LOG, "head": self.events},
            "position": {"received": self._mark(lane), "sent": self._mark(out), "acked": acked}})

    @staticmethod
    def _mark(lane):
        return {"n": len(lane), "link": link_of(lane[-1])} if lane else {"n": 0}

    def accept(self, connection, message, packet_id):
        lane = self.in_lanes[connection.client, connection.device]
        n = message["_n"]
        if n == len(lane) + 1:
            lane.append(message)
            self.answer(message)
        elif n > len(lane) or link_of(lane[n - 1]) != link_of(message):
            connection.sock.close()
            raise ConnectionError
        connection.publish("ack", {"link": link_of(message), "n": n, "event": n, "hash": "", "time": 0})
        connection.sock.sendall(wire.puback(packet_id))

    def answer(self, message):
        to, payload = message["_recipient"], message["object"]
        if to == self.identity.permalink:
            times = {"drops replies": 0, "doubles replies": 2}.get(self.sin, 1) if message["_n"] == 3 else 1
            for _ in range(times):
                self.send(message["_author"], {"_t": "demo.Echo", "echo": payload}, inReplyTo=link_of(message))
        elif to in self.identities:
            if (message["_author"], to) not in self.told:
                self.told.add((message["_author"], to))
                for version in self.identities[message["_author"]]:
                    self.send(to, version)
            self.send(to, message)
        else:
            notice = {"_t": "sealpost.Notice", "link": link_of(message), "code": "will_not_deliver"}
            self.send(message["_author"], notice)

    def send(self, to, payload, **more):
        out = self.out.setdefault(to, [])
        fields = {"_t": "sealpost.Message", "_author": self.identity.permalink, "_d": LOG, "_recipient": to,
                  "_n": len(out) + 1, "_time": max(now_ms(), out[-1]["_time"] + 1) if out else now_ms(),
                  "_z": b64(os.urandom(16)), "object": payload, **more}
        if out:
            fields["_q"] = link_of(out[-1])
        out.append(self.identity.sign(fields))
        self.deliver(to)

    def deliver(self, client):
        for (owner, device), connection in list(self.live.items()):
            due = self.acked.get((owner, device), 0)
            if owner == client and connection.subscribed and not connection.waiting and due < len(self.out[client]):
                connection.waiting = due + 1
                try:
                    connection.publish("inbox", self.out[client][due], 1)
                except OSError:
                    self.live.pop((owner, device), None)
