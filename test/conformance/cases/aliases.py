"""Topic aliases, both ways (3.3.2.3.4 of 5.0)."""
from harness import case, wire


def aliased(topic, alias, payload=b"x", qos=0, number=None):
    return wire.publish(5, topic, payload, qos, number, props={"topic_alias": alias})


@case(5)
def a_server_takes_every_alias_up_to_its_maximum(t):
    publisher, subscriber = t.join(), t.join()
    subscriber.subscribe((t.topic("#"), 1))
    maximum = publisher.connack.props.get("topic_alias_maximum", 0)
    aliases = range(1, maximum + 1) if maximum <= 300 else [1, 2, 255, 256, maximum - 1, maximum]
    t.check("MQTT-3.3.2-12", maximum > 0, "CONNACK says topic alias maximum 0")
    with t.holds("MQTT-3.3.2-12"):
        publisher.send(*(aliased(t.topic(alias), alias) for alias in aliases))
        publisher.send(*(aliased("", alias, str(alias).encode()) for alias in aliases))
        found = t.before_marker(publisher, subscriber)
        assert [message.topic for message in found] == [t.topic(alias) for alias in aliases] * 2
        assert [message.payload for message in found[len(aliases):]] == [str(alias).encode() for alias in aliases]
    with t.holds("MQTT-3.3.2-12", "an alias may get another topic"):
        publisher.send(aliased(t.topic("other"), 1), aliased("", 1, b"y", 1, 9))
        found = t.before_marker(publisher, subscriber)
        assert [(message.topic, message.payload) for message in found] == [
            (t.topic("other"), b"x"), (t.topic("other"), b"y")]


@case(5)
def aliases_are_not_passed_on(t):
    """The alias of a publisher is its own affair; what a subscriber gets is held to its own maximum."""
    publisher, subscriber, topic = t.join(), t.join(), t.topic("a")
    subscriber.subscribe((topic, 1))
    with t.holds("MQTT-3.1.2-27"):
        publisher.send(aliased(topic, 1), aliased("", 1, b"y"))
        for _ in range(20):
            publisher.publish(topic, "again", 1)
        found = t.before_marker(publisher, subscriber)
        assert len(found) == 22 and all("topic_alias" not in message.props for message in found)
    none = t.join(props={"topic_alias_maximum": 0})
    none.subscribe((topic, 1))
    with t.holds("MQTT-3.1.2-27", "topic alias maximum 0"):
        for _ in range(20):
            publisher.publish(topic, "again", 1)
        assert all("topic_alias" not in message.props for message in t.before_marker(publisher, none))


@case(5)
def aliases_of_the_server_keep_to_the_maximum_of_the_client(t):
    for maximum in (1, 3):
        publisher, subscriber = t.join(), t.join(props={"topic_alias_maximum": maximum})
        subscriber.subscribe((t.topic("#"), 1))
        names = [t.topic(n % 7) for n in range(70)]
        with t.holds("MQTT-3.1.2-26 MQTT-3.3.2-11", f"topic alias maximum {maximum}"):
            for n, name in enumerate(names):
                publisher.publish(name, name, n % 2)
                message = subscriber.message()
                assert (message.topic, message.payload.decode()) == (name, name)
                assert 0 < message.props.get("topic_alias", 1) <= maximum


@case(5)
def aliases_of_the_server_begin_anew_with_each_connection(t):
    subscriber, publisher, topic = t.join(keep=60, props={"topic_alias_maximum": 5}), t.join(), t.topic("a")
    subscriber.subscribe((topic, 1))
    for n in range(5):
        publisher.publish(topic, str(n))
        subscriber.message()
    publisher.publish(topic, "open")
    subscriber.take(wire.PUBLISH)
    subscriber.drop()
    publisher.publish(topic, "waits")
    with t.holds("MQTT-3.3.2-7 MQTT-3.3.2-11"):
        again = t.back(subscriber, props={"topic_alias_maximum": 5})
        assert [message.topic for message in again.messages(2)] == [topic, topic]
        again.stays()
        again.drop()
        publisher.publish(topic, "waits too")
        without = t.back(subscriber)
        assert without.message().topic == topic


@case(5)
def aliases_of_a_client_end_with_its_connection(t):
    publisher, watcher, topic = t.join(keep=60), t.join(), t.topic("a")
    watcher.subscribe((topic, 1))
    publisher.send(aliased(topic, 1))
    watcher.message()
    publisher.disconnect()
    publisher = t.back(publisher)
    assert publisher.connack.session_present
    t.ends("MQTT-3.3.2-7", "", aliased("", 1), peer=publisher)
    with t.holds("MQTT-3.3.2-7"):
        t.reaches_nobody(t.join(), watcher)


@case(5)
def aliases_out_of_their_range_end_the_connection(t):
    peer = t.join()
    maximum = peer.connack.props.get("topic_alias_maximum", 0)
    t.ends("MQTT-3.3.2-8", "0", aliased(t.topic("a"), 0))
    t.ends("MQTT-3.3.2-8", "0 at QoS 1", aliased(t.topic("a"), 0, b"", 1, 1))
    if maximum < 65535:
        t.ends("MQTT-3.3.2-9 MQTT-3.2.2-17", "one above the maximum", aliased(t.topic("a"), maximum + 1))
        t.ends("MQTT-3.3.2-9 MQTT-3.2.2-17", "65535", aliased(t.topic("a"), 65535))
    t.ends("MQTT-4.13.1-1", "an alias that has no topic", aliased("", 1))
    t.ends("MQTT-4.13.1-1", "no topic and no alias", wire.publish(5, "", b"", 0))
