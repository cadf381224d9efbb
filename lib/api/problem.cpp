#include "api/problem.hpp"

#include <boost/json/serialize.hpp>

namespace sealpost::api {

net::Response problem(int status, std::string_view code, std::string_view detail) {
  net::Response response = net::problem(status, code, detail);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

net::Response json_response(int status, const boost::json::value& value) {
  return text_response(status, boost::json::serialize(value), "application/json");
}

net::Response text_response(int status, std::string text, std::string_view content_type) {
  net::Response response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(text);
  return response;
}

}  // namespace sealpost::api
