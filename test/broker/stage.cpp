#include "broker/stage.hpp"

#include <boost/asio/executor_work_guard.hpp>

namespace sealpost::broker::test {
namespace {

constexpr std::string_view prefix = "open/";

mqtt::Limits all_of_mqtt() {
  mqtt::Limits limits;
  limits.maximum_qos = mqtt::Qos::exactly_once;
  limits.retain_available = limits.wildcard_subscriptions = true;
  limits.shared_subscriptions = limits.subscription_identifiers = true;
  limits.topic_alias_maximum = 10;
  return limits;
}

}  // namespace

struct Stage::Process {
  explicit Process(Stage& stage)
      : broker({context->get_executor(), stage.log, stage.clock, stage.timers, stage.sink, counters}, stage.limits),
        door{broker, stage.mqtt_limits, stage.random, [&stage](const mqtt::Connect&, std::string_view client_id) {
               return Admitted{std::string(prefix).append(client_id), stage.access_of(client_id)};
             }} {}

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{context->get_executor()};
  Counters counters;
  Broker broker;
  const Door door;
  std::vector<std::shared_ptr<Pipe>> pipes;
};

Stage::Stage() : Stage(Limits{}) {}

Stage::Stage(const Limits& chosen) : limits(chosen), mqtt_limits(all_of_mqtt()) {
  start();
}

Stage::~Stage() {
  end();
}

void Stage::start() {
  process_ = std::make_unique<Process>(*this);
  process_->broker.restore(stored(), [this](const std::string& key) { return access_of(key.substr(prefix.size())); });
}

// What the connections do when they are cut is not committed any more.
void Stage::end() {
  log.crash();
  timers.drop();
  process_->broker.dismiss_all(mqtt::ReasonCode::server_shutting_down, {});
  for (const auto& pipe : process_->pipes) pipe->hang_up();
  run();
  log.crash();
  timers.drop();
  process_->work.reset();
  process_.reset();  // the broker before the io_context, as in the server
}

void Stage::crash() {
  end();
  start();
}

void Stage::run() {
  process_->context->poll();
}

std::size_t Stage::commit(std::size_t count) {
  run();
  const std::size_t committed = log.flush_some(count);
  run();
  return committed;
}

void Stage::settle() {
  for (int rounds = 0; rounds < 100'000; ++rounds)
    if (commit() == 0) return;
  FAIL("it never comes to rest");
}

void Stage::advance(Millis by) {
  timers.advance(by);
  run();
}

std::shared_ptr<Pipe> Stage::dial() {
  process_->pipes.push_back(std::make_shared<Pipe>(process_->context->get_executor(), buffers));
  Guest::serve(process_->door, process_->pipes.back());
  return process_->pipes.back();
}

log::MqttState Stage::stored() {
  log::MqttState state;
  log.read([&state](log::Reader& reader) { state = reader.mqtt_state(); });
  log.flush();
  return state;
}

void Stage::publish(std::string_view topic, std::string_view payload, bool retain) {
  broker().publish(std::make_shared<const mqtt::Message>(topic, BytesView{}, as_bytes(payload),
                                                         mqtt::Qos::at_least_once, retain, mqtt::Message::never));
  run();
}

const Counters& Stage::counters() const {
  return process_->counters;
}

Broker& Stage::broker() {
  return process_->broker;
}

}  // namespace sealpost::broker::test
