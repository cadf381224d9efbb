#include "base/ids.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace sealpost {

template <class Tag>
std::optional<Name32<Tag>> Name32<Tag>::from_hex(std::string_view text) {
  Name32 name;
  if (!sealpost::from_hex(text, name.bytes)) return std::nullopt;
  return name;
}

template <class Tag>
std::string Name32<Tag>::hex() const {
  return to_hex(bytes);
}

template struct Name32<LinkTag>;
template struct Name32<PermalinkTag>;
template struct Name32<PublicKeyTag>;

std::optional<Device> Device::parse(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (text.empty() || text.size() > 32 || !std::ranges::all_of(text, allowed)) return std::nullopt;
  Device device;
  device.text_ = text;
  return device;
}

}  // namespace sealpost
