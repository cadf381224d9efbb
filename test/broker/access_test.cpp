// Who may publish and subscribe where: rules, and when they are asked.

#include <rapidcheck.h>

#include "broker/client.hpp"
#include "mqtt/topic.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;
using broker::covers;
using broker::is_rule;
using broker::RuleAccess;

namespace {

std::string levels(const std::vector<std::string>& alphabet, std::size_t least = 1) {
  std::string text;
  const auto count = *rc::gen::inRange<std::size_t>(least, 5);
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : "/") + *rc::gen::elementOf(alphabet);
  return text;
}

std::string any_filter() {
  std::string filter = "app/" + levels({"a", "b", "", "+"});
  if (*rc::gen::arbitrary<bool>()) filter += "/#";
  return filter;
}

// Rules that a test changes.
struct Changing {
  explicit Changing(Stage& stage) {
    stage.access_of = [this](std::string_view id) { return std::make_shared<RuleAccess>(rules, "anna", id); };
  }
  void change(Stage& stage, broker::Rules to) {
    rules = std::move(to);
    stage.broker().renew_access([&stage](const std::string& key) { return stage.access_of(key.substr(5)); });
  }
  broker::Rules rules{{"app/%c/%d/#", "app/all"}, {"app/all/#", "app/%c/#"}};
};

}  // namespace

TEST_CASE("a rule that covers a filter matches each topic that the filter matches") {
  REQUIRE(rc::check([] {
    const std::string rule = any_filter(), filter = any_filter(), topic = "app/" + levels({"a", "b", ""});
    RC_ASSERT(mqtt::valid_topic_filter(rule));
    RC_ASSERT(is_rule(rule));
    if (!covers(rule, filter)) return;
    if (mqtt::matches(filter, topic)) RC_ASSERT(mqtt::matches(rule, topic));
  }));
}

TEST_CASE("a rule that does not cover a filter leaves out a topic that the filter matches") {
  REQUIRE(rc::check([] {
    const std::string rule = any_filter(), filter = any_filter();
    RC_PRE(!covers(rule, filter));
    // One level more than any, and one that no rule names, stand for all others.
    std::string topic = filter;
    if (topic.ends_with("/#")) topic.replace(topic.size() - 1, 1, "z/z/z/z/z/z");
    for (auto at = topic.find('+'); at != std::string::npos; at = topic.find('+')) topic[at] = 'z';
    const std::string parent = filter.ends_with("/#") ? topic.substr(0, filter.size() - 2) : topic;
    RC_ASSERT((mqtt::matches(filter, topic) && mqtt::matches(filter, parent)));
    RC_ASSERT(!(mqtt::matches(rule, topic) && mqtt::matches(rule, parent)));
  }));
}

TEST_CASE("what is a rule") {
  for (const char* const good : {"app/a", "app/#", "app/+/b", "app/%c/%d/#", "app/x%cy", "app/"})
    REQUIRE(is_rule(good));
  for (const char* const bad : {"", "app", "sp/a", "#", "+/a", "app/a#", "app/#/a", "app/%", "app/%x", "app/%%c",
                                "/app/a", "$share/g/app/a", "app/\xff"})
    REQUIRE_FALSE(is_rule(bad));
}

TEST_CASE("the names in a rule are the client's, and cannot widen it") {
  const broker::Rules rules{{"app/%c/%d"}, {"app/%c/#"}};
  const RuleAccess anna(rules, "anna", "phone");
  REQUIRE(anna.may_publish("app/anna/phone"));
  REQUIRE_FALSE(anna.may_publish("app/ben/phone"));
  REQUIRE_FALSE(anna.may_publish("app/anna/phone/x"));
  REQUIRE(anna.may_subscribe("app/anna/+/x"));
  REQUIRE(anna.may_subscribe("app/anna"));
  REQUIRE_FALSE(anna.may_subscribe("app/#"));
  REQUIRE_FALSE(anna.may_subscribe("app/+/x"));
  REQUIRE(anna.may_receive("app/anna"));
  REQUIRE_FALSE(anna.may_receive("app/ben/x"));
  for (const char* const name : {"+", "#", "a/b", "a/#"}) {
    const RuleAccess sly(rules, name, name);
    REQUIRE_FALSE(sly.may_publish("app/x/x"));
    REQUIRE_FALSE(sly.may_subscribe("app/x/x"));
    REQUIRE_FALSE(sly.may_receive("app/x/x"));
  }
  const RuleAccess percent(rules, "%d", "%c");
  REQUIRE(percent.may_publish("app/%d/%c"));
}

TEST_CASE("nobody publishes presence, whatever the rules say") {
  const RuleAccess all({{"app/#"}, {"app/#"}}, "anna", "phone");
  REQUIRE_FALSE(all.may_publish("app/presence/anna"));
  REQUIRE(all.may_subscribe("app/presence/+"));
  REQUIRE(all.may_receive("app/presence/anna"));
}

TEST_CASE("a client publishes and subscribes where its rules let it") {
  Stage stage;
  const Changing changing(stage);
  Client client(stage, "phone");
  client.connect();
  REQUIRE(client.subscribe("app/anna/#") == ReasonCode::granted_qos_2);
  REQUIRE(client.subscribe("app/#") == ReasonCode::not_authorized);
  REQUIRE(client.subscribe("$share/g/app/all/x") == ReasonCode::granted_qos_2);
  REQUIRE(client.subscribe("$share/g/app/ben") == ReasonCode::not_authorized);
  client.publish("app/anna/phone/x", "mine");
  client.gets("mine");
  client.publish("app/anna/tablet/x", "not mine", Qos::at_least_once);
  REQUIRE(client.gets<mqtt::Puback>().reason == ReasonCode::not_authorized);
}

TEST_CASE("what a client may not publish is not retained either") {
  Stage stage;
  const Changing changing(stage);
  Client client(stage, "phone");
  client.connect();
  const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
  client.publish("app/ben/x", "not mine", qos, true);
  stage.settle();
  REQUIRE(stage.broker().retained("app/#").empty());
  REQUIRE(stage.stored().retained.empty());
}

TEST_CASE("new rules hold at once for what is delivered and published") {
  Stage stage;
  Changing changing(stage);
  Client client(stage, "phone");
  client.connect(lasting());
  client.subscribe("app/all/#");
  stage.publish("app/all/x", "before");
  stage.settle();
  client.takes("before");
  changing.change(stage, {{"app/other"}, {"app/other"}});
  stage.publish("app/all/x", "after");
  stage.settle();
  client.gets_nothing();
  client.publish("app/all", "no", Qos::at_least_once);
  REQUIRE(client.gets<mqtt::Puback>().reason == ReasonCode::not_authorized);
  REQUIRE(stage.stored().messages.empty());
}

TEST_CASE("what waits is not delivered any more when the rules have changed") {
  Stage stage;
  Changing changing(stage);
  Client client(stage, "phone");
  client.connect(lasting());
  client.subscribe("app/all/#");
  client.subscribe("app/anna/#");
  client.lose();
  stage.publish("app/all/x", "secret");
  stage.publish("app/anna/x", "mine");
  stage.settle();
  changing.change(stage, {{}, {"app/%c/#"}});
  if (GENERATE(false, true)) stage.crash();
  client.connect(lasting());
  client.takes("mine");
  client.gets_nothing();
  stage.settle();
  REQUIRE(stage.stored().subscriptions.size() == 1);  // the other is gone with the resume
  REQUIRE(stage.stored().messages.empty());
}

TEST_CASE("a will is not sent where its client may no longer publish") {
  Stage stage;
  Changing changing(stage);
  Client client(stage, "phone"), watcher(stage, "w");
  client.connect({.expiry = 60, .will = will_at("app/all", "gone", 10)});
  watcher.connect();
  watcher.subscribe("app/all");
  client.lose();
  changing.change(stage, {{}, {"app/all"}});
  stage.advance(10'100);
  watcher.gets_nothing();
}
