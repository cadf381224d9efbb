#include "log/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "log/errc.hpp"

namespace sealpost::log {

Result<LockFile> LockFile::take(const std::string& database_path) {
  const int descriptor = open((database_path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return Errc::cannot_open;
  LockFile lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  return errno == EWOULDBLOCK ? Errc::locked : Errc::cannot_open;
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile::~LockFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sealpost::log
