"""check.py's self-test: an honest run, then one violation planted in each, and the verdict each must get."""
import json
import os
import tempfile

import check

SERVER, LOG = "5e" * 32, "log1"


class Person:
    def __init__(self, name, device="d1", permalink=None):
        self.name, self.device = name, device
        self.permalink = permalink or check.link_of({"name": name})
        self.entries = [{"kind": "self", "permalink": self.permalink, "device": device, "name": name}]
        self.lane, self.received, self.epoch = [], [], 0

    def note(self, kind, **fields):
        self.entries.append({"kind": kind, **fields})

    def welcome(self, received=None, head=0, acked=0):
        self.epoch += 1
        last = self.lane[-1] if self.lane else None
        mark = {"n": last["_n"], "link": check.link_of(last)} if last else {"n": 0}
        self.note("welcome", server=SERVER, log=LOG, epoch=self.epoch, acked=acked, sent={"n": head},
                  received=mark if received is None else received)

    def intend(self, to, text, **changes):
        message = {"_t": "sealpost.Message", "_author": self.permalink, "_d": self.device, "_recipient": to,
                   "_n": len(self.lane) + 1, "_time": 1000 + 10 * len(self.lane),
                   "object": {"_t": "demo.Note", "text": text}}
        if self.lane:
            message["_q"] = check.link_of(self.lane[-1])
        message.update(changes)
        self.lane.append(message)
        self.note("intent", bytes=json.dumps(message))
        return message

    def ack(self, message, event, **changes):
        self.note("ack", **{"n": message["_n"], "link": check.link_of(message), "event": event, **changes})

    def receive(self, payload, reply_to=None, **changes):
        n = len(self.received) + 1
        message = {"_t": "sealpost.Message", "_author": SERVER, "_d": LOG, "_recipient": self.permalink, "_n": n,
                   "_time": 2000 + n, "object": payload}
        if self.received:
            message["_q"] = check.link_of(self.received[-1])
        if reply_to:
            message["inReplyTo"] = check.link_of(reply_to)
        message.update(changes)
        self.received.append(message)
        self.note("received", bytes=json.dumps(message))

    def reply(self, message, **changes):
        self.receive({"_t": "demo.Echo", "echo": message["object"]}, message, **changes)


class Story:
    """Anna writes four times to the bot and three times to Bert, and all of it arrives."""

    def __init__(self):
        self.anna, self.bert = Person("Anna"), Person("Bert")
        self.anna.welcome()
        self.bert.welcome()
        self.to_bot = [self.anna.intend(SERVER, f"to the bot {n}") for n in range(4)]
        self.to_bert = [self.anna.intend(self.bert.permalink, f"to Bert {n}") for n in range(3)]
        self.all = self.to_bot + self.to_bert

    def acks(self, leave_out=()):
        for event, message in enumerate(self.all, 100):
            if message["_n"] not in leave_out:
                self.anna.ack(message, event)

    def replies(self, order=(0, 1, 2, 3)):
        for index in order:
            self.anna.reply(self.to_bot[index])

    def relays(self, order=(0, 1, 2)):
        for index in order:
            self.bert.receive(self.to_bert[index])

    def honest(self):
        self.acks()
        self.replies()
        self.relays()
        return self


CASES = []


def case(verdict):
    def keep(function):
        CASES.append((verdict, function.__doc__, function))
        return function
    return keep


@case("ok")
def _(story):
    """an honest run"""
    story.honest()


@case("ok")
def _(story):
    """a torn last line, which was never acted on"""
    story.honest().anna.entries.append('{"kind":"int')


@case("ok")
def _(story):
    """a number signed again after a reject that names the first"""
    first = story.honest().anna.intend(SERVER, "too early")
    story.anna.note("reject", n=8, link=check.link_of(first), code="clock")
    story.anna.lane.pop()
    again = story.anna.intend(SERVER, "in time")
    story.anna.ack(again, 120)
    story.anna.reply(again)


@case("ok")
def _(story):
    """an ack that only a Welcome brought, and the same ack twice"""
    story.acks(leave_out=(7,))
    story.anna.ack(story.all[0], 100)
    story.anna.welcome()
    story.replies()
    story.relays()


@case("ok")
def _(story):
    """a recipient who does not exist, and the notice of it"""
    lost = story.honest().anna.intend("00" * 32, "to nobody")
    story.anna.ack(lost, 120)
    story.anna.receive({"_t": "sealpost.Notice", "link": check.link_of(lost), "code": "will_not_deliver"})


@case("lost")
def _(story):
    """an acknowledged message whose reply never came"""
    story.acks()
    story.replies((0, 1, 3))
    story.relays()


@case("doubled")
def _(story):
    """two replies to one message"""
    story.acks()
    story.replies((0, 1, 1, 2, 3))
    story.relays()


@case("misordered")
def _(story):
    """replies in another order than the messages"""
    story.acks()
    story.replies((0, 2, 1, 3))
    story.relays()


@case("doubled")
def _(story):
    """one delivery given twice"""
    story.honest().anna.entries.append(story.anna.entries[-1])


@case("lost")
def _(story):
    """a hole in the deliveries"""
    story.honest().anna.reply(story.to_bot[0], _n=6, inReplyTo=None)


@case("misordered")
def _(story):
    """a delivery that comes after the one that follows it"""
    story.honest()
    story.anna.entries[-2:] = reversed(story.anna.entries[-2:])


@case("misordered")
def _(story):
    """a delivery that does not name the one before it"""
    story.acks()
    story.replies((0, 1, 2))
    story.anna.reply(story.to_bot[3], _q="77" * 32)
    story.relays()


@case("misordered")
def _(story):
    """a delivery whose time went back"""
    story.acks()
    story.replies((0, 1, 2))
    story.anna.reply(story.to_bot[3], _time=1)
    story.relays()


@case("lost")
def _(story):
    """a reply that echoes something else"""
    story.acks()
    story.replies((0, 1, 2))
    story.anna.receive({"_t": "demo.Echo", "echo": {"_t": "demo.Note", "text": "?"}}, story.to_bot[3])
    story.relays()


@case("lost")
def _(story):
    """a relayed message that never arrived"""
    story.acks()
    story.replies()
    story.relays((0, 2))


@case("doubled")
def _(story):
    """a relayed message that arrived twice"""
    story.acks()
    story.replies()
    story.relays((0, 1, 2, 2))


@case("misordered")
def _(story):
    """relayed messages in another order"""
    story.acks()
    story.replies()
    story.relays((1, 0, 2))


@case("lost")
def _(story):
    """a server that comes back without what it had acknowledged"""
    story.honest().anna.welcome(received={"n": 6, "link": check.link_of(story.all[5])})


@case("lost")
def _(story):
    """a server that holds another message under an acknowledged number"""
    story.honest().anna.welcome(received={"n": 7, "link": "77" * 32})


@case("lost")
def _(story):
    """deliveries that a Welcome promised and that did not come"""
    story.honest().anna.welcome(head=5)


@case("doubled")
def _(story):
    """one message logged as two events"""
    story.honest().anna.ack(story.all[2], 160)


@case("misordered")
def _(story):
    """events in another order than the lane"""
    story.acks(leave_out=(7,))
    story.anna.ack(story.all[6], 99)
    story.replies()
    story.relays()


@case("misordered")
def _(story):
    """a hole in the client's own lane"""
    message = story.honest().anna.intend(SERVER, "?", _n=9)
    story.anna.ack(message, 120)
    story.anna.reply(message)


@case("misordered")
def _(story):
    """a message of the client that does not name the one before it"""
    message = story.honest().anna.intend(SERVER, "?", _q="77" * 32)
    story.anna.ack(message, 120)
    story.anna.reply(message)


@case("misordered")
def _(story):
    """a number signed twice with nothing that freed it"""
    story.acks(leave_out=(7,))
    story.anna.lane.pop()
    again = story.anna.intend(story.bert.permalink, "another")
    story.anna.ack(again, 120)
    story.replies()
    story.relays((0, 1))
    story.bert.receive(again)


@case("misordered")
def _(story):
    """an epoch that is not newer"""
    story.honest().anna.epoch = 0
    story.anna.welcome()


@case("misordered")
def _(story):
    """two devices that were given different messages under one number"""
    story.honest()
    story.second = Person("Bert", "d2", story.bert.permalink)
    story.second.welcome()
    story.second.receive({"_t": "demo.Note", "text": "only here"})


@case("unknown")
def _(story):
    """a damaged line"""
    story.honest().anna.entries.insert(3, '{"kind":"int')


@case("unknown")
def _(story):
    """a message without an answer"""
    story.honest().anna.intend(SERVER, "?")


@case("unknown")
def _(story):
    """an ack for a message the ledger never meant to send"""
    story.honest().anna.note("ack", n=8, link="77" * 32, event=120)


@case("unknown")
def _(story):
    """a reply to a rejected message"""
    message = story.honest().anna.intend(SERVER, "?")
    story.anna.note("reject", n=8, link=check.link_of(message), code="clock")
    story.anna.reply(message)


@case("unknown")
def _(story):
    """a reply to a message nobody meant to send"""
    story.honest().anna.receive({"_t": "demo.Echo", "echo": {}}, {"never": "sent"})


def write(path, person):
    with open(path, "w", encoding="utf-8") as file:
        for at, entry in enumerate(person.entries):
            last = at == len(person.entries) - 1
            torn = isinstance(entry, str)
            file.write((entry if torn else json.dumps(entry)) + ("" if torn and last else "\n"))


def main():
    failed = 0
    for wanted, fact, plant in CASES:
        story = Story()
        plant(story)
        with tempfile.TemporaryDirectory() as folder:
            people = [person for person in vars(story).values() if isinstance(person, Person)]
            paths = [os.path.join(folder, f"{number}.ledger") for number in range(len(people))]
            for path, person in zip(paths, people):
                write(path, person)
            run = check.Run(paths)
            got = run.judge()
        if got != wanted:
            failed += 1
            print(f"FAIL {fact}: {got}, not {wanted}: {run.findings}")
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
