#!/usr/bin/python3
"""The server and the contract in proto/: every route, every answer and every object on the wire is as proto/openapi.yaml
and proto/schemas say, and nothing is there that they do not say. The bot of docs/bots.md runs as it stands there.
(also: dev)"""
import copy
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import jsonschema  # noqa: E402
import yaml  # noqa: E402
import runner  # noqa: E402
from daemon import Daemon, free_port  # noqa: E402
from rest import Rest, ticket_for  # noqa: E402
from signed import Identity, check_identity, link_of, verifies  # noqa: E402
from sealpost_client import Client, Rejected  # noqa: E402
from system import GENEROUS, ROOT, ServerCase, bot_token, merged, note, wait_until  # noqa: E402

PROTO = "file:///proto/"  # where the schemas stand for each other's references
NOBODY = "ab" * 32


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def closed(schema):
    """The schema, but with no members besides those it describes, unless it speaks of them: what it leaves out is a gap
    in the contract. (A reader of the protocol lets unknown members pass.)"""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    return result


def schemas():
    folder = os.path.join(ROOT, "proto/schemas")
    return {f"{PROTO}schemas/{name}": json.loads(read(f"proto/schemas/{name}")) for name in sorted(os.listdir(folder))}


STORE = {name: closed(schema) for name, schema in schemas().items()}
OPENAPI = yaml.safe_load(read("proto/openapi.yaml"))
ASYNCAPI = yaml.safe_load(read("proto/asyncapi.yaml"))


def validator(schema, base="openapi.yaml"):
    resolver = jsonschema.RefResolver(PROTO + base, schema, store=STORE)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def faults(value, schema, base="openapi.yaml"):
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in validator(schema, base).iter_errors(value)]


def operations():
    """{(METHOD, path): operation} of openapi.yaml."""
    return {(method.upper(), path): operation for path, item in OPENAPI["paths"].items()
            for method, operation in item.items() if method in ("get", "post", "put", "patch", "delete")}


def path_like(path):
    """The path of openapi.yaml that `path` is an example of."""
    for known in OPENAPI["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
            return known
    raise AssertionError(f"{path} is not in openapi.yaml")


def content_of(response):
    """{media type: schema} of a response, its $ref followed."""
    if "$ref" in response:
        response = OPENAPI["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return {kind: body["schema"] for kind, body in response.get("content", {}).items()}


class Held(Rest):
    """A Rest that holds each answer to openapi.yaml, and notes (method, path, status)."""
    seen = set()

    def call(self, method, path, body=None, query=None, **options):
        answer = super().call(method, path, body, query, **options)
        known = path_like(path)
        operation = operations()[method, known]
        declared = operation["responses"].get(str(answer.status))
        if declared is None:
            raise AssertionError(f"{method} {known} answers {answer.status}, which is not declared: {answer.raw[:200]}")
        kind = answer.headers["content-type"].split(";")[0]
        schema = content_of(declared).get(kind)
        if schema is None:
            raise AssertionError(f"{method} {known} answers {answer.status} as {kind}, which is not declared")
        found = faults(answer.raw.decode() if kind == "text/plain" else answer.json, schema)
        if kind == "application/problem+json" and answer.json["status"] != answer.status:
            found.append("the status in the problem is not that of the answer")
        if found:
            raise AssertionError(f"{method} {known} {answer.status}: {found} in {answer.raw[:500]}")
        if isinstance(body, dict) and answer.status < 300:
            asked = operation["requestBody"]["content"]["application/json"]["schema"]
            if faults(body, asked):
                raise AssertionError(f"{method} {known} takes {body}, against its schema: {faults(body, asked)}")
        Held.seen.add((method, known, answer.status))
        return answer


class HealthDaemon(Daemon):
    """With a listener for health besides."""

    def write_configuration(self):
        super().write_configuration()
        self.health_port = free_port()
        with open(self.configuration, "a", encoding="utf-8") as file:
            file.write(f'\n[[listener]]\nname = "health"\nkind = "http"\nserves = ["health"]\nport = {self.health_port}\n')


class ContractCase(ServerCase):
    kinds, bot = ("mqtt", "http"), "rest"

    @classmethod
    def new_daemon(cls, **options):
        return HealthDaemon(cls.kinds, cls.bot, merged(GENEROUS, cls.settings))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = bot_token(cls.daemon)

    def setUp(self):
        self.rest = Held(self.daemon.rest_base, self.token)
        self.open = Held(self.daemon.rest_base)
        self.health = Held(f"http://127.0.0.1:{self.daemon.health_port}")

    def fits(self, name, value):
        self.assertEqual(faults(value, {"$ref": f"schemas/{name}.json"}), [], name)

    def update_of(self, client):
        def found():
            return [one for one in self.rest.updates(wait=1)["updates"] if one["client"] == client.permalink]
        return wait_until(found, 15, "the update")[0]


class Routes(ContractCase):
    """Each answer is held to openapi.yaml by `Held`; what stands here is which answers there are."""

    def answers(self, status, code, method, path, body=None, rest=None, **options):
        answer = (rest or self.rest).call(method, path, body, **options)
        self.assertEqual((answer.status, answer.code), (status, code), answer.raw[:300])
        return answer

    def test_the_handshake(self):
        anna = self.client()
        challenge = self.open.post("/v1/auth/hello", anna.hello("ticket")).must().json
        anna.take_challenge(challenge)
        proof = anna.proof()
        anna.take_welcome(self.open.post("/v1/auth/proof", proof).must().json["welcome"])
        self.answers(401, "not_authorized", "POST", "/v1/auth/proof", proof)
        self.answers(401, "not_authorized", "POST", "/v1/auth/hello", {"_t": "sealpost.Hello"})
        self.answers(400, "malformed", "POST", "/v1/auth/proof", {"_t": "sealpost.Hello"})
        for path in ("/v1/auth/hello", "/v1/auth/proof"):
            self.assertEqual(self.open.post(path, b" " * 3_000_000).status, 413)

    def test_what_is_open_to_anybody(self):
        info = self.open.get("/v1/info").must().json
        self.assertEqual(info["endpoints"], [self.daemon.endpoint(kind) for kind in self.kinds])
        self.assertEqual(self.open.get("/v1/identity").must().json["permalink"], info["permalink"])

    def test_views(self):
        anna = self.person("anna")
        identity = self.rest.get(f"/v1/identities/{anna.permalink}").must().json
        self.assertEqual(identity, {"permalink": anna.permalink, "versions": anna.identity.versions})
        client = self.rest.get(f"/v1/clients/{anna.permalink}").must().json
        self.assertEqual((client["connected"], client["devices"][0]["device"]), ([anna.device], anna.device))
        before = format(int(anna.permalink, 16) - 1, "064x")
        page = self.rest.get("/v1/clients", after=before, limit=1).must().json["clients"]
        self.assertEqual([one["permalink"] for one in page], [anna.permalink])
        for path in ("/v1/identities/", "/v1/clients/"):
            self.answers(404, "unknown_client", "GET", path + NOBODY)
            self.answers(400, "malformed", "GET", path + "x")
            self.answers(401, "not_authorized", "GET", path + anna.permalink, rest=self.open)
        self.answers(401, "not_authorized", "GET", "/v1/clients", rest=self.open)
        self.answers(400, "malformed", "GET", "/v1/clients", query={"limit": 101})

    def test_updates_and_their_acknowledgement(self):
        anna, bert = self.person("anna"), self.person("bert")
        anna.say(anna.server, note(), context="c", inReplyTo=NOBODY)
        update = self.update_of(anna)
        replies = [{"object": {"_t": "demo.Answer"}, "context": "c", "inReplyTo": NOBODY, "event": update["event"]},
                   {"object": {"_t": "demo.Answer"}, "to": bert.permalink}]
        for _ in range(2):  # the second time it has no effect
            self.rest.acknowledge("bot", [update["event"]], replies).must()
        self.assertEqual(anna.take()["context"], "c")
        self.fits("message", bert.take())
        self.rest.updates(limit=1, after=0, consumer="bot")
        self.answers(400, "malformed", "GET", "/v1/updates", query={"limit": 0})
        self.answers(404, "unknown_consumer", "GET", "/v1/updates", query={"consumer": "other"})
        self.answers(401, "not_authorized", "GET", "/v1/updates", rest=self.open)
        ack = "/v1/updates/ack"
        self.answers(400, "malformed", "POST", ack, {})
        self.answers(401, "not_authorized", "POST", ack, {"events": [1]}, rest=self.open)
        self.answers(404, "unknown_consumer", "POST", ack, {"events": [1], "consumer": "other"})
        self.answers(409, "not_waiting", "POST", ack, {"events": [9007199254740991]})
        self.assertEqual(self.rest.post(ack, b" " * 3_000_000).status, 413)

    def test_sending(self):
        anna = self.person("anna")
        body = {"to": anna.permalink, "object": {"_t": "demo.Answer"}, "context": "c", "inReplyTo": NOBODY}
        once = {"headers": {"Idempotency-Key": "once-" + anna.device}}
        self.assertEqual([self.rest.post("/v1/messages", body, **once).status for _ in range(2)], [201, 200])
        self.answers(422, "idempotency_mismatch", "POST", "/v1/messages", {**body, "context": "d"}, **once)
        self.answers(404, "unknown_client", "POST", "/v1/messages", {**body, "to": NOBODY})
        self.answers(400, "malformed", "POST", "/v1/messages", {**body, "more": 1})
        self.answers(401, "not_authorized", "POST", "/v1/messages", body, rest=self.open)
        self.assertEqual(self.rest.post("/v1/messages", b" " * 3_000_000).status, 413)

    def test_health(self):
        for path in ("/livez", "/readyz", "/metrics"):
            self.health.get(path).must()

    def test_the_contract_names_each_route_of_the_server_and_no_other(self):
        source = read("lib/api/api.cpp")
        routes = set(re.findall(r'\badd\("(\w+)", "([^"]+)"', source))
        self.assertEqual(set(operations()), routes)
        guarded = set(re.findall(r'\badd\("(\w+)", "([^"]+)", Access::bot', source))
        self.assertEqual({key for key, operation in operations().items() if "security" in operation}, guarded)

    def test_the_contract_names_each_code_of_the_server_and_no_other(self):
        codes = set()
        sources = [f"lib/api/{name}" for name in os.listdir(os.path.join(ROOT, "lib/api"))] + ["lib/net/web.cpp"]
        for name in sources:
            codes |= set(re.findall(r'problem\(\s*\d+,\s*"(\w+)"', read(name)))
        health = {"disk_full", "failed", "stopped"}  # name_of() in health_routes.cpp
        declared = STORE[PROTO + "schemas/rest.json"]["$defs"]["Problem"]["properties"]["code"]["enum"]
        self.assertEqual(set(declared), codes | health)

    def test_z_every_route_has_been_seen_to_succeed(self):
        """Runs after the others of this class, in the order of the names; alone it has nothing to look at."""
        if not Held.seen:
            self.skipTest("only this test was chosen")
        done = {(method, path) for method, path, status in Held.seen if status < 300}
        self.assertEqual(set(operations()) - done, set())


class NoFeed(ContractCase):
    bot = "echo"
    settings = {"limits": {"outbox_messages": 16}}

    def test_a_server_with_another_bot_has_no_feed(self):
        self.assertEqual(self.rest.get("/v1/updates").code, "no_feed")
        self.assertEqual(self.rest.post("/v1/updates/ack", {"events": [1]}).code, "no_feed")

    def test_a_full_outbox_is_told(self):
        anna = self.person("anna")
        anna.close()
        codes = [self.rest.send(anna.permalink, {"_t": "a"}).code for _ in range(17)]
        self.assertEqual(codes, [None] * 16 + ["outbox_full"])


class Wire(ContractCase):
    bot = "echo"

    def rejected(self, client, message):
        try:
            client.wait_answer(client.publish(message))
        except Rejected:
            return client.rejects[-1]
        raise AssertionError("accepted")

    def test_the_handshake(self):
        anna = self.person("anna")
        names = {"hello": anna.hello_sent, "challenge": anna.challenge_got, "proof": anna.proof_sent,
                 "welcome": anna.welcome_got}
        for name, value in names.items():
            self.fits(name, value)
        self.echoed(anna)
        again, welcome = self.again(anna)
        self.fits("proof", again.proof_sent)
        self.fits("welcome", welcome)
        self.fits("welcome", again.reauthenticate())
        self.fits("hello", again.hello_sent)

    def test_a_message_its_ack_and_the_answer(self):
        anna = self.person("anna")
        message = anna.compose(anna.server, note())
        self.fits("message", message)
        self.fits("ack", anna.deliver(message))
        self.fits("message", anna.take())
        self.fits("ack", anna.say(anna.server, note()))
        self.fits("message", anna.take())

    def test_relayed_messages_identities_and_notices(self):
        anna, bert = self.person("anna"), self.person("bert")
        anna.say(bert.permalink, note())
        self.fits("identity", bert.take()["object"])
        self.fits("message", bert.take()["object"])
        message = anna.compose(NOBODY, note())
        anna.deliver(message)
        told = anna.take()["object"]
        self.fits("notice", told)
        self.assertEqual(told, {"_t": "sealpost.Notice", "code": "will_not_deliver", "link": link_of(message)})

    def test_rejects(self):
        anna = self.person("anna")
        codes = []
        for changes in ({"_n": 3, "_q": NOBODY}, {"_z": "short"}, {"_time": 1 << 50}, {"_d": "other"}):
            reject = self.rejected(anna, anna.compose(anna.server, note(), changes=changes))
            self.fits("reject", reject)
            codes.append(reject["code"])
        self.assertEqual(codes, ["gap", "malformed", "clock", "unknown_author"])
        self.echoed(anna)
        reject = self.rejected(anna, anna.compose(anna.server, note(), changes={"_n": 7}))
        self.fits("reject", reject)
        self.assertEqual(reject["expected"], {"n": 2, "q": anna.memory.head.link})

    def test_a_light(self):
        anna = self.person("anna")
        anna.stays_open()
        anna.close()
        self.rest.send(anna.permalink, {"_t": "a"}).must()
        anna, welcome = self.again(anna)
        self.assertEqual(welcome["light"], "drain")
        anna.take()
        self.fits("light", {"light": anna.wait(lambda: anna.lights, "the light event")[0]})

    def test_a_ticket_carries_an_old_client(self):
        anna = self.client(Identity("old"), version=4)
        ticket_for(anna, self.daemon.rest_base)
        anna.dial()
        anna.connect_with_ticket(anna.ticket)
        anna.subscribe()
        self.echoed(anna)

    def test_the_topics_are_those_of_the_server(self):
        found = re.search(r"enum class Leaf : std::uint8_t \{([^}]*)\}", read("lib/auth/topic.hpp"))
        leaves = {f"sp/{{permalink}}/{{device}}/{name.strip()}" for name in found[1].split(",")}
        self.assertEqual(set(ASYNCAPI["channels"]), leaves)
        for message in ASYNCAPI["components"]["messages"].values():
            self.assertIn(PROTO + message["payload"]["$ref"], STORE)


class Schemas(runner.unittest.TestCase):
    def test_each_is_a_schema(self):
        for name, schema in schemas().items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_each_reference_leads_somewhere(self):
        def references(node):
            if isinstance(node, dict):
                yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
                node = list(node.values())
            for item in node if isinstance(node, list) else []:
                yield from references(item)
        documents = {**{f"schemas/{name.rsplit('/', 1)[1]}": schema for name, schema in STORE.items()},
                     "openapi.yaml": OPENAPI, "asyncapi.yaml": ASYNCAPI}
        for base, document in documents.items():
            resolver = jsonschema.RefResolver(PROTO + base, document, store=STORE)
            for reference in references(document):
                with self.subTest(f"{base} {reference}"):
                    resolver.resolve(reference)

    def test_the_golden_vectors_fit_and_malformed_messages_do_not(self):
        """With the schemas as they are: the vectors have members that the protocol does not know."""
        as_written = schemas()

        def fits(name, value):
            schema = {"$ref": f"schemas/{name}.json"}
            resolver = jsonschema.RefResolver(PROTO + "openapi.yaml", schema, store=as_written)
            return jsonschema.Draft202012Validator(schema, resolver=resolver).is_valid(value)

        for case in json.loads(read("proto/vectors/identities.json"))["cases"]:
            if case["outcome"] == "ok":
                with self.subTest(case["name"]):
                    self.assertTrue(all(fits("identity", json.loads(text)) for text in case["versions"]))
        for case in json.loads(read("proto/vectors/messages.json"))["cases"]:
            if case["outcome"] == "ok" or case.get("code") == "malformed":
                with self.subTest(case["name"]):
                    self.assertEqual(fits("message", json.loads(case["text"])), case["outcome"] == "ok")

    def test_what_is_against_the_protocol_does_not_fit(self):
        anna = Identity("anna")
        client = Client(anna, "mqtt://127.0.0.1:1883", device="phone")
        good = client.compose(NOBODY, note())
        self.assertEqual(faults(good, {"$ref": "schemas/message.json"}), [])
        for change in ({"_n": 2}, {"_q": NOBODY}, {"_recipient": "0" * 64}, {"_d": "two words"}, {"object": {}},
                       {"_z": "A" * 21 + "B"}, {"_v": 1}, {"_time": 1.5}, {"_s": {**good["_s"], "more": 1}}):
            with self.subTest(str(change)[:40]):
                self.assertNotEqual(faults({**copy.deepcopy(good), **change}, {"$ref": "schemas/message.json"}), [])
        identity = anna.versions[0]
        self.assertEqual(faults(identity, {"$ref": "schemas/identity.json"}), [])
        self.assertNotEqual(faults({**identity, "_v": 1}, {"$ref": "schemas/identity.json"}), [])


class Documents(ContractCase):
    """What docs/bots.md shows is run as it stands there, but for the address and the token."""

    def test_the_bot_in_ten_lines_answers(self):
        code = re.search(r"```python\n(.*?)```", read("docs/bots.md"), re.DOTALL)[1]
        code = code.replace("http://127.0.0.1:8080", self.daemon.rest_base).replace("TOKEN", self.token)
        bot = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (bot.kill(), bot.communicate()))
        anna = self.person("anna")
        for text in ("one", "two"):
            anna.say(anna.server, note(text))
            self.assertEqual(anna.take()["object"], {"_t": "demo.Reply", "text": "You said: " + text})
        self.assertIsNone(bot.poll())

    def test_the_conversation_of_the_clients_page_holds_together(self):
        shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", read("docs/clients.md"), re.DOTALL)]
        by_type = {one["_t"].removeprefix("sealpost.").lower(): one for one in shown if "_t" in one}
        for name, one in by_type.items():
            self.fits(name, one)
            if name != "hello":
                self.assertTrue(verifies(one, [one["_s"]["key"]]), name)
        hello, challenge, proof, welcome = (by_type[name] for name in ("hello", "challenge", "proof", "welcome"))
        self.assertEqual((challenge["hello"], proof["challenge"], welcome["proof"]),
                         (link_of(hello), link_of(challenge), link_of(proof)))
        check_identity([by_type["identity"]])
        ack, reject = (one for one in shown if "_t" not in one)
        self.fits("ack", ack)
        self.fits("reject", reject)
        message, reply = (one for one in shown if one.get("_t") == "sealpost.Message")
        self.assertEqual((link_of(message), reply["inReplyTo"]), (ack["link"], ack["link"]))
        self.fits("message", message)

    def test_the_call_that_sends_sends(self):
        anna = self.person("anna")
        command = re.search(r"^    (curl (?:.*\\\n)*.*)$", read("docs/bots.md"), re.MULTILINE)[1]
        for shown, real in (("http://127.0.0.1:8080", self.daemon.rest_base), ("TOKEN", self.token),
                            ("PERMALINK", anna.permalink)):
            self.assertIn(shown, command)
            command = command.replace(shown, real)
        done = subprocess.run(["sh", "-c", command + " --silent"], capture_output=True, text=True, timeout=30)
        sent = json.loads(done.stdout)
        self.assertEqual(link_of(anna.take()), sent["link"])


if __name__ == "__main__":
    runner.main()
