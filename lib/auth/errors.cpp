#include "auth/errors.hpp"

#include <array>
#include <string>

namespace sealpost::auth {
namespace {

constexpr std::array names = {
    "malformed",      "wrong_client_id", "wrong_endpoint", "wrong_purpose",  "wrong_session",  "wrong_challenge",
    "expired",        "stale_challenge", "wrong_author",   "wrong_key",      "bad_signature",  "wrong_binding",
    "bad_identity",   "identity_fork",   "key_claimed",    "unknown_client", "not_registered", "too_many_devices",
    "device_retired", "bad_ticket",      "too_many",       "wrong_server",   "not_logged"};
static_assert(names.size() == static_cast<std::size_t>(Errc::not_logged));

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sealpost.auth"; }
  std::string message(int value) const override { return std::string(auth::name(static_cast<Errc>(value))); }
};

}  // namespace

std::string_view name(Errc code) {
  return names.at(static_cast<std::size_t>(code) - 1);
}

ErrorCode make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace sealpost::auth
