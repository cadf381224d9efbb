#pragma once
// How a command ends: the one table of exit codes, which `sealpost --help` and docs/command-line.md show too.

#include <stdexcept>
#include <string>
#include <string_view>

namespace sealpost::cli {

enum class Exit : int {
  ok = 0,
  failed = 1,
  usage = 2,
  unreachable = 3,
  refused = 4,
  damaged = 5,
  busy = 6,
  interrupted = 130,
};

struct ExitMeaning {
  Exit code;
  std::string_view means;
};

inline constexpr ExitMeaning exit_meanings[] = {
    {Exit::ok, "done"},
    {Exit::failed, "what was asked is not so, or did not work"},
    {Exit::usage, "the command line or the configuration is wrong"},
    {Exit::unreachable, "the server cannot be reached, or did not answer in time"},
    {Exit::refused, "the server refused, or is not the one we know"},
    {Exit::damaged, "keys, a store or a log are damaged"},
    {Exit::busy, "another process uses the store or the log"},
    {Exit::interrupted, "stopped by Ctrl-C or a signal before it was done"},
};

// Ends a command from anywhere in it. The text says what, where and how to mend it.
class Stop : public std::runtime_error {
 public:
  Stop(Exit exit, const std::string& text) : std::runtime_error(text), exit_(exit) {}
  Exit exit() const { return exit_; }

 private:
  Exit exit_;
};

}  // namespace sealpost::cli
