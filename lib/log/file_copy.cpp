#include "log/file_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <vector>

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

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool open() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool copy_all(int from, int to) {
  std::vector<char> bytes(1024 * 1024);
  for (;;) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    if (!write_all(to, bytes.data(), static_cast<std::size_t>(got))) return false;
  }
}

}  // namespace

Result<Ownership> ownership_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return Ownership{status.st_uid, status.st_gid, status.st_mode & 0777};
  if (errno != ENOENT || ::stat(folder_of(path).c_str(), &status) != 0) return error_of_errno();
  return Ownership{status.st_uid, status.st_gid, 0600};
}

ErrorCode give_to(const std::string& path, const Ownership& to) {
  const auto is = ownership_of(path);
  if (!is) return is.error();
  const bool other_owner = is->user != to.user || is->group != to.group;
  if (other_owner && ::chown(path.c_str(), to.user, to.group) != 0) return error_of_errno();
  if (is->mode != to.mode && ::chmod(path.c_str(), to.mode) != 0) return error_of_errno();
  return {};
}

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

ErrorCode copy_file(const std::string& from, const std::string& to) {
  const Descriptor source(from, O_RDONLY);
  if (!source.open()) return error_of_errno();
  const Descriptor copy(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!copy.open()) return error_of_errno();
  if (!copy_all(source.number(), copy.number()) || ::fsync(copy.number()) != 0) return error_of_errno();
  return {};
}

ErrorCode rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return error_of_errno();
  return {};
}

ErrorCode sync_folder_of(const std::string& path) {
  const Descriptor folder(folder_of(path), O_RDONLY | O_DIRECTORY);
  if (!folder.open() || ::fsync(folder.number()) != 0) return error_of_errno();
  return {};
}

void remove_file(const std::string& path) {
  (void)::unlink(path.c_str());
}

}  // namespace sealpost::log
