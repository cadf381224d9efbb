#pragma once
// What is in a message: for people, and for who judges what the server delivers.

#include <optional>
#include <string>
#include <string_view>

#include "client/store.hpp"
#include "object/message.hpp"

namespace sealpost::client {

// The innermost message of an entry: of a relayed one, what its author wrote.
struct Letter {
  Permalink author;
  Link link;
  Millis time = 0;
  std::string type;     // the payload's `_t`
  std::string payload;  // canonical JSON
  std::optional<std::string> context;
  std::optional<Link> answers;
  bool relayed = false;
};

// None if it is no message (an erased one is not).
std::optional<Letter> letter_of(std::string_view stored);

// The key that signed it; none if it is no signed object.
std::optional<PublicKey> signer_of(std::string_view stored);

// A line of text for a person: the payload's member `text` where it has one, else its JSON. Safe for a terminal:
// control characters are escaped.
std::string line_of(const Letter&);
std::string safe_for_terminal(std::string_view text);

// The payload of a text that a person typed.
std::string text_payload(std::string_view text);

// What the server delivered, judged against what the store holds (PROTOCOL section 2).
struct Judged {
  enum class Place : std::uint8_t {
    next,       // continues the lane: to be stored, then acknowledged
    duplicate,  // stored already: to be acknowledged again
  };
  Place place = Place::next;
  Entry entry;
  std::optional<Store::Relayed> relayed;
  std::optional<object::Identity> introduced;  // a version of somebody's identity, checked
  ErrorCode problem;  // the server's message is in order, but what it carries from another client is not
};

// `server`: its versions. Errors: Errc::protocol where it is no message of that server for `self`, and
// Errc::histories_differ where it does not continue what came before.
Result<Judged> judge(const Store&, const Permalink& self, const std::vector<object::Identity>& server,
                     std::string_view text);

}  // namespace sealpost::client
