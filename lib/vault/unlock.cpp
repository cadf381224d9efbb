#include "vault/unlock.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "vault/lock.hpp"
#include "vault/private_file.hpp"

namespace sealpost::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_text_max = 4096;  // of a key file; a longer one is something else
constexpr std::size_t hex_length = 2 * key_size;
constexpr std::size_t base64url_length = 43;

std::string_view without_line_feed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

Opened<SecretBytes> key_of_text(std::string_view written, const fs::path& path) {
  const std::string_view text = without_line_feed(written);
  SecretBytes key(key_size);
  const bool decoded = (text.size() == hex_length && from_hex(text, key.writable())) ||
                       (text.size() == base64url_length && from_base64url(text, key.writable()));
  if (!decoded) return Refusal{Errc::bad_key_file, path.string()};
  return key;
}

Opened<SecretBytes> key_in(const fs::path& path, Guard guard) {
  const auto text = read_private(path, guard, key_text_max);
  if (!text) return text.error().code == Errc::damaged ? Refusal{Errc::bad_key_file, path.string()} : text.error();
  return key_of_text(as_text(text->view()), path);
}

Opened<Lock> by_key(Opened<SecretBytes> key) {
  if (!key) return key.error();
  return Lock{false, std::move(*key)};
}

Opened<Lock> lock_by(const Passphrase& passphrase) {
  if (passphrase.text.empty()) return Refusal{Errc::empty_passphrase, "the passphrase"};
  return Lock{true, SecretBytes::copy_of(passphrase.text.view()), passphrase.cost};
}

Opened<Lock> lock_by(const KeyFile& file) {
  return by_key(key_in(file.path, Guard::own));
}

Opened<Lock> lock_by(const Credential& credential) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  const bool plain_name = !credential.name.empty() && credential.name.find('/') == std::string::npos;
  if (directory == nullptr || *directory == '\0' || !plain_name) return Refusal{Errc::no_credential, credential.name};
  auto key = key_in(fs::path(directory) / credential.name, Guard::granted);
  if (!key && key.error().code == Errc::missing) return Refusal{Errc::no_credential, credential.name};
  return by_key(std::move(key));
}

}  // namespace

Opened<Lock> lock_of(const UnlockBy& way) {
  return std::visit([](const auto& each) { return lock_by(each); }, way);
}

Opened<Passphrase> passphrase_of_variable(const std::string& variable, Argon2 cost) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0') return Refusal{Errc::empty_passphrase, variable};
  return Passphrase{SecretBytes::copy_of(as_bytes(value)), cost};
}

Opened<KeyFile> create_key_file(const fs::path& path) {
  SEALPOST_ASSERT(sodium_init() >= 0);
  SecretBytes key(key_size);
  randombytes_buf(key.writable().data(), key_size);
  SecretBytes text(hex_length + 2);  // line feed, and the zero that sodium_bin2hex writes
  sodium_bin2hex(reinterpret_cast<char*>(text.writable().data()), hex_length + 1, key.view().data(), key_size);
  text.writable()[hex_length] = '\n';
  const auto written = write_new(path, text.view().first(hex_length + 1));
  if (!written) return written.error();
  return KeyFile{path};
}

}  // namespace sealpost::vault
