#pragma once
// Random I-JSON for property tests.

#include <rapidcheck.h>

#include <boost/json/value.hpp>
#include <cmath>
#include <string>

#include "object/json.hpp"

namespace sealpost::object {

inline void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

// Text from all planes, control characters included.
inline rc::Gen<std::string> some_text() {
  using rc::gen::inRange;
  const auto point = rc::gen::oneOf(inRange<std::uint32_t>(0, 0x80), inRange<std::uint32_t>(0x80, 0xD800),
                                    inRange<std::uint32_t>(0xE000, 0x10000), inRange<std::uint32_t>(0x10000, 0x110000));
  return rc::gen::map(rc::gen::container<std::vector<std::uint32_t>>(point), [](const auto& points) {
    std::string text;
    for (const std::uint32_t each : points) append_utf8(text, each);
    return text;
  });
}

inline boost::json::value draw_number() {
  if (*rc::gen::arbitrary<bool>()) return *rc::gen::inRange<std::int64_t>(-safe_integer_max, safe_integer_max + 1);
  const double drawn = *rc::gen::arbitrary<double>();
  if (drawn == std::trunc(drawn)) return static_cast<std::int64_t>(std::fmod(drawn, 1e15));
  return drawn;
}

inline boost::json::value draw_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return draw_number();
    case 3:
      return boost::json::string(*some_text());
    case 4: {
      boost::json::array array;
      for (int left = *rc::gen::inRange(0, 5); left > 0; --left) array.push_back(draw_value(depth - 1));
      return array;
    }
    default: {
      boost::json::object object;
      for (int left = *rc::gen::inRange(0, 6); left > 0; --left) object[*some_text()] = draw_value(depth - 1);
      return object;
    }
  }
}

inline rc::Gen<boost::json::value> some_value() {
  return rc::gen::exec([] { return draw_value(4); });
}

// An object with a type, without a signature, whose protocol fields are in form.
inline boost::json::object draw_fields() {
  boost::json::object fields;
  for (int left = *rc::gen::inRange(0, 6); left > 0; --left) {
    std::string key = *some_text();
    if (!key.starts_with('_')) fields[key] = draw_value(3);
  }
  fields["_t"] = "test." + *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
  return fields;
}

}  // namespace sealpost::object

namespace rc {
template <>
struct Arbitrary<boost::json::value> {
  static Gen<boost::json::value> arbitrary() { return sealpost::object::some_value(); }
};
inline void showValue(const boost::json::value& value, std::ostream& out) {
  out << value;
}
}  // namespace rc
