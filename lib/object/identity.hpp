#pragma once
// Identities (PROTOCOL section 1): who may sign for whom, and how that changes. A version is read, checked against the
// one before it, and then stands for good. Which of two versions with one `_p` came first, and whether a key belongs to
// somebody else, only the log knows: both are for the caller to decide, after these checks.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "object/keys.hpp"
#include "object/object.hpp"

namespace sealpost::object {

inline constexpr std::string_view identity_type = "sealpost.Identity";
inline constexpr std::size_t identity_keys_max = 16;
inline constexpr std::size_t identity_bytes_max = 16 * 1024;  // of the stored text
inline constexpr std::size_t identity_versions_max = 64;      // of one identity: they are read and sent all together

inline constexpr std::string_view purpose_update = "update";  // signs the next version
inline constexpr std::string_view purpose_sign = "sign";      // signs everything else

// An entry of `pubkeys`.
struct IdentityKey {
  std::string alg;      // "ed25519", as it must be for update and sign keys
  std::string purpose;  // update, sign, or one the protocol leaves alone
  std::string pub;      // as written: base64url for ed25519
  PublicKey key;        // none for another alg
  std::optional<Signature> proof;

  bool needs_proof() const { return purpose == purpose_update || purpose == purpose_sign; }
  bool same_key(const IdentityKey& other) const {
    return alg == other.alg && purpose == other.purpose && pub == other.pub;
  }
};

// One version of an identity.
class Identity {
 public:
  // Judges the form; checks no signature. `_time` is needed; members the protocol does not know are left alone.
  static Result<Identity> read(const Object&);
  // The same from text, with the limits of what a client sends.
  static Result<Identity> parse(std::string_view text);

  const Object& object() const { return object_; }
  std::string_view stored() const { return object_.stored(); }
  const Link& link() const { return object_.link(); }
  Permalink permalink() const { return object_.permalink(); }
  std::uint64_t version() const { return object_.version(); }
  const std::optional<Link>& previous() const { return object_.previous(); }
  const std::optional<std::string>& name() const { return name_; }
  const std::vector<IdentityKey>& keys() const { return keys_; }
  bool has_key(std::string_view purpose, const PublicKey&) const;
  // What the proofs of this version sign: SHA-256("sealpost/key/1" 0x00 JCS(without _s and without every proof)).
  Digest proof_digest() const;

 private:
  explicit Identity(const Object& object) : object_(object) {}
  ErrorCode read_keys();

  Object object_;
  std::optional<std::string> name_;
  std::vector<IdentityKey> keys_;
};

// Version 0: signed by an update key of its own, every update and sign key proven. The costly checks come last, so
// at most 17 signatures are verified, and none for a version that is wrong in form.
Result<void> check_first(const Identity&);

// A later version: `_v`, `_r`, `_p`, `_author` and the dialect fit, signed by an update key of `previous`, and every
// update and sign key that `previous` does not list is proven. A proof that is not needed must still hold if it is
// there.
Result<void> check_next(const Identity& previous, const Identity& next);

// What goes into a new version. Each signer proves its own key.
struct IdentityDraft {
  struct Key {
    std::string_view purpose;
    const Signer* signer;
  };
  std::optional<std::string> name = std::nullopt;
  std::vector<Key> keys;
  Millis time = 0;
};

// `update` is one of the draft's update keys.
Identity make_first(const IdentityDraft&, const Signer& update);
// `update` is one of the update keys of `previous`, which is not the last there may be. Keys that it lists already
// carry no proof.
Identity make_next(const Identity& previous, const IdentityDraft&, const Signer& update);

}  // namespace sealpost::object
