#include "log/file_copy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "log/errc.hpp"

namespace sealpost::log {
namespace {

ErrorCode error_of_errno() {
  switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::disk_full;
    case ENOENT:
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
    case EISDIR:
      return Errc::cannot_open;
    default:
      return Errc::io;
  }
}

bool copy_all(int from, int to) {
  Bytes bytes(1024 * 1024);
  for (;;) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    if (!write_all(to, BytesView(bytes).first(static_cast<std::size_t>(got)))) return false;
  }
}

}  // namespace

Result<Ownership> owner_of(const std::string& path) {
  const auto owner = ownership_of(path);
  if (!owner) return error_of_errno();
  return *owner;
}

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

ErrorCode give_file(const std::string& path, const Ownership& owner) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || !give_to(file.get(), owner)) return error_of_errno();
  return {};
}

ErrorCode copy_file(const std::string& from, const std::string& to, const Ownership& owner) {
  const Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) return error_of_errno();
  const Descriptor copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool made = copy && copy_all(source.get(), copy.get()) && give_to(copy.get(), owner);
  if (!made || ::fsync(copy.get()) != 0) return error_of_errno();
  return {};
}

ErrorCode rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return error_of_errno();
  return {};
}

ErrorCode sync_folder(const std::string& path) {
  if (!sync_folder_of(path)) return error_of_errno();
  return {};
}

void remove_file(const std::string& path) {
  (void)::unlink(path.c_str());
}

}  // namespace sealpost::log
