// A client's key ring: <home>/identity.keys, opened by <home>/unlock.key or by a passphrase.

#include <fmt/format.h>

#include <cstdio>

#include "auth/handshake.hpp"
#include "cli/globals.hpp"

namespace sealpost::cli {
namespace {

Exit exit_of(vault::Errc code) {
  switch (code) {
    case vault::Errc::missing:
    case vault::Errc::exists:
      return Exit::failed;
    case vault::Errc::newer_version:
    case vault::Errc::not_a_ring:
    case vault::Errc::truncated:
    case vault::Errc::damaged:
      return Exit::damaged;
    default:
      return Exit::failed;
  }
}

template <class T>
T value_of(vault::Opened<T> opened) {
  if (!opened) throw Stop(exit_of(opened.error().code), opened.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*opened);
}

std::filesystem::path ring_path(const Globals& globals) {
  return globals.folder() / "identity.keys";
}

vault::UnlockBy unlock_by(const std::filesystem::path& ring, const std::string& passphrase_variable) {
  if (passphrase_variable.empty()) return vault::KeyFile{ring.parent_path() / "unlock.key"};
  return value_of(vault::passphrase_of_variable(passphrase_variable));
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) {
    throw Stop(Exit::failed, fmt::format("{}: cannot make the folder: {}. Name another one with --home.",
                                         folder.string(), error.message()));
  }
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
}

}  // namespace

Keys Keys::open(const Globals& globals) {
  Keys keys;
  keys.path_ = ring_path(globals);
  keys.passphrase_variable_ = globals.passphrase_variable;
  std::error_code ignored;
  if (!std::filesystem::exists(keys.path_, ignored)) {
    throw Stop(Exit::failed, fmt::format("{}: there are no keys yet. Run: sealpost keygen", keys.path_.string()));
  }
  keys.ring_ = value_of(vault::open(keys.path_, unlock_by(keys.path_, keys.passphrase_variable_)));
  if (keys.versions().empty() || !keys.ring_.signer(object::purpose_sign)) {
    throw Stop(Exit::damaged,
               fmt::format("{}: holds no whole identity. Restore it from a backup.", keys.path_.string()));
  }
  return keys;
}

Keys Keys::create(const Globals& globals, const std::optional<std::string>& name, Clock& clock, Random& random) {
  Keys keys;
  keys.path_ = ring_path(globals);
  keys.passphrase_variable_ = globals.passphrase_variable;
  std::error_code ignored;
  if (std::filesystem::exists(keys.path_, ignored)) {
    throw Stop(Exit::failed, fmt::format("{}: there are keys already, and they are not overwritten. For new ones name "
                                         "another folder with --home; for a new signing key: sealpost identity rotate",
                                         keys.path_.string()));
  }
  make_folder(keys.path_.parent_path());
  const auto unlock_key = keys.path_.parent_path() / "unlock.key";
  if (globals.passphrase_variable.empty() && !std::filesystem::exists(unlock_key, ignored)) {
    value_of(vault::create_key_file(unlock_key));
  }
  const auto& update = keys.ring_.generate(std::string(object::purpose_update), random);
  const auto& sign = keys.ring_.generate(std::string(object::purpose_sign), random);
  object::IdentityDraft draft;
  draft.name = name;
  draft.keys = {{object::purpose_update, &update}, {object::purpose_sign, &sign}};
  draft.time = clock.now();
  keys.ring_.add_version(std::string(object::make_first(draft, update).stored()));
  value_of(vault::create(keys.path_, unlock_by(keys.path_, keys.passphrase_variable_), keys.ring_));
  return keys;
}

Keys Keys::open_or_create(const Globals& globals, Clock& clock, Random& random) {
  std::error_code ignored;
  if (std::filesystem::exists(ring_path(globals), ignored)) return open(globals);
  Keys keys = create(globals, std::nullopt, clock, random);
  fmt::print(stderr, "Made you an identity: {}\nIts keys are in {} (back up that folder).\n",
             keys.self().permalink.hex(), keys.path_.parent_path().string());
  return keys;
}

void Keys::rotate(Clock& clock, Random& random) {
  if (ring_.identity().size() >= auth::new_versions_max) {
    throw Stop(
        Exit::failed,
        fmt::format("{}: this identity has {} versions, and a server that does not know it takes no more at once: "
                    "with another one it could never join a new server. Make a new identity (another --home) and "
                    "tell those whom you write to.",
                    path_.string(), ring_.identity().size()));
  }
  const object::Signer* const update = ring_.signer(object::purpose_update);
  if (!update) throw Stop(Exit::damaged, fmt::format("{}: holds no update key.", path_.string()));
  const PublicKey old = ring_.signer(object::purpose_sign)->key();
  const auto& fresh = ring_.generate(std::string(object::purpose_sign), random);
  const auto all = versions();
  object::IdentityDraft draft;
  draft.name = all.back().name();
  draft.keys = {{object::purpose_update, update}, {object::purpose_sign, &fresh}};
  draft.time = std::max(clock.now(), *all.back().object().time() + 1);
  ring_.add_version(std::string(object::make_next(all.back(), draft, *update).stored()));
  ring_.remove(old);
  value_of(vault::replace(path_, unlock_by(path_, passphrase_variable_), ring_));
}

std::vector<object::Identity> Keys::versions() const {
  std::vector<object::Identity> versions;
  for (const std::string& text : ring_.identity()) {
    auto version = object::Identity::parse(text);
    if (!version) return {};
    versions.push_back(std::move(*version));
  }
  return versions;
}

client::Self Keys::self() const {
  return {versions().front().permalink(), ring_.identity(), ring_.signer(object::purpose_sign)};
}

}  // namespace sealpost::cli
