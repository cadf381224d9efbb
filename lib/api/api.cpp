#include "api/api.hpp"

#include <boost/url/grammar/ci_string.hpp>

#include "api/problem.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_variable(const std::string& segment) {
  return segment.starts_with('{');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
             std::map<std::string, std::string>& parts) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (is_variable(pattern[i]))
      parts[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    else if (pattern[i] != path[i])
      return false;
  }
  return true;
}

}  // namespace

Api::Api(pipeline::Services& services, pipeline::Clients& clients, pipeline::Door& door, Tokens& tokens,
         bot::Feed* feed, Options options)
    : services_(services), clients_(clients), door_(door), tokens_(tokens), feed_(feed), options_(std::move(options)) {
  const auto to = [this](asio::awaitable<net::Response> (Api::*method)(Call)) {
    return [this, method](Call call) { return (this->*method)(std::move(call)); };
  };
  add("POST", "/v1/auth/hello", Access::anybody, to(&Api::hello));
  add("POST", "/v1/auth/proof", Access::anybody, to(&Api::proof));
  add("GET", "/v1/info", Access::anybody, to(&Api::info));
  add("GET", "/v1/identity", Access::anybody, to(&Api::server_identity));
  add("GET", "/v1/identities/{permalink}", Access::bot, to(&Api::identity));
  add("GET", "/v1/updates", Access::bot, to(&Api::updates));
  add("POST", "/v1/updates/ack", Access::bot, to(&Api::acknowledge));
  add("POST", "/v1/messages", Access::bot, to(&Api::send));
  add("GET", "/v1/clients", Access::bot, to(&Api::clients));
  add("GET", "/v1/clients/{permalink}", Access::bot, to(&Api::client));
  add("GET", "/livez", Access::anybody, to(&Api::live), true);
  add("GET", "/readyz", Access::anybody, to(&Api::ready), true);
  add("GET", "/metrics", Access::anybody, to(&Api::metrics), true);
}

void Api::add(std::string method, std::string_view pattern, Access access, Route route, bool health) {
  entries_.push_back({std::move(method), segments_of(pattern), access, health, std::move(route)});
}

net::Handler Api::handler(Serves serves) {
  return [this, serves](net::Request request) { return dispatch(std::move(request), serves); };
}

net::Judge Api::judge() {
  return [this](const net::Request& request, const net::Peer& peer) -> net::Standing {
    if (caller_of(request, peer)) return {options_.body_max, true};
    Call call;
    const bool proof = read_target(request.target, call) && call.path == "/v1/auth/proof";
    return {proof ? options_.proof_bytes_max : auth::hello_bytes_max, false};
  };
}

asio::awaitable<net::Response> Api::dispatch(net::Request request, Serves serves) {
  Call call;
  call.request = std::move(request);
  if (!read_target(call.request.target, call)) co_return problem(400, "malformed", "The target is not a path.");
  std::string allowed;
  const Entry* entry = find(call, serves, allowed);
  if (entry == nullptr && !allowed.empty()) {
    net::Response response = problem(405, "method_not_allowed", "This path is known, but not with this method.");
    response.headers.emplace_back("Allow", std::move(allowed));
    co_return response;
  }
  if (entry == nullptr) co_return problem(404, "not_found", "No such path here; see proto/openapi.yaml.");
  if (const auto caller = caller_of(call.request, call.request.peer)) call.caller = *caller;
  if (entry->access == Access::bot && !call.caller.bot)
    co_return problem(401, "not_authorized",
                      "Send a bot's token as `Authorization: Bearer TOKEN`; `sealpost token make` gives one.");
  co_return co_await entry->route(std::move(call));
}

// `allowed`: where there is the path but not the method, the methods that there are.
const Api::Entry* Api::find(Call& call, Serves serves, std::string& allowed) const {
  const std::vector<std::string> path = segments_of(call.path.starts_with('/') ? call.path : "/");
  for (const Entry& entry : entries_) {
    const bool served = entry.health ? serves.health : serves.api;
    std::map<std::string, std::string> parts;
    if (!served || !matches(entry.pattern, path, parts)) continue;
    if (entry.method != call.request.method) {
      allowed += (allowed.empty() ? "" : ", ") + entry.method + (entry.method == "GET" ? ", HEAD" : "");
      continue;
    }
    call.parts = std::move(parts);
    return &entry;
  }
  return nullptr;
}

// By token, or as the user of the Unix socket.
std::optional<Caller> Api::caller_of(const net::Request& request, const net::Peer& peer) const {
  constexpr std::string_view scheme = "Bearer ";  // in any case (RFC 9110, section 11.1)
  const std::string_view header = request.header("authorization");
  if (boost::urls::grammar::ci_is_equal(header.substr(0, scheme.size()), scheme)) {
    const auto name = tokens_.name_of(header.substr(scheme.size()));
    if (!name) return std::nullopt;
    return Caller{"token/" + *name, true};
  }
  const auto uid = peer.uid;
  if (uid && (*uid == options_.local_uid || *uid == 0)) return Caller{"local", true};
  return std::nullopt;
}

}  // namespace sealpost::api
