#pragma once
// Values by topic filter, found by topic name: the index of the subscriptions. A filter without wildcards is found by
// one look-up whatever their number; the others stand in a tree with a level of the topic at each step.
//
// The filters are valid and not shared ones (see shared_filter()). A Value is made by default and gone once erased. Not
// safe for threads by itself; match() and find() change nothing, so several may run at once.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mqtt/topic.hpp"

namespace sealpost::mqtt {

template <class Value>
class TopicTree {
 public:
  // The filter's value; made if there is none.
  Value& at(std::string_view filter) {
    if (!has_wildcard(filter)) {
      const auto found = exact_.find(filter);
      return found != exact_.end() ? found->second : exact_[std::string(filter)];
    }
    std::unique_ptr<Value>& value = slot_of(filter);
    if (!value) value = std::make_unique<Value>();
    return *value;
  }

  Value* find(std::string_view filter) {
    if (has_wildcard(filter)) return find_in(root_, filter);
    const auto found = exact_.find(filter);
    return found == exact_.end() ? nullptr : &found->second;
  }

  void erase(std::string_view filter) {
    if (has_wildcard(filter)) return static_cast<void>(erase_in(root_, filter));
    const auto found = exact_.find(filter);
    if (found != exact_.end()) exact_.erase(found);
  }

  // Calls visit(Value&) for each filter that matches the topic name: '+' one level, '#' the rest and the level before
  // it; neither a first level that begins with '$' [MQTT-4.7.2-1].
  template <class Visit>
  void match(std::string_view topic, Visit&& visit) {
    const auto found = exact_.find(topic);
    if (found != exact_.end()) visit(found->second);
    if (!root_.empty()) match_in(root_, topic, false, topic.starts_with('$'), visit);
  }

  bool empty() const { return exact_.empty() && root_.empty(); }

 private:
  struct Node {
    std::unique_ptr<Value> value;  // of the filter that ends here
    std::unique_ptr<Value> rest;   // of the one that ends here with a '#'
    std::unique_ptr<Node> any;     // '+'
    std::unordered_map<std::string, std::unique_ptr<Node>, TextHash, std::equal_to<>> levels;

    bool empty() const { return !value && !rest && !any && levels.empty(); }
  };

  // The first level, taken off `text`; `last` if it was the only one.
  static std::string_view take_level(std::string_view& text, bool& last) {
    const auto slash = text.find('/');
    last = slash == std::string_view::npos;
    const auto level = text.substr(0, slash);
    text = last ? std::string_view{} : text.substr(slash + 1);
    return level;
  }

  std::unique_ptr<Value>& slot_of(std::string_view filter) {
    Node* node = &root_;
    for (bool last = false; !last;) {
      const auto level = take_level(filter, last);
      if (level == "#") return node->rest;
      auto& next = level == "+" ? node->any : node->levels[std::string(level)];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    }
    return node->value;
  }

  Value* find_in(Node& node, std::string_view filter) {
    bool last = false;
    const auto level = take_level(filter, last);
    if (level == "#") return node.rest.get();
    const auto found = level == "+" ? node.levels.end() : node.levels.find(level);
    Node* next = level == "+" ? node.any.get() : found == node.levels.end() ? nullptr : found->second.get();
    if (next == nullptr) return nullptr;
    return last ? next->value.get() : find_in(*next, filter);
  }

  // True if nothing is left of the node.
  bool erase_in(Node& node, std::string_view filter) {
    bool last = false;
    const auto level = take_level(filter, last);
    if (level == "#") {
      node.rest.reset();
    } else if (level == "+") {
      if (node.any && erase_below(*node.any, filter, last)) node.any.reset();
    } else if (const auto found = node.levels.find(level); found != node.levels.end()) {
      if (erase_below(*found->second, filter, last)) node.levels.erase(found);
    }
    return node.empty();
  }
  bool erase_below(Node& node, std::string_view filter, bool ends_here) {
    if (!ends_here) return erase_in(node, filter);
    node.value.reset();
    return node.empty();
  }

  // `over`: the topic has no level left. `hidden`: its first level is not for wildcards.
  template <class Visit>
  void match_in(Node& node, std::string_view topic, bool over, bool hidden, Visit& visit) {
    if (node.rest && !hidden) visit(*node.rest);
    if (over) {
      if (node.value) visit(*node.value);
      return;
    }
    bool last = false;
    const auto level = take_level(topic, last);
    if (node.any && !hidden) match_in(*node.any, topic, last, false, visit);
    const auto found = node.levels.find(level);
    if (found != node.levels.end()) match_in(*found->second, topic, last, false, visit);
  }

  std::unordered_map<std::string, Value, TextHash, std::equal_to<>> exact_;
  Node root_;
};

}  // namespace sealpost::mqtt
