#pragma once
// Files that only their owner may read or replace, written whole or not at all.

#include <filesystem>

#include "vault/refusal.hpp"
#include "vault/secret.hpp"

namespace sealpost::vault {

enum class Guard {
  own,      // ours alone: no permission for group and world, and nobody else may write in the directory
  granted,  // handed to us by the system: root or we own it, the world may not read it. (An ACL for the service's user
            // shows as group permission.)
};

// The whole file; Errc::damaged if it is longer than `most`.
Opened<SecretBytes> read_private(const std::filesystem::path&, Guard, std::size_t most);

// Makes the file with mode 0600, and its directory with 0700 if there is none. Errc::exists if it is there.
Opened<void> write_new(const std::filesystem::path&, BytesView);
// Puts it in the place of what is there.
Opened<void> write_over(const std::filesystem::path&, BytesView);

}  // namespace sealpost::vault
