#include "failing_memory.hpp"

#include <sqlite3.h>

#include "base/assert.hpp"

namespace sealpost::power {
namespace {

FailingMemory* installed = nullptr;
sqlite3_mem_methods real;

}  // namespace

FailingMemory::FailingMemory() {
  installed = this;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods methods = real;
  methods.xMalloc = allocate;
  methods.xRealloc = grow;
  const int code = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
  SEALPOST_ASSERT(code == SQLITE_OK);
}

bool FailingMemory::refuses() {
  if (!fails()) return false;
  return failures_++ == 0 || failing() == Failing::for_good;
}

void* FailingMemory::allocate(int size) {
  return installed->refuses() ? nullptr : real.xMalloc(size);
}

void* FailingMemory::grow(void* memory, int size) {
  return installed->refuses() ? nullptr : real.xRealloc(memory, size);
}

}  // namespace sealpost::power
