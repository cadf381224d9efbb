#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sealpost {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  const Descriptor previous(std::exchange(number_, other.release()));
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ < 0) return;
  const int why = errno;
  ::close(number_);
  errno = why;
}

int Descriptor::release() {
  return std::exchange(number_, -1);
}

bool write_all(int descriptor, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

bool sync_folder_of(const std::filesystem::path& path) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder && ::fsync(folder.get()) == 0;
}

std::optional<Ownership> ownership_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return Ownership{status.st_uid, status.st_gid, status.st_mode & 0777};
  if (errno != ENOENT || ::stat(folder_of(path).c_str(), &status) != 0) return std::nullopt;
  return Ownership{status.st_uid, status.st_gid, 0600};
}

bool give_to(int descriptor, const Ownership& to) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return false;
  const bool other_owner = status.st_uid != to.user || status.st_gid != to.group;
  if (other_owner && ::fchown(descriptor, to.user, to.group) != 0) return false;
  return (status.st_mode & 0777) == to.mode || ::fchmod(descriptor, to.mode) == 0;
}

}  // namespace sealpost
