#!/usr/bin/python3
"""What several clients send to one at the same time reaches it once each, and each sender's in order. (also: dev)"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import runner  # noqa: E402
from daemon import PATIENCE  # noqa: E402
from signed import link_of  # noqa: E402
from system import ServerCase, note  # noqa: E402

SENDERS, ROUNDS, BURST = 6, 8, 8


class ManyToOne(ServerCase):
    bot = "none"

    def burst(self, senders, reader):
        """Every sender publishes a window's worth before anybody waits: their commits are shared, and raced for.
        Gives (sender, link) of each message."""
        composed = [(sender, sender.compose(reader.permalink, note(f"{k}"))) for k in range(BURST) for sender in senders]
        packets = [(sender, sender.publish(message)) for sender, message in composed]
        for sender, packet in packets:
            sender.wait_answer(packet)
        return [(sender, link_of(message)) for sender, message in composed]

    def relayed_links(self, reader, count):
        """Links of the relayed messages, in the order of the out-lane; introductions are passed over."""
        links = []
        while len(links) < count:
            payload = reader.take(timeout=30 * PATIENCE)["object"]
            if payload["_t"] == "sealpost.Message":
                links.append(link_of(payload))
        return links

    def check_all_arrive(self, senders, reader, sent):
        arrived = self.relayed_links(reader, len(sent))
        self.assertEqual(sorted(arrived), sorted(link for _, link in sent))
        for sender in senders:
            own = [link for author, link in sent if author is sender]
            self.assertEqual([link for link in arrived if link in own], own)

    def test_every_message_arrives_once(self):
        reader = self.person("reader")
        senders = [self.person(f"sender {i}") for i in range(SENDERS)]
        sent = []
        for _ in range(ROUNDS):
            sent += self.burst(senders, reader)
        self.check_all_arrive(senders, reader, sent)
        reader.nothing_more()

    def test_every_message_waits_for_a_client_that_is_away(self):
        reader = self.person("reader")
        reader.close()
        senders = [self.person(f"sender {i}") for i in range(SENDERS)]
        sent = []
        for _ in range(ROUNDS):
            sent += self.burst(senders, reader)
        reader, _ = self.again(reader)
        self.check_all_arrive(senders, reader, sent)

    def test_every_message_is_there_after_a_kill(self):
        reader = self.person("reader")
        reader.close()
        senders = [self.person(f"sender {i}") for i in range(SENDERS)]
        sent = self.burst(senders, reader)
        self.daemon.restart()
        reader, _ = self.again(reader)
        self.check_all_arrive(senders, reader, sent)


if __name__ == "__main__":
    runner.main()
