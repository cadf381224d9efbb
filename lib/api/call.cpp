#include "api/call.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "object/json.hpp"

namespace sealpost::api {

std::optional<std::int64_t> Call::number(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                         std::int64_t most) const {
  const auto found = query.find(name);
  if (found == query.end()) return otherwise;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value < least || value > most) return std::nullopt;
  return value;
}

Result<boost::json::object> Call::json() const {
  auto value = object::parse_json(request.body, {}, object::client_limits(request.body.size()));
  if (!value) return value.error();
  if (!value->is_object()) return object::Errc::not_object;
  return std::move(value->as_object());
}

bool read_target(std::string_view target, Call& call) {
  const auto url = boost::urls::parse_origin_form({target.data(), target.size()});
  if (!url) return false;
  call.path = url->path();
  for (const auto& parameter : url->params()) call.query[parameter.key] = parameter.value;
  return true;
}

}  // namespace sealpost::api
