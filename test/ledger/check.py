#!/usr/bin/python3
"""Judges a run by the clients' ledgers alone: nothing acknowledged lost, doubled or out of order.

    check.py LEDGER...      one ledger for each device (the lines are told in test/support/ledger.py)
    check.py --self-test    proves that planted violations are found

Uses nothing of the project: it takes numbers, links and times from the signed bytes in the ledgers, and recomputes each
link. Prints every finding and a verdict. Exit status: 0 ok, 11 lost, 12 doubled, 13 misordered, 14 unknown (the ledgers
do not suffice to say), 2 wrong usage. With several kinds of finding the first of that list is the verdict.
"""
import argparse
import collections
import hashlib
import json
import sys

STATUS = {"ok": 0, "lost": 11, "doubled": 12, "misordered": 13, "unknown": 14}


def link_of(fields):
    """The link of an object: canonical JSON suffices here, as its strings and integers come out alike in RFC 8785."""
    bare = {name: value for name, value in fields.items() if name != "_s"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"sealpost/object/1\0" + text.encode()).hexdigest()


class Signed:
    """A message, read from its bytes."""

    def __init__(self, fields):
        self.link, self.n, self.q, self.time = link_of(fields), fields["_n"], fields.get("_q"), fields["_time"]
        self.author, self.device, self.recipient = fields["_author"], fields["_d"], fields["_recipient"]
        self.payload, self.reply_to = fields["object"], fields.get("inReplyTo")
        self.type = self.payload.get("_t")

    def __str__(self):
        return f"n {self.n} ({self.link[:8]})"


class Device:
    """What one ledger says."""

    def __init__(self, path, findings):
        self.path, self.findings = path, findings
        self.own, self.entries = None, []
        self.sent, self.answered = {}, {}                # n -> Signed, the one that counts; link -> "ack" or "reject"
        self.acked_n = 0
        self.received, self.links = [], set()            # in the order of arrival
        self.newest = None                               # of these, that of the highest number
        self.missing = set()                             # the numbers that were passed over and have not come yet
        self.start = None                                # the position it began with
        self.server = self.head = None                   # the server's permalink; the out-lane's head when last told
        with open(path, "rb") as file:
            raw = file.read()
        for number, line in enumerate(raw[:raw.rfind(b"\n") + 1].splitlines(), 1):
            try:
                self.entries.append(json.loads(line))
            except ValueError:
                self.find("unknown", f"line {number} is damaged")

    def find(self, verdict, text):
        name = f"{self.own['name']}/{self.own['device']}" if self.own else self.path
        self.findings.append((verdict, f"{name}: {text}"))

    def read(self):
        self.acks, self.free, self.epoch = {}, set(), 0  # n -> event; numbers that may be signed again; the last epoch
        for entry in self.entries:
            handler = getattr(self, "_" + entry["kind"], None)
            if handler:
                handler(entry)
        if not self.own:
            self.find("unknown", "the ledger does not say whose it is")
        for n in sorted(self.missing):
            self.find("lost", f"delivery {n} did not come, and later ones did")
        events = sorted(self.acks.items())
        for (n, event), (later, other) in zip(events, events[1:]):
            if other <= event:
                self.find("misordered", f"n {n} is event {event}, and n {later} event {other}")
        for message in self.sent.values():
            if message.n > self.acked_n and message.link not in self.answered:
                self.find("unknown", f"nothing is known of what became of {message}")

    def _self(self, entry):
        self.own = entry

    def _welcome(self, entry):
        self.server, self.head = entry["server"], entry["sent"]["n"]
        if self.start is None:
            self.start = entry["acked"]
        if entry["epoch"] <= self.epoch:
            self.find("misordered", f"epoch {entry['epoch']} after {self.epoch}")
        self.epoch = entry["epoch"]
        n, link = entry["received"]["n"], entry["received"].get("link")
        if n < self.acked_n:
            self.find("lost", f"the server holds messages up to {n} only, and had acknowledged {self.acked_n}")
        elif n not in self.sent and n > 0:
            self.find("unknown", f"the server holds message {n}, of which this ledger knows nothing")
        elif n > 0 and self.sent[n].link != link:
            self.find("lost", f"the server holds another message than {self.sent[n]}")
        self.acked_n = max(self.acked_n, n)
        self.free |= {number for number in self.sent if number > n}

    def _intent(self, entry):
        message = Signed(json.loads(entry["bytes"]))
        before = self.sent.get(message.n - 1)
        if message.n in self.sent and message.n not in self.free:
            self.find("misordered", f"n {message.n} is signed twice, and nothing had freed it")
        if message.n > 1 and not before:
            self.find("misordered", f"a hole in the lane before {message}")
        elif message.q != (before.link if before else None):
            self.find("misordered", f"{message} does not name the message before it")
        elif before and message.time <= before.time:
            self.find("misordered", f"{message} is not later than the one before it")
        for n in range(message.n, max(self.sent, default=0) + 1):
            self.sent.pop(n, None)
        self.sent[message.n] = message
        self.free.discard(message.n)

    def _ack(self, entry):
        message = self.sent.get(entry["n"])
        if not message or message.link != entry["link"]:
            self.find("unknown", f"an ack for n {entry['n']}, which this ledger never meant to send")
            return
        if self.answered.get(message.link) == "reject":
            self.find("unknown", f"{message} is both rejected and acknowledged")
        self.answered[message.link] = "ack"
        self.acked_n = max(self.acked_n, message.n)
        event, known = entry.get("event"), self.acks.get(message.n)
        if event is None:
            return
        if known is not None and known != event:
            self.find("doubled", f"{message} was logged as event {known} and as event {event}")
        self.acks[message.n] = event

    def _reject(self, entry):
        for message in list(self.sent.values()):
            if message.link == entry.get("link"):
                self.answered[message.link] = "reject"
                self.free |= {n for n in self.sent if n >= message.n}
                for n in [n for n in self.sent if n >= message.n]:
                    self.answered.setdefault(self.sent[n].link, "reject")

    def _received(self, entry):
        message = Signed(json.loads(entry["bytes"]))
        last = self.newest
        due = (last.n if last else self.start or 0) + 1
        if message.link in self.links:
            self.find("doubled", f"delivered {message} again")
            return
        if message.n > due:
            self.missing |= set(range(due, message.n))
        elif message.n < due:
            self.find("misordered", f"delivered {message} where {due} was due")
            self.missing.discard(message.n)
        elif (last or due == 1) and message.q != (last.link if last else None):
            self.find("misordered", f"the delivered {message} does not name the one before it")
        elif last and message.time <= last.time:
            self.find("misordered", f"the delivered {message} is not later than the one before it")
        self.received.append(message)
        self.links.add(message.link)
        if not last or message.n > last.n:
            self.newest = message


class Mailbox:
    """All that the devices of one identity received: their shared out-lane."""

    def __init__(self, devices, findings):
        self.devices, self.lane = devices, {}
        for device in devices:
            for message in device.received:
                other = self.lane.setdefault(message.n, message)
                if other.link != message.link:
                    findings.append(("misordered", f"two devices were given different messages as n {message.n}"))
        self.whole = any(device.start == 0 for device in devices)  # nothing lies before what the ledgers show
        self.order = [self.lane[n] for n in sorted(self.lane)]
        self.replies, self.relays, self.notices = (collections.defaultdict(list) for _ in range(3))
        for message in self.order:
            if message.reply_to:
                self.replies[message.reply_to].append(message)
            if message.type == "sealpost.Message":
                self.relays[link_of(message.payload)].append(message)
            if message.type == "sealpost.Notice":
                self.notices[message.payload["link"]].append(message)

    def missing(self):
        return "lost" if self.whole else "unknown"


class Run:
    def __init__(self, paths):
        self.findings = []
        self.devices = [Device(path, self.findings) for path in paths]
        for device in self.devices:
            device.read()
        self.devices = [device for device in self.devices if device.own]
        by_owner = collections.defaultdict(list)
        for device in self.devices:
            by_owner[device.own["permalink"]].append(device)
        self.mailboxes = {owner: Mailbox(devices, self.findings) for owner, devices in by_owner.items()}
        self.count = collections.Counter()

    def judge(self):
        for device in self.devices:
            self._judge_sent(device)
            if device.head and (device.newest.n if device.newest else device.start) < device.head:
                device.find("lost", f"deliveries up to {device.head} were promised and did not come")
        for owner, mailbox in self.mailboxes.items():
            self._judge_strays(owner, mailbox)
        kinds = {kind for kind, _ in self.findings}
        return next((verdict for verdict in STATUS if verdict in kinds), "ok")

    def _judge_sent(self, device):
        found = {"reply": [], "relay": collections.defaultdict(list)}
        home = self.mailboxes[device.own["permalink"]]
        for message in [device.sent[n] for n in sorted(device.sent)]:
            if device.answered.get(message.link) == "reject":
                continue
            certain = message.n <= device.acked_n
            self.count["acknowledged"] += certain
            if message.recipient == device.server:
                self._judge_reply(device, message, home, certain, found["reply"])
            elif message.recipient in self.mailboxes:
                self._judge_relay(device, message, certain, found["relay"][message.recipient])
            else:
                notices = home.notices[message.link]
                if len(notices) != 1:
                    device.find("unknown" if not notices else "doubled",
                                f"{len(notices)} notices for {message}, whose recipient keeps no ledger")
        for places in (found["reply"], *found["relay"].values()):
            for (earlier, before), (later, after) in zip(places, places[1:]):
                if before >= after:
                    device.find("misordered", f"what came of {later} was delivered before what came of {earlier}")

    def _judge_reply(self, device, message, home, certain, places):
        replies = home.replies[message.link]
        if len(replies) > 1:
            device.find("doubled", f"{len(replies)} replies to {message}")
        if not replies and certain:
            device.find(home.missing(), f"no reply to {message}, which was acknowledged")
        for reply in replies[:1]:
            self.count["replies"] += 1
            places.append((message, reply.n))
            if reply.payload.get("echo") != message.payload:
                device.find("lost", f"the reply to {message} echoes something else")

    def _judge_relay(self, device, message, certain, places):
        box = self.mailboxes[message.recipient]
        copies = box.relays[message.link]
        if len(copies) > 1:
            device.find("doubled", f"{message} reached its recipient {len(copies)} times")
        if not copies and certain:
            device.find(box.missing(), f"{message} was acknowledged and never reached its recipient")
        for copy in copies[:1]:
            self.count["relayed"] += 1
            places.append((message, copy.n))

    def _judge_strays(self, owner, mailbox):
        """Deliveries that follow from nothing these ledgers tell."""
        known = {message.link: (device, message) for device in self.devices for message in device.sent.values()}
        labels = {(device.own["permalink"], device.own["device"]) for device in self.devices}
        for message in mailbox.order:
            cause = message.reply_to
            if message.type == "sealpost.Message":
                inner = Signed(message.payload)
                cause = inner.link if (inner.author, inner.device) in labels else None
            if cause and cause not in known:
                mailbox.devices[0].find("unknown", f"delivered {message}, which comes of one nobody meant to send")
            elif cause and known[cause][0].answered.get(cause) == "reject":
                known[cause][0].find("unknown", f"{known[cause][1]} was rejected, and yet something came of it")


def main(arguments):
    parser = argparse.ArgumentParser(description="Judges a run by the clients' ledgers alone.")
    parser.add_argument("ledgers", nargs="*")
    parser.add_argument("--self-test", action="store_true", help="prove that planted violations are found")
    parser.add_argument("--quiet", action="store_true", help="print the verdict only")
    options = parser.parse_args(arguments)
    if options.self_test:
        import planted  # beside this file
        return planted.main()
    if not options.ledgers:
        parser.error("name at least one ledger")
    run = Run(options.ledgers)
    verdict = run.judge()
    if not options.quiet:
        for kind, text in run.findings:
            print(f"{kind}: {text}")
    print(f"verdict: {verdict} ({len(run.devices)} ledgers, {run.count['acknowledged']} acknowledged, "
          f"{run.count['replies']} replies, {run.count['relayed']} relayed)")
    return STATUS[verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
