#include "auth/registration.hpp"

#include "base/encoding.hpp"

namespace sealpost::auth {

bool Registration::admits(const Permalink& client, std::string_view invite) const {
  switch (policy) {
    case Policy::open:
      return true;
    case Policy::invite:
      return !invite.empty() && invites.contains(to_hex(sha256(as_bytes(invite))));
    case Policy::listed:
      return listed.contains(client);
  }
  return false;
}

}  // namespace sealpost::auth
