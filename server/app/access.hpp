#pragma once
// Who may do what in ordinary MQTT, by the rules in force: for each kind of client.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api/tokens.hpp"
#include "app/configuration.hpp"
#include "broker/guest.hpp"
#include "broker/rules.hpp"

namespace sealpost::app {

// Any thread.
class AppAccess {
 public:
  AppAccess(const AppSection& section, api::Tokens& tokens) : tokens_(tokens) { set(section); }

  // From now on; the sessions that are there are the caller's to renew.
  void set(const AppSection&);

  // Whose session it is stands at the beginning of its key.
  std::shared_ptr<const broker::Access> of(std::string_view key) const;

  // For the listeners: anybody; those with a token.
  using Answer = boost::system::result<broker::Admitted, mqtt::ReasonCode>;
  Answer admit_anybody(std::string_view client_id) const;
  Answer admit_bot(const mqtt::Connect&, std::string_view client_id) const;

 private:
  struct Rules {
    broker::Rules clients;
    broker::Rules bots;
  };
  std::shared_ptr<const Rules> rules() const;

  api::Tokens& tokens_;
  mutable std::mutex mutex_;  // a leaf
  std::shared_ptr<const Rules> rules_;
};

}  // namespace sealpost::app
