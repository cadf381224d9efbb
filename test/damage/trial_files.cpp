// Damage of the files that are read as a whole: keys and configuration.

#include <filesystem>

#include "app/configuration.hpp"
#include "base/encoding.hpp"
#include "damage/trial.hpp"
#include "vault/key_ring.hpp"

namespace sealpost::damage {
namespace {

namespace fs = std::filesystem;

constexpr const char* ring_name = "server.keys";
constexpr const char* key_name = "unlock.key";

struct CountedRandom final : Random {
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = ++next;
  }
  std::uint8_t next = 0;
};

void write_private(const std::string& path, const std::string& bytes) {
  write_file(path, bytes);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

// A refusal has to say which file, and be a sentence.
bool says_where(const std::string& text, const std::string& name) {
  return text.find(name) != std::string::npos && text.find(". ") != std::string::npos;
}

std::string contents_of(const vault::KeyRing& ring) {
  std::string text;
  for (const auto& held : ring.keys()) text += held.purpose + ' ' + held.pair->key().hex() + '\n';
  for (const std::string& version : ring.identity()) text += version + '\n';
  return text;
}

vault::KeyRing sample_ring() {
  CountedRandom random;
  vault::KeyRing ring;
  ring.generate("update", random);
  ring.generate("sign", random);
  ring.add_version(R"({"_t":"sealpost.Identity","name":"a server"})");
  ring.add_version(R"({"_t":"sealpost.Identity","name":"the same, later"})");
  return ring;
}

}  // namespace

void make_keys(const std::string& folder, Undamaged& undamaged) {
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
  const fs::path key = fs::path(folder) / key_name;
  const fs::path ring = fs::path(folder) / ring_name;
  vault::create_key_file(key).value();
  vault::create(ring, vault::KeyFile{key}, sample_ring()).value();
  undamaged.key_file = bytes_of_file(key);
  undamaged.key_ring = bytes_of_file(ring);
}

Verdict Trials::of_keys(const Harm& harm) {
  const bool is_ring = groups()[harm.group].target == Target::key_ring;
  const std::string ring = folder_ + "/" + ring_name;
  const std::string key = folder_ + "/" + key_name;
  write_private(ring, is_ring ? harm.text : undamaged_.key_ring);
  write_private(key, is_ring ? undamaged_.key_file : harm.text);
  const auto opened = vault::open(ring, vault::KeyFile{key});
  if (!opened) {
    const std::string said = opened.error().text();
    const bool clear = says_where(said, ring_name) || says_where(said, key_name);
    return {clear ? Outcome::refused_at_start : Outcome::mute, said};
  }
  const bool same = contents_of(*opened) == contents_of(sample_ring());
  return {same ? Outcome::equal : Outcome::wrong, "the key ring's contents"};
}

// No checksum stands over what people edit: what another value does is for them to see, so it must be shown.
Verdict Trials::of_configuration(const Harm& harm) const {
  const auto before = app::read_configuration(undamaged_.configuration, "sealpost.toml", {}).value();
  const auto after = app::read_configuration(harm.text, "sealpost.toml", {});
  if (!after) {
    const std::string said = after.error().text();
    return {says_where(said + ". ", "sealpost.toml") ? Outcome::refused_at_start : Outcome::mute, said};
  }
  const std::string shown = app::print_configuration(*after);
  const auto changes = app::changes_between(before, *after);
  const bool differs = !changes.reloadable.empty() || !changes.need_restart.empty();
  const bool shows = shown != app::print_configuration(before);
  if (differs != shows) return {Outcome::wrong, "a change that --print-config does not show"};
  const auto again = app::read_configuration(shown, "sealpost.toml", {});
  if (!again || app::print_configuration(*again) != shown) return {Outcome::wrong, "what is printed reads differently"};
  if (!differs) return {Outcome::equal, {}};
  return {Outcome::other_and_shown, changes.need_restart.empty() ? changes.reloadable[0] : changes.need_restart[0]};
}

}  // namespace sealpost::damage
