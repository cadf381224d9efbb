#pragma once
// Files put in each other's place so that a crash at any moment leaves the one or the other, whole. For tools: nobody
// has the files open. Errors: Errc::disk_full, cannot_open or io.

#include <string>

#include "base/files.hpp"
#include "base/result.hpp"

namespace sealpost::log {

Result<Ownership> owner_of(const std::string& path);
bool file_exists(const std::string& path);
ErrorCode give_file(const std::string& path, const Ownership&);
// Makes `to`, which is synced on return; it must not be there.
ErrorCode copy_file(const std::string& from, const std::string& to, const Ownership&);
ErrorCode rename_file(const std::string& from, const std::string& to);
ErrorCode sync_folder(const std::string& path);
// No matter if there is none.
void remove_file(const std::string& path);

}  // namespace sealpost::log
