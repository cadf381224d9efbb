// What can be read: about the server, identities, and clients.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>

#include "api/api.hpp"
#include "api/problem.hpp"
#include "pipeline/await.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::int64_t page_max = 100;

json::object lanes_of(const log::ClientState& state) {
  json::array devices;
  for (const log::DeviceState& device : state.devices)
    devices.push_back({{"device", device.device.text()},
                       {"received", device.in.seq.value},
                       {"acked", device.acked.value},
                       {"epoch", device.epoch.value},
                       {"shut", device.shut},
                       {"lastSeen", device.last_seen}});
  return {{"permalink", state.client.hex()},
          {"identity", state.identity.hex()},
          {"sent", state.out.seq.value},
          {"devices", std::move(devices)}};
}

json::array parsed(const std::vector<std::string_view>& texts) {
  json::array values;
  for (const std::string_view text : texts)
    if (const auto value = object::parse_json(text)) values.push_back(*value);
  return values;
}

}  // namespace

asio::awaitable<net::Response> Api::info(Call) {
  const auto& limits = services_.limits;
  json::array endpoints;
  for (const std::string& endpoint : services_.endpoints) endpoints.push_back(json::string(endpoint));
  const auto& identity = services_.identity;
  co_return json_response(200, json::object{{"name", identity.versions.back().name().value_or("")},
                                            {"version", SEALPOST_VERSION},
                                            {"permalink", identity.permalink.hex()},
                                            {"log", services_.log.id().text()},
                                            {"endpoints", std::move(endpoints)},
                                            {"limits",
                                             {{"maxMessage", limits.message_max},
                                              {"window", limits.window},
                                              {"sessionSeconds", limits.session / 1000}}}});
}

asio::awaitable<net::Response> Api::server_identity(Call) {
  const auto& versions = services_.identity.versions;
  std::vector<std::string_view> texts;
  texts.reserve(versions.size());
  for (const object::Identity& version : versions) texts.push_back(version.stored());
  co_return json_response(200,
                          json::object{{"permalink", services_.identity.permalink.hex()}, {"versions", parsed(texts)}});
}

asio::awaitable<net::Response> Api::identity(Call call) {
  const auto permalink = Permalink::from_hex(call.parts["permalink"]);
  if (!permalink) co_return problem(400, "malformed", "A permalink is 64 lower-case hex digits.");
  using Events = std::vector<log::StoredEvent>;
  std::function<Events(log::Reader&)> ask = [who = *permalink](log::Reader& reader) {
    return reader.identity_versions(who);
  };
  const Events events = co_await pipeline::read<Events>(services_.log, std::move(ask));
  if (events.empty()) co_return problem(404, "unknown_client", "No identity of that permalink is known here.");
  std::vector<std::string_view> texts;
  for (const log::StoredEvent& event : events)
    if (event.draft.body) texts.push_back(*event.draft.body);
  co_return json_response(200, json::object{{"permalink", permalink->hex()}, {"versions", parsed(texts)}});
}

asio::awaitable<net::Response> Api::clients(Call call) {
  const auto limit = call.number("limit", page_max, 1, page_max);
  const auto given = call.query.find("after");
  const auto after = given == call.query.end() ? Permalink{} : Permalink::from_hex(given->second);
  if (!limit || !after)
    co_return problem(400, "malformed", "`after` is a permalink, `limit` a whole number from 1 to 100.");
  using States = std::vector<log::ClientState>;
  std::function<States(log::Reader&)> ask = [from = *after, count = static_cast<std::size_t>(*limit)](
                                                log::Reader& reader) { return reader.clients(from, count); };
  const States states = co_await pipeline::read<States>(services_.log, std::move(ask));
  json::array list;
  for (const log::ClientState& state : states) list.push_back(lanes_of(state));
  co_return json_response(200, json::object{{"clients", std::move(list)}});
}

asio::awaitable<net::Response> Api::client(Call call) {
  const auto permalink = Permalink::from_hex(call.parts["permalink"]);
  if (!permalink) co_return problem(400, "malformed", "A permalink is 64 lower-case hex digits.");
  using State = std::optional<log::ClientState>;
  std::function<State(log::Reader&)> ask = [who = *permalink](log::Reader& reader) { return reader.client(who); };
  const State state = co_await pipeline::read<State>(services_.log, std::move(ask));
  if (!state || state->identity.is_none())
    co_return problem(404, "unknown_client", "No client of that permalink has registered here.");
  json::object answer = lanes_of(*state);
  json::array connected;
  if (const auto live = clients_.find(*permalink)) {
    auto asking = connected_devices(live);
    const auto devices = co_await asio::co_spawn(live->strand(), std::move(asking), asio::use_awaitable);
    for (const Device& device : devices) connected.push_back(json::string(device.text()));
  }
  answer["connected"] = std::move(connected);
  co_return json_response(200, answer);
}

// On the client's strand.
asio::awaitable<std::vector<Device>> Api::connected_devices(std::shared_ptr<pipeline::Client> client) {
  std::vector<Device> connected;
  for (const auto& device : client->devices())
    if (device.connected) connected.push_back(device.device);
  co_return connected;
}

}  // namespace sealpost::api
