#pragma once
// A folder, and what the vault's tests do to files in it.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "temporary_folder.hpp"
#include "vault/refusal.hpp"

namespace sealpost::test {

namespace fs = std::filesystem;

class Folder : public TemporaryFolder {
 public:
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path()), fs::directory_iterator()));
  }
};

inline Bytes contents_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

inline void overwrite(const fs::path& path, BytesView bytes, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  ::chmod(path.c_str(), mode);
}

inline mode_t mode_of(const fs::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

}  // namespace sealpost::test

// A failed check shows the refusal.
template <class T>
struct Catch::StringMaker<sealpost::vault::Opened<T>> {
  static std::string convert(const sealpost::vault::Opened<T>& opened) {
    return opened ? "a value" : opened.error().text();
  }
};
