#include "vault/refusal.hpp"

#include <boost/throw_exception.hpp>
#include <cstring>
#include <stdexcept>

namespace sealpost::vault {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "vault"; }
  std::string message(int code) const override { return Refusal{static_cast<Errc>(code), "the key ring"}.text(); }
};

// What is wrong, after the name of the place, and how to mend it; %s stands for the place.
struct Words {
  Errc code;
  const char* wrong;
  const char* mend;
};

constexpr Words words[] = {
    {Errc::missing, "does not exist", "Check the path, or create the keys first."},
    {Errc::exists, "exists already and is not overwritten", "Move it away first if you mean to replace it."},
    {Errc::open_to_others, "can be read or written by others than its owner", "Run: chmod 600 '%s'"},
    {Errc::directory_writable, "is a directory in which others than its owner may write", "Run: chmod go-w '%s'"},
    {Errc::not_owned, "belongs to another user than the one this program runs as",
     "Run the program as that user, or give it away: chown USER '%s'"},
    {Errc::not_a_file, "is not a regular file", "Check the path."},
    {Errc::not_a_ring, "is not a Sealpost key ring", "Check the path; restore the file from a backup if it was one."},
    {Errc::newer_version, "was written by a newer version of Sealpost", "Use that version, or a newer one."},
    {Errc::truncated, "is cut short", "Restore it from a backup."},
    {Errc::damaged, "is damaged (its checksum does not fit)", "Restore it from a backup."},
    {Errc::wrong_key, "does not open with this key or passphrase",
     "Check that the key or passphrase is the one it was created with; if it is, the file has been tampered with: "
     "restore it from a backup."},
    {Errc::wrong_way, "is locked in another way (passphrase or key) than the one given",
     "Unlock it as it was created."},
    {Errc::bad_key_file, "does not hold a key (64 hex digits, or 43 of base64url)",
     "Restore it from a backup; without that key the ring stays closed."},
    {Errc::no_credential, "is not among the service's credentials",
     "Set LoadCredential= in the unit (systemd.exec(5)); outside of systemd use a key file."},
    {Errc::empty_passphrase, "is empty or not set", "Set it to the passphrase of the key ring."},
    {Errc::costly, "asks for argon2id parameters outside of what is allowed",
     "Restore it from a backup, or create it with allowed ones."},
    {Errc::no_memory, "needs more memory for argon2id than the system gives", "Free memory, or raise the limit."},
    {Errc::too_much, "would hold more keys or versions than a key ring may",
     "Remove keys that are no longer in force."},
    {Errc::io, "cannot be read or written", "Check the path, its permissions and the disk."},
};

const Words& words_of(Errc code) {
  for (const Words& each : words)
    if (each.code == code) return each;
  return words[std::size(words) - 1];
}

std::string with_place(std::string text, const std::string& place) {
  const auto at = text.find("%s");
  return at == std::string::npos ? text : text.replace(at, 2, place);
}

}  // namespace

ErrorCode make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

std::string Refusal::text() const {
  const Words& said = words_of(code);
  const std::string cause = system == 0 ? "" : std::string(" (") + std::strerror(system) + ")";
  return where + " " + said.wrong + cause + ". " + with_place(said.mend, where);
}

void throw_exception_from_error(const Refusal& refusal, const boost::source_location& location) {
  boost::throw_exception(std::runtime_error(refusal.text()), location);
}

}  // namespace sealpost::vault
