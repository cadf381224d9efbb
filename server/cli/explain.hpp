#pragma once
// An error code as a person needs it: what happened, where, and how to mend it; and the exit code that goes with it.

#include <string>

#include "base/result.hpp"
#include "cli/exit.hpp"

namespace sealpost::cli {

struct Explained {
  Exit exit = Exit::failed;
  std::string text;  // all of it
  std::string what;  // without how to mend it
};

// `where`: the server's address, or the file. `detail`: what the server said; may be empty.
Explained explain(const ErrorCode&, const std::string& where, const std::string& detail = {});

}  // namespace sealpost::cli
