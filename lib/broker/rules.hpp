#pragma once
// Access by rules: topic filters in which %c stands for a client's permalink (a bot's: the name of its token) and %d
// for its device (a bot's: its client id). The operator's choice ([app] in the configuration).

#include <string>
#include <string_view>
#include <vector>

#include "broker/access.hpp"

namespace sealpost::broker {

struct Rules {
  std::vector<std::string> publish;
  std::vector<std::string> subscribe;
};

// A rule for app/...: a topic filter once %c and %d are replaced, which may not stand for anything else.
bool is_rule(std::string_view text);

// Whether each topic that the filter matches is matched by the rule too.
bool covers(std::string_view rule, std::string_view filter);

// What the rules allow one client. Never changes: who changes the rules gives each session another one.
class RuleAccess : public Access {
 public:
  RuleAccess(const Rules& rules, std::string_view client, std::string_view device);

  bool may_publish(std::string_view topic) const override;
  bool may_subscribe(std::string_view filter) const override;
  bool may_receive(std::string_view topic) const override;

 private:
  std::vector<std::string> publish_;
  std::vector<std::string> subscribe_;
};

}  // namespace sealpost::broker
