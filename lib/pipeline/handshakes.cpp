#include "pipeline/handshakes.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/serialize.hpp>

#include "pipeline/await.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

using Versions = std::vector<object::Identity>;

auth::ChallengeTerms terms_of(Services& services, bool binding) {
  auth::ChallengeTerms terms;
  terms.server = services.identity.permalink;
  for (const object::Identity& version : services.identity.versions) {
    terms.server_identity.emplace_back(version.stored());
    terms.server_links.push_back(version.link());
  }
  terms.nonce = services.random.bytes<32>();
  terms.received = terms.now = services.clock.now();
  terms.limits = {static_cast<std::int64_t>(services.limits.message_max), services.limits.window,
                  services.limits.session / 1000};
  terms.binding = binding;
  terms.issued = services.challenges_issued.fetch_add(1) + 1;
  return terms;
}

asio::awaitable<Versions> known_versions(Services& services, Permalink client) {
  using Events = std::vector<log::StoredEvent>;
  std::function<Events(log::Reader&)> ask = [client](log::Reader& reader) { return reader.identity_versions(client); };
  const Events events = co_await read<Events>(services.log, std::move(ask));
  Versions versions;
  for (const log::StoredEvent& event : events) {
    if (!event.draft.body) continue;
    auto version = object::Identity::parse(*event.draft.body);
    SEALPOST_ASSERT(version);  // it was read when it came in
    versions.push_back(std::move(*version));
  }
  co_return versions;
}

}  // namespace

Result<Challenged> challenge(Services& services, const Carrier& carrier, std::string_view hello) {
  auth::HelloContext context;
  if (carrier.mqtt_client_id) context.mqtt_client_id = *carrier.mqtt_client_id;
  context.endpoints = &services.endpoints;
  context.purposes = carrier.purposes;
  auto begun = auth::ServerHandshake::begin(hello, context);
  if (!begun) return begun.error();
  if (!services.door.admits_hello(carrier.address)) return auth::Errc::too_many;
  std::string text = begun->challenge(terms_of(services, carrier.exporter.has_value()), *services.identity.signer);
  return Challenged{std::move(*begun), std::move(text)};
}

asio::awaitable<Result<Admitted>> prove(Services& services, Clients& clients, Door& door,
                                        auth::ServerHandshake& handshake, Carrier carrier, std::string proof,
                                        std::shared_ptr<Connection> reauth_of) {
  if (!door.admits_proof(carrier.address, proof)) co_return auth::Errc::too_many;
  const Versions known = co_await known_versions(services, handshake.hello().client);
  const auto registration = services.registration.get();
  const auth::ProofContext context{&known, carrier.exporter, registration.get(), services.clock.now()};
  auto accepted = handshake.proof(proof, context);
  if (!accepted) co_return accepted.error();
  if (known.empty() && !door.admits_registration(carrier.address)) co_return auth::Errc::too_many;
  const std::shared_ptr<Client> client = clients.at(accepted->client);
  auto admission = client->admit(std::move(*accepted), handshake, std::move(reauth_of));
  Result<Admitted> admitted = co_await asio::co_spawn(client->strand(), std::move(admission), asio::use_awaitable);
  if (admitted) services.counters.handshakes_total.add();
  co_return admitted;
}

void note_failure(Services& services, const Carrier& carrier, std::string_view who, const ErrorCode& error) {
  services.counters.handshakes_failed_total.add();
  // A stranger must not fill the disk: past the rate, the counter is all.
  if (!services.security_events.take(steady_ms(services.clock))) return;
  services.sink.write(Level::warn, "auth",
                      fmt::format("handshake of {} from {} failed: {}", who, carrier.address, error.message()));
  log::Draft draft;
  draft.kind = log::Kind::security;
  draft.type = error.message();
  const boost::json::object body{{"address", carrier.address}, {"who", who}};
  draft.body = std::make_shared<const std::string>(boost::json::serialize(body));
  log::Transaction transaction;
  transaction.drafts.push_back(std::move(draft));
  services.log.append(std::move(transaction), [](const Result<log::Appended>&) {});
}

}  // namespace sealpost::pipeline
