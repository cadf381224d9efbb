#include "mqtt/packet.hpp"

namespace sealpost::mqtt {

std::uint32_t Connect::session_expiry() const {
  if (version == Version::v311) return clean_start ? 0 : session_never_expires;
  return properties.session_expiry.value_or(0);
}

}  // namespace sealpost::mqtt
