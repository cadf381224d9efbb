#pragma once
// Answers of the REST interface: JSON, and errors as problem+json (RFC 9457) with a stable `code`.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace sealpost::api {

// As net::problem(); a 401 names the scheme of Authorization.
net::Response problem(int status, std::string_view code, std::string_view detail);
net::Response json_response(int status, const boost::json::value&);
net::Response text_response(int status, std::string text, std::string_view content_type);

}  // namespace sealpost::api
