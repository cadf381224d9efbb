#pragma once
// Assertions that stay in release builds: for what must hold whatever a stranger sends. Input is never asserted on.

namespace sealpost {

// Says where and what on standard error, and aborts: the process restarts from the log, which is the truth.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace sealpost

#define SEALPOST_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::sealpost::assertion_failed(#condition, __FILE__, __LINE__))
