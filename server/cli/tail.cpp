// sealpost tail: the inbox as it comes.

#include <fmt/format.h>

#include <cstdio>

#include "cli/talk.hpp"

namespace sealpost::cli {
namespace {

struct Arguments {
  std::size_t last = 10;
  std::size_t count = 0;
  int timeout_seconds = 0;
};

class Tail final : public Talk {
 public:
  Tail(const Globals& globals, const Arguments& arguments) : Talk(globals), arguments_(arguments) {}

 private:
  void on_start() override {
    if (arguments_.timeout_seconds > 0) limit(std::chrono::seconds(arguments_.timeout_seconds));
    for (const client::Entry& entry : held(store().history(std::nullopt, arguments_.last))) {
      if (!entry.mine) print(entry);
    }
  }

  void on_message(const client::Entry& entry) override {
    print(entry);
    if (++seen_ == arguments_.count) finish(Exit::ok);
  }

  // As JSON: the message itself, whole and signed as the server delivered it.
  void print(const client::Entry& entry) {
    const auto letter = client::letter_of(entry.stored);
    if (globals().json) {
      fmt::print("{}\n", entry.stored);
    } else if (entry.doubted()) {
      fmt::print("{} {}: (not to be believed: {})\n", time_of(entry.time), name_of(entry.peer), entry.note);
    } else if (letter) {
      fmt::print("{} {}: {}\n", time_of(letter->time), name_of(entry.peer), client::line_of(*letter));
    } else {
      fmt::print("{} {}: (erased)\n", time_of(entry.time), name_of(entry.peer));
    }
    std::fflush(stdout);
  }

  void on_late() override { finish(Exit::failed); }
  bool on_interrupt() override {
    finish(arguments_.count == 0 ? Exit::ok : Exit::interrupted);
    return true;
  }

  const Arguments arguments_;
  std::size_t seen_ = 0;
};

}  // namespace

void add_tail(CLI::App& app, Globals& globals, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const tail = add_command(app, "tail", "Print messages as they come", "  sealpost tail --json --count 1");
  tail->add_option("--last", arguments->last, "How many earlier messages to print first")->capture_default_str();
  tail->add_option("--count", arguments->count, "End after so many new messages; 0: go on")->capture_default_str();
  tail->add_option("--timeout", arguments->timeout_seconds, "Give up after so many seconds; 0: never")
      ->capture_default_str()
      ->check(CLI::Range(0, 86'400));
  tail->callback([&globals, &run, arguments] {
    run = [&globals, arguments] {
      Tail talk(globals, *arguments);
      return talk.go();
    };
  });
}

}  // namespace sealpost::cli
