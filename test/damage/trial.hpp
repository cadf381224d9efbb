#pragma once
// What becomes of one case: the server is started on it, and `sealpost verify` asked.

#include <map>
#include <optional>
#include <string>

#include "damage/answers.hpp"
#include "damage/harm.hpp"

namespace sealpost::damage {

enum class Outcome {
  refused_at_start,  // with words that say what is wrong
  refused_by_verify,
  refused_reading,  // the server ends when it comes to what it cannot read, and answers nothing from it
  equal,            // every answer is as it was
  ended_earlier,    // a write-ahead log that is as if the last commits had never been: see README.md
  other_and_shown,  // another configuration, which --print-config shows
  beside,           // another answer about rows that follow from no event and have no checksum: see README.md
  wrong,            // another answer, and nobody said a word
  mute,             // refused without saying why
  crashed,
  hung
};
constexpr int outcomes = 11;
const char* name_of(Outcome);
bool is_failure(Outcome);

struct Verdict {
  Outcome outcome{};
  std::string why;  // what was said, or which answer is another one
};

class Trials {
 public:
  // Works in `folder`.
  Trials(const Undamaged&, std::string folder, bool believe_verify);

  Verdict of(const Harm&);

 private:
  Verdict of_log(const Harm&);
  Verdict of_answers(const Answers&, Target, bool may_end) const;
  Verdict of_keys(const Harm&);
  Verdict of_configuration(const Harm&) const;
  void place(const LogFiles&) const;
  std::optional<Verdict> refused_by_verify() const;
  Answers expected_of(const LogFiles&) const;

  const Undamaged& undamaged_;
  const std::string folder_;
  const bool believe_verify_;
  Answers closed_;
  Answers killed_;
  std::vector<Answers> earlier_;
};

// A key ring, and what opens it, as they lie on disk.
void make_keys(const std::string& folder, Undamaged&);

}  // namespace sealpost::damage
