#include "log/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "log/errc.hpp"

namespace sealpost::log {

Result<LockFile> LockFile::take(const std::string& database_path) {
  Descriptor file(::open((database_path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return Errc::cannot_open;
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? Errc::locked : Errc::cannot_open;
  return LockFile(std::move(file));
}

void LockFile::mark() {
  if (!is_marked()) (void)write_all(file_.get(), as_bytes(std::string_view("log\n")));  // a full disk leaves it unsaid
}

bool LockFile::is_marked() const {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 && status.st_size > 0;
}

}  // namespace sealpost::log
