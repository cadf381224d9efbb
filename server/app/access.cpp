#include "app/access.hpp"

#include "auth/topic.hpp"
#include "pipeline/app.hpp"

namespace sealpost::app {
namespace {

constexpr std::string_view open_prefix = "open/", bot_prefix = "bot/";
constexpr std::string_view client_prefix = pipeline::AppService::key_prefix;

std::shared_ptr<const broker::Access> nothing() {
  return std::make_shared<broker::RuleAccess>(broker::Rules{}, "", "");
}

}  // namespace

void AppAccess::set(const AppSection& section) {
  Rules rules{{section.clients_publish, section.clients_subscribe}, {section.bots_publish, section.bots_subscribe}};
  rules.clients.subscribe.emplace_back("sp/%c/%d/#");  // the protocol's own, in the same session
  auto made = std::make_shared<const Rules>(std::move(rules));
  const std::lock_guard lock(mutex_);
  rules_ = std::move(made);
}

std::shared_ptr<const AppAccess::Rules> AppAccess::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

// "open/<client id>", "client/<permalink>.<device>", "bot/<name of its token>/<client id>".
std::shared_ptr<const broker::Access> AppAccess::of(std::string_view key) const {
  if (key.starts_with(open_prefix)) return std::make_shared<broker::OpenAccess>();
  if (key.starts_with(bot_prefix)) {
    const std::string_view rest = key.substr(bot_prefix.size());
    const auto slash = rest.find('/');
    return std::make_shared<broker::RuleAccess>(rules()->bots, rest.substr(0, slash), rest.substr(slash + 1));
  }
  const auto client = auth::parse_client_id(key.substr(std::min(key.size(), client_prefix.size())));
  if (!client) return nothing();
  return std::make_shared<broker::RuleAccess>(rules()->clients, client->client.hex(), client->device.text());
}

AppAccess::Answer AppAccess::admit_anybody(std::string_view client_id) const {
  std::string key = std::string(open_prefix).append(client_id);
  auto access = of(key);
  return broker::Admitted{std::move(key), std::move(access)};
}

AppAccess::Answer AppAccess::admit_bot(const mqtt::Connect& connect, std::string_view client_id) const {
  const auto name = tokens_.name_of(as_text(connect.password.value_or(BytesView{})));
  if (!name) return mqtt::ReasonCode::bad_user_name_or_password;
  std::string key = std::string(bot_prefix).append(*name).append("/").append(client_id);
  auto access = of(key);
  return broker::Admitted{std::move(key), std::move(access)};
}

}  // namespace sealpost::app
