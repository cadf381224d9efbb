// Any bytes as what a server delivers, as a person's client shows it: nothing reaches the terminal but text, a letter
// is what the message says, and what a person types comes back as it was typed.

#include <algorithm>

#include "base/assert.hpp"
#include "client/letter.hpp"
#include "object/json.hpp"
#include "object/utf8.hpp"
#include "script.hpp"

using namespace sealpost;
using namespace sealpost::client;

namespace {

bool is_control(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
}

void check_shown(std::string_view shown, std::string_view text) {
  SEALPOST_ASSERT(std::ranges::none_of(shown, is_control) && shown.find("\xc2\x9b") == std::string_view::npos);
  SEALPOST_ASSERT(shown.size() <= 4 * text.size() + 100);
  SEALPOST_ASSERT(safe_for_terminal(shown) == shown);
}

// Of a message that wraps another the inner one; of any, what object::Message reads.
void check_letter(std::string_view stored) {
  const auto letter = letter_of(stored);
  const auto object = object::Object::parse(stored);
  SEALPOST_ASSERT(!letter || object.has_value());
  if (!letter) return;
  const auto message = object::Message::read(*object);
  SEALPOST_ASSERT(message.has_value());
  check_shown(line_of(*letter), stored);
  if (message->payload_type() == object::message_type) {
    SEALPOST_ASSERT(letter->relayed);
    return;
  }
  SEALPOST_ASSERT(!letter->relayed && letter->author == message->author() && letter->link == message->link());
  SEALPOST_ASSERT(letter->payload == message->payload() && letter->type == message->payload_type());
  SEALPOST_ASSERT(letter->time == message->time() && letter->answers == message->in_reply_to());
}

void check_typed(std::string_view text) {
  check_shown(safe_for_terminal(text), text);
  const auto payload = object::parse_json(text_payload(text));
  SEALPOST_ASSERT(payload.has_value() == object::is_utf8(text));
  if (!payload) return;
  const auto back = object::text_of(object::find(payload->as_object(), "text"));
  SEALPOST_ASSERT(back && *back == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Script script({data, size});
  const bool typed = script.byte() % 4 == 0;
  const std::string_view text = as_text(script.bytes(1 << 14));
  if (typed) {
    check_typed(text);
  } else {
    check_letter(text);
    (void)signer_of(text);
  }
  return 0;
}
