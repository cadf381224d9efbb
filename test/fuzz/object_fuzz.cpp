// Any bytes are an object or are refused; an object's stored form is its own stored form, under the same link.

#include "base/assert.hpp"
#include "object/canonical.hpp"
#include "object/identity.hpp"
#include "object/message.hpp"
#include "object/object.hpp"

using namespace sealpost;
using namespace sealpost::object;

namespace {

// The native form is a fixed point: what the server stores it can read again, as the same object.
void check_stored_form(const Object& object, const ParseLimits& limits) {
  const auto again = Object::parse(object.stored(), limits);
  SEALPOST_ASSERT(again.has_value());
  SEALPOST_ASSERT(again->stored() == object.stored() && again->link() == object.link());
  SEALPOST_ASSERT(canonicalize(object.fields()) == object.stored());
}

// The link found by cutting `_s` out equals the link of the object prepared without it.
void check_link(const Object& object) {
  boost::json::object fields = object.fields();
  fields.erase("_s");
  SEALPOST_ASSERT(prepare(fields).link() == object.link());
}

void check_types(const Object& object) {
  if (const auto message = Message::read(object))
    SEALPOST_ASSERT(message->n().value > 0 && !message->payload().empty());
  if (const auto identity = Identity::read(object)) {
    SEALPOST_ASSERT(identity->keys().size() <= identity_keys_max);
    (void)check_first(*identity);
    (void)check_next(*identity, *identity);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = parse_json(text)) {
    const std::string canonical = canonicalize(*value);
    const auto again = parse_json(canonical);
    SEALPOST_ASSERT(again.has_value() && *again == *value);
  }
  const ParseLimits limits = client_limits(std::size_t{1} << 16);
  const auto object = Object::parse(text, limits);
  if (!object) return 0;
  check_stored_form(*object, limits);
  check_link(*object);
  check_types(*object);
  return 0;
}
