#pragma once
// One request, taken apart for the routes: path, query, caller, body. A route throws nothing and returns a Response.

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"

namespace sealpost::api {

// Who calls, once that has been checked.
struct Caller {
  std::string id;  // scope of its idempotency keys: the token's name, or "local" for a peer of the Unix socket
  bool bot = false;
};

struct Call {
  net::Request request;
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded; of a repeated name the last
  std::map<std::string, std::string> parts;  // what the pattern's {names} stand for
  Caller caller;

  // A whole number in the query, between the bounds; `otherwise` if there is none, nothing if it is not one.
  std::optional<std::int64_t> number(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                     std::int64_t most) const;
  // The body as a JSON object; strict I-JSON.
  Result<boost::json::object> json() const;
};

// Splits the target; false if it is not one.
bool read_target(std::string_view target, Call&);

}  // namespace sealpost::api
