#pragma once
// What opens a key ring: a passphrase, a file that holds a key, or one of systemd's credentials.

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "vault/refusal.hpp"
#include "vault/secret.hpp"

namespace sealpost::vault {

// The cost of trying one passphrase (argon2id, RFC 9106). The default takes about half a second and 256 MiB.
struct Argon2 {
  std::uint32_t operations = 3;
  std::uint32_t memory_kib = 256 * 1024;
};

// What a file may ask for: a forged one must not take the machine's memory or time.
constexpr Argon2 argon2_least{1, 8};
constexpr Argon2 argon2_most{16, 1024 * 1024};

struct Passphrase {
  SecretBytes text;
  Argon2 cost{};  // for writing; when opening, the file tells
};

// 32 bytes as 64 hex digits or 43 of base64url, with or without a line feed; only its owner may read it.
struct KeyFile {
  std::filesystem::path path;
};

// The same text in $CREDENTIALS_DIRECTORY/<name> (systemd.exec(5), LoadCredential=).
struct Credential {
  std::string name;
};

using UnlockBy = std::variant<Passphrase, KeyFile, Credential>;

// The passphrase in an environment variable.
Opened<Passphrase> passphrase_of_variable(const std::string& variable, Argon2 cost = {});

// Makes a key file of 32 random bytes (hex), readable by its owner only. Refused if there is one.
Opened<KeyFile> create_key_file(const std::filesystem::path&);

}  // namespace sealpost::vault
