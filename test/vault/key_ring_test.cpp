#include "vault/key_ring.hpp"

#include <sodium.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "base/sha256.hpp"
#include "vault/folder.hpp"

using namespace sealpost;
using namespace sealpost::vault;
using test::Folder;
namespace fs = std::filesystem;

namespace {

constexpr Argon2 quick{1, 8};
constexpr mode_t modes_open_to_others[] = {0604, 0602, 0601, 0640, 0620, 0610, 0644, 0666};

struct SodiumRandom final : Random {
  void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
} source;

UnlockBy passphrase(std::string_view text, Argon2 cost = quick) {
  return Passphrase{SecretBytes::copy_of(as_bytes(text)), cost};
}

UnlockBy new_key_file(const fs::path& path) {
  return *create_key_file(path);
}

KeyRing two_keys_and_two_versions() {
  KeyRing ring;
  ring.generate("update", source);
  ring.generate("sign", source);
  ring.add_version(R"({"_t":"sealpost.Identity"})");
  ring.add_version(R"({"_t":"sealpost.Identity","_v":1})");
  return ring;
}

Errc refusal_of(const fs::path& path, const UnlockBy& way) {
  const auto opened = vault::open(path, way);
  return opened ? Errc{} : opened.error().code;
}

void check_same(const KeyRing& a, const KeyRing& b) {
  REQUIRE(a.keys().size() == b.keys().size());
  for (std::size_t i = 0; i < a.keys().size(); ++i) {
    CHECK(a.keys()[i].purpose == b.keys()[i].purpose);
    CHECK(a.keys()[i].pair->key() == b.keys()[i].pair->key());
  }
  CHECK(a.identity() == b.identity());
}

// Makes the checksum fit again, as somebody who alters a file with skill would.
void mend_checksum(Bytes& sealed) {
  const std::size_t body = sealed.size() - sizeof(Digest);
  const Digest checksum = sha256(BytesView(sealed).first(body));
  std::copy(checksum.begin(), checksum.end(), sealed.begin() + static_cast<std::ptrdiff_t>(body));
}

struct CredentialsDirectory {
  explicit CredentialsDirectory(const fs::path& path) { ::setenv("CREDENTIALS_DIRECTORY", path.c_str(), 1); }
  ~CredentialsDirectory() { ::unsetenv("CREDENTIALS_DIRECTORY"); }
};

}  // namespace

TEST_CASE("a ring comes back as it was, by passphrase, key file and credential") {
  const Folder folder;
  const auto key_file = new_key_file(folder / "unlock.key");
  const CredentialsDirectory environment(folder.path());
  const UnlockBy by_passphrase = passphrase("correct horse"), by_credential = Credential{"unlock.key"};
  for (const UnlockBy* each : {&by_passphrase, &key_file, &by_credential}) {
    const UnlockBy& way = *each;
    const fs::path path = folder / ("ring" + std::to_string(way.index()));
    const KeyRing ring = two_keys_and_two_versions();
    REQUIRE(create(path, way, ring));
    const auto opened = vault::open(path, way);
    REQUIRE(opened);
    check_same(ring, *opened);
  }
}

TEST_CASE("an empty ring comes back empty") {
  const Folder folder;
  REQUIRE(create(folder / "ring", passphrase("x"), KeyRing{}));
  const auto opened = vault::open(folder / "ring", passphrase("x"));
  REQUIRE(opened);
  CHECK(opened->keys().empty());
  CHECK(opened->identity().empty());
}

TEST_CASE("a key that was stored signs as before") {
  const Folder folder;
  const KeyRing ring = two_keys_and_two_versions();
  REQUIRE(create(folder / "ring", passphrase("x"), ring));
  const auto opened = vault::open(folder / "ring", passphrase("x"));
  REQUIRE(opened);
  const auto message = as_bytes("a link of 32 bytes, or whatever.");
  CHECK(opened->signer("sign")->sign(message) == ring.signer("sign")->sign(message));
  CHECK(object::verify(ring.signer("sign")->key(), message, opened->signer("sign")->sign(message)));
}

TEST_CASE("the newest key of a purpose signs; an older one is found by its public key until it is removed") {
  KeyRing ring;
  const PublicKey old = ring.generate("sign", source).key();
  const PublicKey newest = ring.generate("sign", source).key();
  CHECK(ring.signer("sign")->key() == newest);
  CHECK(ring.signer(old) != nullptr);
  CHECK(ring.signer("update") == nullptr);
  CHECK(ring.remove(old));
  CHECK_FALSE(ring.remove(old));
  CHECK(ring.signer(old) == nullptr);
}

TEST_CASE("a signer stays where it is when the ring moves") {
  KeyRing ring = two_keys_and_two_versions();
  const object::Signer* signer = ring.signer("sign");
  const KeyRing moved = std::move(ring);
  CHECK(moved.signer("sign") == signer);
}

TEST_CASE("the file gives away no seed and no version") {
  const Folder folder;
  const KeyRing ring = two_keys_and_two_versions();
  REQUIRE(create(folder / "ring", passphrase("x"), ring));
  const Bytes sealed = test::contents_of(folder / "ring");
  std::array<std::uint8_t, 32> seed{};
  ring.keys()[0].pair->copy_seed(seed);
  CHECK(as_text(sealed).find(as_text(seed)) == std::string_view::npos);
  CHECK(as_text(sealed).find("Identity") == std::string_view::npos);
}

TEST_CASE("a ring is sealed anew each time, with another salt and nonce") {
  const Folder folder;
  const KeyRing ring = two_keys_and_two_versions();
  REQUIRE(create(folder / "a", passphrase("x"), ring));
  REQUIRE(create(folder / "b", passphrase("x"), ring));
  const Bytes a = test::contents_of(folder / "a"), b = test::contents_of(folder / "b");
  CHECK_FALSE(std::equal(a.begin() + 20, a.begin() + 36, b.begin() + 20));
  CHECK_FALSE(std::equal(a.begin() + 36, a.begin() + 60, b.begin() + 36));
}

TEST_CASE("a wrong passphrase, a wrong key and the wrong way are told apart") {
  const Folder folder;
  const auto key = new_key_file(folder / "key");
  const auto other_key = new_key_file(folder / "other");
  REQUIRE(create(folder / "by-passphrase", passphrase("right"), two_keys_and_two_versions()));
  REQUIRE(create(folder / "by-key", key, two_keys_and_two_versions()));
  CHECK(refusal_of(folder / "by-passphrase", passphrase("wrong")) == Errc::wrong_key);
  CHECK(refusal_of(folder / "by-passphrase", passphrase("right ")) == Errc::wrong_key);
  CHECK(refusal_of(folder / "by-key", other_key) == Errc::wrong_key);
  CHECK(refusal_of(folder / "by-key", passphrase("right")) == Errc::wrong_way);
  CHECK(refusal_of(folder / "by-passphrase", key) == Errc::wrong_way);
  CHECK(refusal_of(folder / "by-passphrase", passphrase("")) == Errc::empty_passphrase);
}

TEST_CASE("every byte of the file that is flipped is noticed") {
  const Folder folder;
  const fs::path path = folder / "ring";
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(path, way, two_keys_and_two_versions()));
  const Bytes whole = test::contents_of(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] ^= 0x40;
    test::overwrite(path, flipped);
    INFO("byte " << i);
    CHECK(refusal_of(path, way) != Errc{});
  }
  test::overwrite(path, whole);
  CHECK(refusal_of(path, way) == Errc{});
}

TEST_CASE("a byte that is altered with the checksum made to fit is noticed by the tag") {
  const Folder folder;
  const fs::path path = folder / "ring";
  const auto unlock = passphrase("x");
  REQUIRE(create(path, unlock, two_keys_and_two_versions()));
  const Bytes whole = test::contents_of(path);
  for (std::size_t i = 0; i + sizeof(Digest) < whole.size(); ++i) {
    if (i >= 14 && i < 20) continue;  // argon2id's high bytes: the bounds have a test of their own
    Bytes altered = whole;
    altered[i] ^= 0x01;
    mend_checksum(altered);
    test::overwrite(path, altered);
    INFO("byte " << i);
    CHECK(refusal_of(path, unlock) != Errc{});
    if (i >= 20 && i < 60) CHECK(refusal_of(path, unlock) == Errc::wrong_key);   // salt and nonce
    if (i >= 64) CHECK(refusal_of(path, unlock) == Errc::wrong_key);             // ciphertext and tag
    if (i == 10 || i == 11) CHECK(refusal_of(path, unlock) == Errc::wrong_key);  // associated data alone
  }
}

TEST_CASE("a file cut short anywhere is refused, and so is one with bytes after its end") {
  const Folder folder;
  const fs::path path = folder / "ring";
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(path, way, two_keys_and_two_versions()));
  const Bytes whole = test::contents_of(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    test::overwrite(path, BytesView(whole).first(size));
    CHECK(refusal_of(path, way) == (size < 8 ? Errc::not_a_ring : Errc::truncated));
  }
  Bytes longer = whole;
  longer.push_back(0);
  test::overwrite(path, longer);
  CHECK(refusal_of(path, way) == Errc::damaged);
}

TEST_CASE("a newer version is named as such, and another file is no ring") {
  const Folder folder;
  const fs::path path = folder / "ring";
  REQUIRE(create(path, passphrase("x"), two_keys_and_two_versions()));
  Bytes newer = test::contents_of(path);
  newer[8] = 2;
  test::overwrite(path, newer);
  CHECK(refusal_of(path, passphrase("x")) == Errc::newer_version);
  test::overwrite(path, as_bytes("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(refusal_of(path, passphrase("x")) == Errc::not_a_ring);
  test::overwrite(path, Bytes(9 * 1024 * 1024));
  CHECK(refusal_of(path, passphrase("x")) == Errc::damaged);
}

TEST_CASE("argon2id parameters out of bounds are refused before they cost anything") {
  const Folder folder;
  const fs::path path = folder / "ring";
  REQUIRE(create(path, passphrase("x"), two_keys_and_two_versions()));
  const Bytes whole = test::contents_of(path);
  for (const auto& [at, value] : {std::pair{12, 255}, {12, 0}, {13, 1}, {15, 255}, {16, 7}, {18, 17}, {19, 255}}) {
    Bytes costly = whole;
    costly[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    mend_checksum(costly);
    test::overwrite(path, costly);
    CHECK(refusal_of(path, passphrase("x")) == Errc::costly);
  }
  const auto created = create(folder / "other", passphrase("x", {1, 2 * 1024 * 1024}), KeyRing{});
  REQUIRE_FALSE(created);
  CHECK(created.error().code == Errc::costly);
}

TEST_CASE("a ring or key file that others may read or write is refused") {
  const Folder folder;
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(folder / "ring", way, two_keys_and_two_versions()));
  CHECK(test::mode_of(folder / "ring") == 0600);
  CHECK(test::mode_of(folder / "key") == 0600);
  for (const std::string name : {"ring", "key"}) {
    for (const mode_t mode : modes_open_to_others) {
      ::chmod((folder / name).c_str(), mode);
      const auto opened = vault::open(folder / "ring", way);
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == Errc::open_to_others);
      CHECK(opened.error().where == (folder / name).string());
    }
    ::chmod((folder / name).c_str(), 0600);
  }
  CHECK(refusal_of(folder / "ring", way) == Errc{});
}

TEST_CASE("a folder that others may write in is refused for reading and for writing") {
  const Folder folder;
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(folder / "ring", way, KeyRing{}));
  for (const mode_t mode : {0770, 0720, 0702, 0707, 01777}) {
    ::chmod(folder.path().c_str(), mode);
    CHECK(refusal_of(folder / "ring", way) == Errc::directory_writable);
    const auto created = create(folder / "another", passphrase("x"), KeyRing{});
    REQUIRE_FALSE(created);
    CHECK(created.error().code == Errc::directory_writable);
  }
  ::chmod(folder.path().c_str(), 0755);
  CHECK(refusal_of(folder / "ring", way) == Errc{});
}

TEST_CASE("what belongs to another user is refused", "[root]") {
  if (::geteuid() != 0) {
    WARN("needs root to give files away");
    return;
  }
  const Folder folder;
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(folder / "ring", way, KeyRing{}));
  for (const fs::path& path : {folder / "ring", folder / "key", folder.path()}) {
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
    CHECK(refusal_of(folder / "ring", way) == Errc::not_owned);
    REQUIRE(::chown(path.c_str(), 0, 0) == 0);
  }
  CHECK(refusal_of(folder / "ring", way) == Errc{});
}

TEST_CASE("what is missing or no file is refused") {
  const Folder folder;
  CHECK(refusal_of(folder / "nothing", passphrase("x")) == Errc::missing);
  CHECK(refusal_of(folder.path(), passphrase("x")) == Errc::not_a_file);
  CHECK(refusal_of(folder / "nothing", KeyFile{folder / "no-key"}) == Errc::missing);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refusal_of(folder / "pipe", passphrase("x")) == Errc::not_a_file);
}

TEST_CASE("nothing is overwritten by create, and nothing is left behind") {
  const Folder folder;
  REQUIRE(create(folder / "ring", passphrase("x"), two_keys_and_two_versions()));
  const Bytes before = test::contents_of(folder / "ring");
  const auto again = create(folder / "ring", passphrase("y"), KeyRing{});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::exists);
  CHECK(test::contents_of(folder / "ring") == before);
  CHECK(folder.files() == 1);
  const auto key = create_key_file(folder / "ring");
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::exists);
}

TEST_CASE("create makes a private folder, but no path of folders") {
  const Folder folder;
  REQUIRE(create(folder / "keys" / "ring", passphrase("x"), KeyRing{}));
  CHECK(test::mode_of(folder / "keys") == 0700);
  const auto deep = create(folder / "a" / "b" / "ring", passphrase("x"), KeyRing{});
  REQUIRE_FALSE(deep);
  CHECK(deep.error().code == Errc::missing);
}

TEST_CASE("replace takes the place of a ring that it can open, and of no other") {
  const Folder folder;
  REQUIRE(create(folder / "ring", passphrase("x"), two_keys_and_two_versions()));
  KeyRing next = *vault::open(folder / "ring", passphrase("x"));
  next.generate("sign", source);
  next.add_version("{}");
  const auto wrong = replace(folder / "ring", passphrase("y"), next);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == Errc::wrong_key);
  REQUIRE(replace(folder / "ring", passphrase("x"), next));
  check_same(next, *vault::open(folder / "ring", passphrase("x")));
  CHECK(folder.files() == 1);
  const auto missing = replace(folder / "nothing", passphrase("x"), next);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::missing);
}

TEST_CASE("a key file may be hex or base64url, with a line feed or without, and nothing else") {
  const Folder folder;
  const Bytes key(32, 0xa5);
  const std::string good[] = {to_hex(key), to_hex(key) + "\n", to_base64url(key), to_base64url(key) + "\r\n"};
  test::overwrite(folder / "key", as_bytes(good[0]));
  REQUIRE(create(folder / "ring", KeyFile{folder / "key"}, KeyRing{}));
  for (const std::string& text : good) {
    test::overwrite(folder / "key", as_bytes(text));
    CHECK(refusal_of(folder / "ring", KeyFile{folder / "key"}) == Errc{});
  }
  const std::string bad[] = {"",
                             "\n",
                             to_hex(key).substr(1),
                             to_hex(key) + "0",
                             " " + to_hex(key),
                             std::string(64, 'g'),
                             std::string(43, '+'),
                             std::string(32, 'k'),
                             std::string(5000, 'a')};
  for (const std::string& text : bad) {
    test::overwrite(folder / "key", as_bytes(text));
    CHECK(refusal_of(folder / "ring", KeyFile{folder / "key"}) == Errc::bad_key_file);
  }
}

TEST_CASE("a credential is looked for where systemd put it, and nowhere else") {
  const Folder folder;
  const auto way = new_key_file(folder / "key");
  REQUIRE(create(folder / "ring", way, KeyRing{}));
  CHECK(refusal_of(folder / "ring", Credential{"key"}) == Errc::no_credential);  // not under systemd
  const CredentialsDirectory environment(folder.path());
  CHECK(refusal_of(folder / "ring", Credential{"key"}) == Errc{});
  CHECK(refusal_of(folder / "ring", Credential{"nothing"}) == Errc::no_credential);
  CHECK(refusal_of(folder / "ring", Credential{"../key"}) == Errc::no_credential);
  CHECK(refusal_of(folder / "ring", Credential{""}) == Errc::no_credential);
  ::chmod((folder / "key").c_str(), 0440);  // how an ACL for the service's user looks
  CHECK(refusal_of(folder / "ring", Credential{"key"}) == Errc{});
  ::chmod((folder / "key").c_str(), 0444);
  CHECK(refusal_of(folder / "ring", Credential{"key"}) == Errc::open_to_others);
}

TEST_CASE("a passphrase comes from a variable, and an unset or empty one is no passphrase") {
  ::setenv("SEALPOST_TEST_PASSPHRASE", "from the environment", 1);
  const auto passphrase = passphrase_of_variable("SEALPOST_TEST_PASSPHRASE");
  REQUIRE(passphrase);
  CHECK(as_text(passphrase->text.view()) == "from the environment");
  ::setenv("SEALPOST_TEST_PASSPHRASE", "", 1);
  CHECK_FALSE(passphrase_of_variable("SEALPOST_TEST_PASSPHRASE"));
  ::unsetenv("SEALPOST_TEST_PASSPHRASE");
  CHECK_FALSE(passphrase_of_variable("SEALPOST_TEST_PASSPHRASE"));
}

TEST_CASE("a ring with too much in it is not written") {
  const Folder folder;
  KeyRing ring;
  for (std::size_t i = 0; i <= versions_max; ++i) ring.add_version("{}");
  const auto created = create(folder / "ring", passphrase("x"), ring);
  REQUIRE_FALSE(created);
  CHECK(created.error().code == Errc::too_much);
  CHECK(folder.files() == 0);
}
