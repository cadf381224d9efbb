#pragma once
// The one seam for objects of another make. An identity has one dialect for life: what it signs is parsed, linked and
// verified by that dialect, and nothing else in the server needs to know which one it is.

#include <string_view>

#include "object/object.hpp"

namespace sealpost::object {

class Dialect {
 public:
  virtual ~Dialect() = default;

  // Names the dialect where it is stored with an identity.
  virtual std::string_view name() const = 0;
  // The object's form, its stored text and its link.
  virtual Result<Object> parse(std::string_view text, const ParseLimits&) const = 0;
  // Does `signature` hold for an object with this link? Any thread may call.
  virtual bool verify(const Link&, const SignaturePart& signature) const = 0;
};

// PROTOCOL section 1.
const Dialect& native();

// The dialect of that name, or null.
const Dialect* dialect_named(std::string_view name);

}  // namespace sealpost::object
