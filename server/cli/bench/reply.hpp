#pragma once
// A reply as the server stored it, read without building a tree: the load shares its cores with the server it measures.

#include <optional>
#include <string_view>

#include "object/keys.hpp"
#include "object/message.hpp"

namespace sealpost::cli::bench {

struct Reply {
  Permalink author;
  Permalink recipient;
  Seq n;
  Link previous;     // `_q`; none if n is 1
  Link in_reply_to;  // none if it answers nothing
  Link link;         // of this message
  PublicKey key;
  object::Signature signature;
};

// Reads canonical text only, with the members of a Message in their order and no `context`; none for anything else.
// The signature is not checked here.
std::optional<Reply> read_reply(std::string_view stored);

}  // namespace sealpost::cli::bench
