#pragma once
// Who the client is: its identity and the key it signs with.

#include <string>
#include <vector>

#include "object/identity.hpp"

namespace sealpost::client {

struct Self {
  Permalink permalink;
  std::vector<std::string> versions;       // as signed, version 0 first
  const object::Signer* signer = nullptr;  // a `sign` key of the newest version; outlives every session
};

}  // namespace sealpost::client
