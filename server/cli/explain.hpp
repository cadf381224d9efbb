#pragma once
// An error code as a person needs it: what happened, where, and how to mend it; and the exit code that goes with it.

#include <string>

#include "base/result.hpp"
#include "cli/exit.hpp"

namespace sealpost::cli {

struct Explained {
  Exit exit = Exit::failed;
  std::string what;  // a sentence without its stop
  std::string mend;  // may be empty
  std::string text() const { return what + "." + (mend.empty() ? "" : " " + mend); }
};

// `where`: the server's address, or the file. `detail`: what the server said; may be empty.
Explained explain(const ErrorCode&, const std::string& where, const std::string& detail = {});

}  // namespace sealpost::cli
