#pragma once
// Everything that a log answers, as text to compare.

#include <optional>
#include <string>
#include <vector>

#include "damage/scene.hpp"

namespace sealpost::damage {

struct Answer {
  std::string question;
  std::string text;
  // Follows from no event: positions, idempotency keys, what MQTT keeps.
  bool beside = false;
  friend bool operator==(const Answer&, const Answer&) = default;
};
using Answers = std::vector<Answer>;

// Nothing where the log could not read on; then it has told its owner so, and takes no more.
std::optional<Answers> answers_of(log::EventLog&, const Known&);

// The first question with another answer; null if there is none. `beside`: of that kind, or of the other.
const Answer* difference(const Answers&, const Answers& expected, bool beside);

}  // namespace sealpost::damage
