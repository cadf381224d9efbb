#include "object/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>

#include "object/utf8.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

// The least double that canonical form writes with an exponent (ECMAScript, Number::toString). Below it, a whole
// number beyond the safe range would be written as an integer literal that no parser of ours takes back.
constexpr double exponent_form_min = 1e21;

// Turns the parser's events into values, and refuses what I-JSON and the protocol do. Boost's own handler keeps the
// last of two members with one name, and rounds some doubles wrongly.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  explicit Builder(json::storage_ptr storage) : stack_({}, scratch_, sizeof scratch_) {
    stack_.reset(std::move(storage));
  }

  json::value release() { return stack_.release(); }
  std::size_t members() const { return members_; }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return true; }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }  // never whole: only before `incomplete`

  bool on_array_end(std::size_t n, ErrorCode&) {
    stack_.push_array(n);
    return true;
  }
  bool on_object_end(std::size_t n, ErrorCode&) {
    members_ += n;
    stack_.push_object(n);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view last, std::size_t, ErrorCode&) {
    stack_.push_key(last);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view last, std::size_t, ErrorCode&) {
    stack_.push_string(last);
    return true;
  }
  bool on_bool(bool value, ErrorCode&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(ErrorCode&) {
    stack_.push_null();
    return true;
  }
  bool on_int64(std::int64_t value, json::string_view, ErrorCode& error) {
    if (value > safe_integer_max || value < -safe_integer_max) return refuse(error, Errc::integer_range);
    stack_.push_int64(value);
    return true;
  }
  bool on_uint64(std::uint64_t, json::string_view, ErrorCode& error) { return refuse(error, Errc::integer_range); }
  bool on_double(double rough, json::string_view text, ErrorCode& error) {
    if (text.find_first_of(".eE") == json::string_view::npos) return refuse(error, Errc::integer_range);
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure == std::errc::result_out_of_range) {
      if (std::fabs(rough) > 1) return refuse(error, Errc::number_range);
      value = 0;  // it underflows
    }
    return push_double(value, error);
  }

 private:
  static bool refuse(ErrorCode& error, Errc why) {
    error = why;
    return false;
  }

  bool push_double(double value, ErrorCode& error) {
    const double size = std::fabs(value);
    if (size != std::trunc(size) || size >= exponent_form_min) {
      stack_.push_double(value);
    } else if (size <= static_cast<double>(safe_integer_max)) {
      stack_.push_int64(static_cast<std::int64_t>(value));
    } else {
      return refuse(error, Errc::integer_range);
    }
    return true;
  }

  unsigned char scratch_[4096];  // values on their way into an array or object: enough for most messages
  json::value_stack stack_;
  std::size_t members_ = 0;
};

std::size_t count_members(const json::value& value) {
  std::size_t count = 0;
  if (const auto* array = value.if_array()) {
    for (const json::value& element : *array) count += count_members(element);
  } else if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += count_members(member.value());
  }
  return count;
}

// Boost reports bad UTF-8 and some lone surrogates as bad syntax. Only a refused text is looked at again.
ErrorCode diagnose(const ErrorCode& error, std::string_view text) {
  if (error == json::error::too_deep) return Errc::too_deep;
  if (error == json::error::exponent_overflow) return Errc::number_range;
  if (error.category() != make_error_code(Errc::syntax).category()) {
    if (!is_utf8(text)) return Errc::invalid_utf8;
    if (has_lone_surrogate_escape(text)) return Errc::lone_surrogate;
    return Errc::syntax;
  }
  return error;
}

}  // namespace

Result<json::value> parse_json(std::string_view text, json::storage_ptr storage, const ParseLimits& limits) {
  if (text.size() > limits.bytes_max) return Errc::too_large;
  json::parse_options options;
  options.max_depth = limits.depth_max;
  json::basic_parser<Builder> parser(options, std::move(storage));
  ErrorCode error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) return diagnose(error, text);
  if (used != text.size()) return Errc::trailing_bytes;
  json::value value = parser.handler().release();
  // Of two members with one name the tree keeps one: it holds as many as were seen exactly if all differ.
  if (count_members(value) != parser.handler().members()) return Errc::duplicate_key;
  return value;
}

}  // namespace sealpost::object
