"""REST calls as PROTOCOL.md section 6 has them: the handshake for a ticket, and a bot's calls; over TCP or Unix."""
import http.client
import json
import socket
from urllib.parse import urlencode, urlsplit

from sealpost_client import Refused
from signed import canonical_text


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.raw = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def code(self):
        """The stable code of a problem (RFC 9457)."""
        return self.json.get("code") if "problem+json" in (self.headers["content-type"] or "") else None

    def must(self, *statuses):
        if self.status not in (statuses or (200, 201)):
            raise Refused(f"HTTP {self.status}: {self.raw[:300]!r}", self.status, self.code)
        return self


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Rest:
    """`base` is http://host:port, or the path of a Unix socket."""

    def __init__(self, base, token=None, timeout=15):
        self.base, self.token, self.timeout = base, token, timeout

    def _connection(self, timeout):
        if self.base.startswith("/"):
            return _UnixConnection(self.base, timeout)
        parts = urlsplit(self.base)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def call(self, method, path, body=None, query=None, headers=None, timeout=None):
        """One request on a connection of its own. `body`: an object, or bytes to be sent as they are."""
        connection = self._connection(timeout or self.timeout)
        fields = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else canonical_text(body).encode()
        try:
            connection.request(method, path + ("?" + urlencode(query) if query else ""), body, fields)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def post(self, path, body, **options):
        return self.call("POST", path, body, **options)

    # A bot.

    def updates(self, after=None, limit=None, wait=0, **more):
        query = {name: value for name, value in
                 {"after": after, "limit": limit, "wait": wait, **more}.items() if value is not None}
        return self.call("GET", "/v1/updates", query=query, timeout=self.timeout + wait).must().json

    def acknowledge(self, consumer, events, replies=None, key=None):
        body = {"consumer": consumer, "events": events, **({"replies": replies} if replies is not None else {})}
        return self.post("/v1/updates/ack", body, headers={"Idempotency-Key": key} if key else None)

    def send(self, to, payload, key=None, **more):
        return self.post("/v1/messages", {"to": to, "object": payload, **more},
                         headers={"Idempotency-Key": key} if key else None)


def ticket_for(client, base, purpose="ticket", from_first=False):
    """The handshake over REST for `client`, whose endpoint is the MQTT listener; keeps the ticket in it."""
    rest = Rest(base)
    client.take_challenge(rest.post("/v1/auth/hello", client.hello(purpose)).must().json)
    answer = rest.post("/v1/auth/proof", client.proof(from_first=from_first)).must().json
    welcome = client.take_welcome(answer["welcome"])
    client.ticket = answer["ticket"]
    return welcome
