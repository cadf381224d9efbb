#pragma once
// Writes what clients, bots and MQTT sessions would have a log store: transactions of all kinds, by dice, each lawful
// after those before it; and now and then one that is not.

#include "model.hpp"
#include "platter.hpp"

namespace sealpost::power {

int roll(Dice&, int below);  // 0 to below - 1
bool chance(Dice&, int percent);

class Author {
 public:
  // `bodies_max`: bytes of the longest bodies.
  Author(Dice& dice, int bodies_max) : dice_(dice), bodies_max_(bodies_max) {}

  // The next transaction for a log that has what the model says.
  log::Transaction lawful(const Model&);
  // One that it must refuse.
  log::Transaction unlawful(const Model&);

 private:
  using Drafts = std::vector<log::Draft>;

  Drafts events(const Model&);
  log::Draft epoch(ClientModel&, const Permalink&, const std::string& device);
  log::Draft identity(ClientModel&, const Permalink&);
  Drafts ins(const Model&, const Permalink&, int count);
  Drafts outs(ClientModel, const Permalink&, int count);
  Drafts reply(const Model&, const Permalink&);
  Drafts carry_out_intent(const Model&, const Permalink&);
  log::Draft security(const Permalink&);
  log::MqttWrites rows(const MqttModel&);
  void add_rows(MqttModel&, log::MqttWrites&);
  log::MqttWrites publish(const MqttModel&);
  log::MqttWrite drop_delivery(const MqttModel&);
  log::MqttMessage message(std::int64_t id);
  log::Body body();
  Permalink someone();
  std::string fresh(std::string_view what);  // never said before

  Dice& dice_;
  const int bodies_max_;
  std::uint64_t said_ = 0;
  std::int64_t messages_ = 0;
};

}  // namespace sealpost::power
