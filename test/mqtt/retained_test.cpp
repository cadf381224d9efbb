#include "mqtt/retained.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace sealpost;
using namespace sealpost::mqtt;

namespace {

MessagePtr message(std::string_view topic, std::string_view payload = "m", std::optional<std::uint32_t> expiry = {}) {
  Publish publish{.topic = topic, .payload = as_bytes(payload), .retain = true};
  publish.properties.message_expiry = expiry;
  return std::make_shared<const Message>(publish, 1, 0);
}

using Topics = std::vector<std::string>;

Topics matched(RetainedStore& store, std::string_view filter, Millis now = 0) {
  Topics topics;
  store.match(filter, now, [&](const MessagePtr& each) { topics.emplace_back(each->topic()); });
  return topics;
}

RetainedStore holding(const Topics& topics) {
  RetainedStore store;
  for (const auto& topic : topics) REQUIRE(store.set(message(topic)));
  return store;
}

}  // namespace

TEST_CASE("a topic has one retained message, the newest") {
  RetainedStore store;
  CHECK(store.set(message("t", "first")));
  CHECK(store.set(message("t", "second")));
  CHECK(store.size() == 1);
  store.match("t", 0, [](const MessagePtr& each) { CHECK(as_text(each->payload()) == "second"); });
  CHECK(matched(store, "t").size() == 1);
}

TEST_CASE("an empty payload removes what is retained, and is not retained itself") {
  RetainedStore store;
  CHECK(store.set(message("t", "")));
  CHECK(store.size() == 0);
  store.set(message("t"));
  store.set(message("u"));
  CHECK(store.set(message("t", "")));
  CHECK(matched(store, "#") == Topics{"u"});
  store.remove("t");
  store.remove("u");
  CHECK(store.size() == 0);
  CHECK(store.bytes() == 0);
}

TEST_CASE("a filter finds the retained messages that it matches, in the order of their topics") {
  auto store = holding({"a", "a/b", "a/b/c", "a/c", "aa/b", "b", "/a", "a/", "a b"});
  CHECK(matched(store, "a") == Topics{"a"});
  CHECK(matched(store, "a/#") == Topics{"a", "a/", "a/b", "a/b/c", "a/c"});
  CHECK(matched(store, "a/+") == Topics{"a/", "a/b", "a/c"});
  CHECK(matched(store, "+") == Topics{"a", "a b", "b"});
  CHECK(matched(store, "+/b") == Topics{"a/b", "aa/b"});
  CHECK(matched(store, "+/+") == Topics{"/a", "a/", "a/b", "a/c", "aa/b"});
  CHECK(matched(store, "a/+/c") == Topics{"a/b/c"});
  CHECK(matched(store, "a/+/#") == Topics{"a/", "a/b", "a/b/c", "a/c"});
  CHECK(matched(store, "a/b/#") == Topics{"a/b", "a/b/c"});
  CHECK(matched(store, "/#") == Topics{"/a"});
  CHECK(matched(store, "#").size() == 9);
  CHECK(matched(store, "aa").empty());
  CHECK(matched(store, "c/#").empty());
}

TEST_CASE("wildcards in the first level find no topic that begins with $") {
  auto store = holding({"$SYS/a", "$SYS", "b"});
  CHECK(matched(store, "#") == Topics{"b"});
  CHECK(matched(store, "+/a").empty());
  CHECK(matched(store, "$SYS/#") == Topics{"$SYS", "$SYS/a"});
  CHECK(matched(store, "$SYS/+") == Topics{"$SYS/a"});
}

TEST_CASE("every filter finds what it matches and nothing else") {
  CHECK(rc::check([] {
    const auto text = [](const char* letters, int longest) {
      return *rc::gen::resize(longest, rc::gen::container<std::string>(rc::gen::elementOf(std::string(letters))));
    };
    RetainedStore store;
    std::map<std::string, int> topics;
    for (int i = 0; i < 12; ++i) {
      const auto topic = text("a/$ ", 5);
      if (!topic.empty() && store.set(message(topic))) ++topics[topic];
    }
    const auto filter = text("a/+#$ ", 6);
    RC_PRE(valid_topic_filter(filter));
    Topics expected;
    for (const auto& [topic, times] : topics)
      if (matches(filter, topic)) expected.push_back(topic);
    RC_ASSERT(matched(store, filter) == expected);
  }));
}

TEST_CASE("what has expired is neither found nor kept") {
  RetainedStore store;
  store.set(message("a", "m", 10));
  store.set(message("b", "m", 20));
  store.set(message("c"));
  CHECK(matched(store, "#", 9'999).size() == 3);
  CHECK(matched(store, "#", 10'000) == Topics{"b", "c"});
  CHECK(store.size() == 2);
  CHECK(matched(store, "b", 20'000).empty());
  CHECK(store.size() == 1);
  CHECK(store.bytes() == message("c")->cost());
}

TEST_CASE("so many topics have a retained message, and no more") {
  RetainedStore store({.messages_max = 2, .bytes_max = 1'000'000});
  CHECK(store.set(message("a")));
  CHECK(store.set(message("b")));
  CHECK_FALSE(store.has_room_for(*message("c")));
  CHECK_FALSE(store.set(message("c")));
  CHECK(matched(store, "#") == Topics{"a", "b"});
  CHECK(store.set(message("a", "another")));
  CHECK(store.set(message("c", "")));
  CHECK(store.set(message("a", "")));
  CHECK(store.set(message("c")));
  CHECK(matched(store, "#") == Topics{"b", "c"});
}

TEST_CASE("the bytes are bounded, less those of the message that is replaced") {
  const std::string small(100, 's'), large(200, 'l');
  const auto cost = message("a", small)->cost();
  RetainedStore store({.messages_max = 100, .bytes_max = 2 * cost});
  CHECK(store.set(message("a", small)));
  CHECK(store.set(message("b", small)));
  CHECK(store.bytes() == 2 * cost);
  CHECK_FALSE(store.set(message("a", large)));
  store.match("a", 0, [&](const MessagePtr& each) { CHECK(as_text(each->payload()) == small); });
  CHECK(store.set(message("b", "")));
  CHECK(store.set(message("a", large)));
  CHECK(store.bytes() == message("a", large)->cost());
}

TEST_CASE("of the changes of a topic the newest is the last that is written, in whatever order they get there") {
  RetainedStore store;
  const auto first = message("t", "first"), second = message("t", "second"), none = message("t", "");
  const auto v1 = store.set(first), v2 = store.set(second);
  CHECK(store.take_to_write(*second, v2));
  CHECK_FALSE(store.take_to_write(*first, v1));
  const auto v3 = store.set(none);
  CHECK_FALSE(store.take_to_write(*second, v2));
  CHECK(store.take_to_write(*none, v3));
  const auto v4 = store.set(first);
  CHECK(store.take_to_write(*first, v4));
  CHECK_FALSE(store.take_to_write(*none, v3));
}
