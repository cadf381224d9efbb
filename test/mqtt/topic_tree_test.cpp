#include "mqtt/topic_tree.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

using namespace sealpost::mqtt;

namespace {

using Tree = TopicTree<int>;
using Found = std::vector<int>;

Found matched(Tree& tree, std::string_view topic) {
  Found found;
  tree.match(topic, [&](int value) { found.push_back(value); });
  std::sort(found.begin(), found.end());
  return found;
}

// Short texts of few letters, so that filters and topics meet; with '$', empty levels and blanks among them.
std::string text_of(const char* letters, int longest) {
  return *rc::gen::resize(longest, rc::gen::container<std::string>(rc::gen::elementOf(std::string(letters))));
}

std::string some_filter() {
  for (;;) {
    const auto filter = text_of("a/+#$b", 8);
    if (valid_topic_filter(filter)) return filter;
  }
}

}  // namespace

TEST_CASE("the tree finds the filters that match, those with wildcards and those without") {
  Tree tree;
  CHECK(tree.empty());
  int number = 0;
  for (const auto* filter : {"a/b", "a/+", "a/#", "#", "+/b", "+/+", "a", "/a", "+", "a/b/#"})
    tree.at(filter) = ++number;
  CHECK(matched(tree, "a/b") == Found{1, 2, 3, 4, 5, 6, 10});
  CHECK(matched(tree, "a") == Found{3, 4, 7, 9});
  CHECK(matched(tree, "/a") == Found{4, 6, 8});
  CHECK(matched(tree, "a/") == Found{2, 3, 4, 6});
  CHECK(matched(tree, "a/b/c") == Found{3, 4, 10});
  CHECK(matched(tree, "c/b") == Found{4, 5, 6});
  CHECK(matched(tree, "/") == Found{4, 6});
}

TEST_CASE("a first level that begins with $ is not for wildcards, and later ones are") {
  Tree tree;
  int number = 0;
  for (const auto* filter : {"#", "+", "+/a", "$SYS/#", "$SYS/+", "a/#", "a/+", "$SYS"}) tree.at(filter) = ++number;
  CHECK(matched(tree, "$SYS/a") == Found{4, 5});
  CHECK(matched(tree, "$SYS") == Found{4, 8});
  CHECK(matched(tree, "$") == Found{});
  CHECK(matched(tree, "a/$SYS") == Found{1, 6, 7});
}

TEST_CASE("a filter has one value, made by default and gone once erased") {
  Tree tree;
  for (const auto* filter : {"a/b", "a/+", "+/#", "#"}) {
    CHECK(tree.find(filter) == nullptr);
    CHECK(tree.at(filter) == 0);
    tree.at(filter) = 7;
    CHECK(tree.at(filter) == 7);
    REQUIRE(tree.find(filter) != nullptr);
    CHECK(*tree.find(filter) == 7);
    tree.erase(filter);
    CHECK(tree.find(filter) == nullptr);
    CHECK(tree.at(filter) == 0);
    tree.erase(filter);
    CHECK(tree.empty());
  }
}

TEST_CASE("erasing what is not there changes nothing") {
  Tree tree;
  tree.at("a/+/c") = 1;
  tree.at("a/#") = 2;
  for (const auto* filter : {"a/+", "a/+/c/#", "a/+/d", "+", "#", "b/#", "+/+/c", "a/b/c", "a"}) {
    CHECK(tree.find(filter) == nullptr);
    tree.erase(filter);
  }
  CHECK(matched(tree, "a/b/c") == Found{1, 2});
}

TEST_CASE("erasing a filter keeps those above and below it") {
  Tree tree;
  for (const auto* filter : {"+", "+/a", "+/a/+", "+/a/#"}) tree.at(filter) = 1;
  tree.erase("+/a");
  CHECK(matched(tree, "x/a").size() == 1);
  CHECK(matched(tree, "x/a/y").size() == 2);
  tree.erase("+/a/#");
  tree.erase("+/a/+");
  CHECK(matched(tree, "x").size() == 1);
  CHECK_FALSE(tree.empty());
  tree.erase("+");
  CHECK(tree.empty());
}

TEST_CASE("a filter of many levels is found and erased") {
  Tree tree;
  std::string filter = "+", topic = "a";
  for (int level = 1; level < 32; ++level) {
    filter += "/+";
    topic += "/a";
  }
  tree.at(filter) = 1;
  CHECK(matched(tree, topic) == Found{1});
  CHECK(matched(tree, topic + "/a").empty());
  CHECK(matched(tree, topic.substr(2)).empty());
  tree.erase(filter);
  CHECK(tree.empty());
}

TEST_CASE("a value stays where it is while others come and go") {
  Tree tree;
  int* const exact = &tree.at("a/b");
  int* const wild = &tree.at("a/+");
  for (int i = 0; i < 1'000; ++i) {
    tree.at("a/" + std::to_string(i)) = i;
    tree.at("+/" + std::to_string(i)) = i;
  }
  for (int i = 0; i < 1'000; i += 2) tree.erase("+/" + std::to_string(i));
  CHECK(tree.find("a/b") == exact);
  CHECK(tree.find("a/+") == wild);
}

TEST_CASE("whatever comes and goes, the tree finds each filter that matches, once") {
  CHECK(rc::check([] {
    Tree tree;
    std::map<std::string, int> model;
    int number = 0;
    const auto steps = *rc::gen::inRange(1, 40);
    for (int step = 0; step < steps; ++step) {
      const bool erase = !model.empty() && *rc::gen::inRange(0, 3) == 0;
      if (erase) {
        const auto chosen = std::next(model.begin(), *rc::gen::inRange<int>(0, static_cast<int>(model.size())));
        tree.erase(chosen->first);
        model.erase(chosen);
      } else {
        const auto filter = some_filter();
        model[filter] = tree.at(filter) = ++number;
      }
    }
    const auto topic = text_of("a/$b", 7);
    RC_PRE(valid_topic_name(topic));
    Found expected;
    for (const auto& [filter, value] : model)
      if (matches(filter, topic)) expected.push_back(value);
    std::sort(expected.begin(), expected.end());
    RC_ASSERT(matched(tree, topic) == expected);

    for (const auto& [filter, value] : model) {
      RC_ASSERT(tree.find(filter) != nullptr && *tree.find(filter) == value);
      tree.erase(filter);
    }
    RC_ASSERT(tree.empty());
  }));
}
