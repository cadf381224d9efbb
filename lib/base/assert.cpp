#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace sealpost {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr,
               "sealpost: a broken invariant: %s (%s:%d). Please report this line; nothing acknowledged is lost.\n",
               expression, file, line);
  std::abort();
}

}  // namespace sealpost
