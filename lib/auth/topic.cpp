#include "auth/topic.hpp"

#include <array>

namespace sealpost::auth {
namespace {

constexpr std::string_view root = "sp";
constexpr std::array<std::string_view, 5> leaf_names{"outbox", "inbox", "ack", "reject", "light"};
constexpr std::size_t permalink_digits = 64;

std::optional<Leaf> leaf_named(std::string_view text) {
  for (std::size_t i = 0; i < leaf_names.size(); ++i)
    if (leaf_names[i] == text) return static_cast<Leaf>(i);
  return std::nullopt;
}

// Permalink and device with one character between them.
std::optional<ClientId> parse_joined(std::string_view text, char between) {
  if (text.size() <= permalink_digits || text[permalink_digits] != between) return std::nullopt;
  const auto client = Permalink::from_hex(text.substr(0, permalink_digits));
  const auto device = Device::parse(text.substr(permalink_digits + 1));
  if (!client || !device) return std::nullopt;
  return ClientId{*client, *device};
}

}  // namespace

std::string ClientId::text() const {
  return client.hex() + '.' + device.text();
}

std::optional<ClientId> parse_client_id(std::string_view text) {
  return parse_joined(text, '.');
}

std::string_view name(Leaf leaf) {
  return leaf_names.at(static_cast<std::size_t>(leaf));
}

std::string Place::topic() const {
  std::string topic(root);
  topic.append("/").append(owner.client.hex()).append("/").append(owner.device.text());
  return topic.append("/").append(name(leaf));
}

std::optional<Place> parse_place(std::string_view topic) {
  if (!is_under_sp(topic) || topic == root) return std::nullopt;
  topic.remove_prefix(root.size() + 1);
  const std::size_t last = topic.rfind('/');
  if (last == std::string_view::npos) return std::nullopt;
  const auto owner = parse_joined(topic.substr(0, last), '/');
  const auto leaf = leaf_named(topic.substr(last + 1));
  if (!owner || !leaf) return std::nullopt;
  return Place{*owner, *leaf};
}

bool is_under_sp(std::string_view topic) {
  return topic == root || (topic.starts_with(root) && topic[root.size()] == '/');
}

}  // namespace sealpost::auth
