#pragma once
// What the standard library leaves out of files: who holds a descriptor, whose a file is, and that it is on disk. For
// the rooms that touch files; the core does not. Where a call fails it says so and leaves the reason in errno, for its
// caller to put into the words of its room.

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/bytes.hpp"

namespace sealpost {

// Owns a file descriptor until it is released.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();  // leaves errno as it is
  int get() const { return number_; }
  int release();
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

bool write_all(int descriptor, BytesView);

// Of a relative name without a folder: the current one.
std::filesystem::path folder_of(const std::filesystem::path&);
// A name that was made, replaced or removed is durable when its folder is.
bool sync_folder_of(const std::filesystem::path&);

// Whose a file is, and who may read it.
struct Ownership {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = 0600;
};

// Of the file; where there is none, that of its folder, for its owner's eyes only.
std::optional<Ownership> ownership_of(const std::filesystem::path&);
// What is so already is not asked for again: only root may give a file away.
bool give_to(int descriptor, const Ownership&);

}  // namespace sealpost
