#include "mqtt/topic.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace sealpost::mqtt;

namespace {

using Levels = std::vector<std::string>;

Levels split(const std::string& text) {
  Levels levels{""};
  for (const char c : text) {
    if (c == '/')
      levels.emplace_back();
    else
      levels.back() += c;
  }
  return levels;
}

// The rule of section 4.7 as a recursion over levels, for comparison.
bool model(const Levels& filter, const Levels& topic, std::size_t f = 0, std::size_t t = 0) {
  if (f == 0 && t == 0 && topic[0].starts_with('$') && (filter[0] == "+" || filter[0] == "#")) return false;
  if (f < filter.size() && filter[f] == "#") return true;
  if (f == filter.size() || t == topic.size()) return f == filter.size() && t == topic.size();
  return (filter[f] == "+" || filter[f] == topic[t]) && model(filter, topic, f + 1, t + 1);
}

rc::Gen<std::string> text_of(const char* letters, int longest) {
  return rc::gen::resize(longest, rc::gen::container<std::string>(rc::gen::elementOf(std::string(letters))));
}

}  // namespace

TEST_CASE("the examples of section 4.7 match as the standard says") {
  CHECK(matches("sport/tennis/player1/#", "sport/tennis/player1"));
  CHECK(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  CHECK(matches("sport/#", "sport"));
  CHECK(matches("#", "a/b"));
  CHECK(matches("sport/tennis/+", "sport/tennis/player1"));
  CHECK_FALSE(matches("sport/tennis/+", "sport/tennis/player1/ranking"));
  CHECK_FALSE(matches("sport/+", "sport"));
  CHECK(matches("sport/+", "sport/"));
  CHECK(matches("+/+", "/finance"));
  CHECK(matches("/+", "/finance"));
  CHECK_FALSE(matches("+", "/finance"));
  CHECK_FALSE(matches("#", "$SYS/a"));
  CHECK_FALSE(matches("+/monitor/Clients", "$SYS/monitor/Clients"));
  CHECK(matches("$SYS/#", "$SYS/a"));
  CHECK(matches("$SYS/monitor/+", "$SYS/monitor/Clients"));
  CHECK_FALSE(matches("ACCOUNTS", "Accounts"));
}

TEST_CASE("matching agrees with the rule told by levels") {
  CHECK(rc::check([] {
    const auto filter = *text_of("a/+#$", 9);
    const auto topic = *text_of("a/$b", 7);
    RC_PRE(valid_topic_filter(filter) && valid_topic_name(topic));
    RC_ASSERT(matches(filter, topic) == model(split(filter), split(topic)));
  }));
}

TEST_CASE("a wildcard stands alone in its level, and # in the last one") {
  for (const auto* good : {"#", "+", "a/#", "a/+/b", "+/+", "/", "a//b", "/#", "$share/g/a/#", "$share/g/+", "$SYS/#"})
    CHECK(valid_topic_filter(good));
  for (const auto* bad : {"", "a#", "#/a", "a/#/b", "a+", "+a/b", "##", "$share/", "$share/g", "$share//a", "$share/g/",
                          "$share/g+/a", "$share/#/a", "$share/g/a#"})
    CHECK_FALSE(valid_topic_filter(bad));
  for (const auto* bad : {"", "a/+", "#"}) CHECK_FALSE(valid_topic_name(bad));
  CHECK(valid_topic_name("/"));
  CHECK(level_count("a") == 1);
  CHECK(level_count("/a/") == 3);
}

TEST_CASE("a shared filter has a name and a filter of its own") {
  const auto shared = shared_filter("$share/group/a/+");
  REQUIRE(shared);
  CHECK(shared->share_name == "group");
  CHECK(shared->filter == "a/+");
  CHECK_FALSE(shared_filter("$shared/group/a"));
}

TEST_CASE("UTF-8 is strict, wherever in the text the fault lies") {
  using namespace std::string_literals;
  const std::vector<std::string> good = {"",
                                         "a",
                                         "\xC2\x80",
                                         "\xDF\xBF",
                                         "\xE0\xA0\x80",
                                         "\xED\x9F\xBF",
                                         "\xEE\x80\x80",
                                         "\xEF\xBF\xBD",
                                         "\xEF\xBB\xBF",
                                         "\xF0\x90\x80\x80",
                                         "\xF4\x8F\xBF\xBF",
                                         "\x7F"};
  const std::vector<std::string> bad = {"\0"s,
                                        "\x80",
                                        "\xC0\x80",
                                        "\xC1\xBF",
                                        "\xC2",
                                        "\xE0\x9F\xBF",
                                        "\xED\xA0\x80",
                                        "\xED\xBF\xBF",
                                        "\xE2\x82",
                                        "\xF0\x8F\xBF\xBF",
                                        "\xF4\x90\x80\x80",
                                        "\xF5\x80\x80\x80",
                                        "\xFF",
                                        "\xF0\x90\x80"};
  for (std::size_t before = 0; before < 18; ++before) {
    for (const auto& text : good) CHECK(valid_utf8(std::string(before, 'x') + text + "tail"));
    for (const auto& text : bad) CHECK_FALSE(valid_utf8(std::string(before, 'x') + text));
    for (const auto& text : bad) CHECK_FALSE(valid_utf8(std::string(before, 'x') + text + "a tail longer than a word"));
  }
}
