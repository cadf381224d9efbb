#pragma once
// Files put in each other's place so that a crash at any moment leaves the one or the other, whole. For tools: nobody
// has the files open.

#include <sys/types.h>

#include <string>

#include "base/result.hpp"

namespace sealpost::log {

// Whose a file is, and who may read it.
struct Ownership {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = 0600;
};

// Of the file; where there is none, that of its folder, for its owner's eyes only.
Result<Ownership> ownership_of(const std::string& path);
// An existing file is left as it is if it is so already.
ErrorCode give_to(const std::string& path, const Ownership&);

bool file_exists(const std::string& path);
// Makes `to`, which is synced on return; it must not be there. Errc::disk_full, cannot_open or io.
ErrorCode copy_file(const std::string& from, const std::string& to);
ErrorCode rename_file(const std::string& from, const std::string& to);
ErrorCode sync_folder_of(const std::string& path);
// No matter if there is none.
void remove_file(const std::string& path);

}  // namespace sealpost::log
