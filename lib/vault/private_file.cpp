#include "vault/private_file.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/encoding.hpp"
#include "base/files.hpp"

namespace sealpost::vault {
namespace {

namespace fs = std::filesystem;

Refusal system_refusal(const fs::path& path) {
  const int error = errno;
  return {error == ENOENT ? Errc::missing : Errc::io, path.string(), error == ENOENT ? 0 : error};
}

bool ours(uid_t owner) {
  return owner == ::geteuid();
}

Opened<void> check_directory(const fs::path& path) {
  const fs::path directory = folder_of(path);
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return system_refusal(directory);
  if (!ours(status.st_uid) && status.st_uid != 0) return Refusal{Errc::not_owned, directory.string()};
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Refusal{Errc::directory_writable, directory.string()};
  return {};
}

Opened<void> check_file(const fs::path& path, const struct stat& status, Guard guard) {
  if (!S_ISREG(status.st_mode)) return Refusal{Errc::not_a_file, path.string()};
  const bool granted = guard == Guard::granted;
  if (!ours(status.st_uid) && !(granted && status.st_uid == 0)) return Refusal{Errc::not_owned, path.string()};
  const mode_t forbidden = granted ? S_IRWXO | S_IWGRP : S_IRWXO | S_IRWXG;
  if ((status.st_mode & forbidden) != 0) return Refusal{Errc::open_to_others, path.string()};
  return {};
}

bool read_all(int from, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::read(from, out.data() + done, out.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

// A name nobody guesses, so that a file left by a crash is never in the way.
fs::path temporary_beside(const fs::path& path) {
  std::array<std::uint8_t, 8> random{};
  randombytes_buf(random.data(), random.size());
  return path.string() + ".new-" + to_hex(random);
}

Opened<void> write_temporary(const fs::path& temporary, BytesView bytes) {
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return system_refusal(temporary);
  if (write_all(file.get(), bytes) && ::fsync(file.get()) == 0) return {};
  Refusal refusal = system_refusal(temporary);
  ::unlink(temporary.c_str());
  return refusal;
}

Opened<void> sync_directory(const fs::path& path) {
  if (!sync_folder_of(path)) return system_refusal(folder_of(path));
  return {};
}

Opened<void> prepare_directory(const fs::path& path) {
  if (::mkdir(folder_of(path).c_str(), 0700) != 0 && errno != EEXIST) return system_refusal(folder_of(path));
  return check_directory(path);
}

}  // namespace

Opened<SecretBytes> read_private(const fs::path& path, Guard guard, std::size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return system_refusal(path);
  if (const auto checked = check_file(path, status, guard); !checked) return checked.error();
  if (guard == Guard::own)
    if (const auto checked = check_directory(path); !checked) return checked.error();

  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > most) return Refusal{Errc::damaged, path.string()};
  SecretBytes bytes(size);
  errno = 0;
  if (!read_all(file.get(), bytes.writable())) return Refusal{Errc::io, path.string(), errno};
  return bytes;
}

Opened<void> write_new(const fs::path& path, BytesView bytes) {
  if (const auto ready = prepare_directory(path); !ready) return ready;
  const fs::path temporary = temporary_beside(path);
  if (const auto written = write_temporary(temporary, bytes); !written) return written;
  // link(2), unlike rename(2), never replaces what is there.
  const bool linked = ::link(temporary.c_str(), path.c_str()) == 0;
  Refusal refusal = errno == EEXIST ? Refusal{Errc::exists, path.string()} : system_refusal(path);
  ::unlink(temporary.c_str());
  if (!linked) return refusal;
  return sync_directory(path);
}

Opened<void> write_over(const fs::path& path, BytesView bytes) {
  if (const auto ready = prepare_directory(path); !ready) return ready;
  const fs::path temporary = temporary_beside(path);
  if (const auto written = write_temporary(temporary, bytes); !written) return written;
  if (::rename(temporary.c_str(), path.c_str()) == 0) return sync_directory(path);
  Refusal refusal = system_refusal(path);
  ::unlink(temporary.c_str());
  return refusal;
}

}  // namespace sealpost::vault
