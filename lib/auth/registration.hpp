#pragma once
// Who may register an identity that is not known yet.

#include <string>
#include <string_view>
#include <unordered_set>

#include "base/ids.hpp"
#include "base/sha256.hpp"

namespace sealpost::auth {

struct Registration {
  enum class Policy : std::uint8_t { open, invite, listed };

  Policy policy = Policy::open;
  std::unordered_set<std::string> invites;  // SHA-256 of each code, in hex: who reads the configuration has no code
  std::unordered_set<Permalink> listed;

  bool admits(const Permalink& client, std::string_view invite) const;
};

}  // namespace sealpost::auth
