#include "world.hpp"

namespace sealpost::sim {
namespace {

// Within this much virtual time after the last fault, and so many steps, all has to be at rest.
constexpr Millis rest_within = 900'000;
constexpr std::uint64_t steps_max = 400'000;

// The server knows, durably, that the device has everything.
bool all_acked(log::Reader& store, const Phone& phone) {
  const auto state = store.client(phone.owner().permalink());
  if (!state) return false;
  const auto device = std::ranges::find(state->devices, phone.store().label, &log::DeviceState::device);
  return device != state->devices.end() && device->acked == state->out.seq;
}

}  // namespace

World::World(std::uint64_t seed, bool printing)
    : seed_(seed),
      scene_(seed, printing),
      dice_(scene_.fork()),
      random_(scene_.fork()),
      server_(scene_, judge_),
      outsider_(random_, "outsider"),
      budget_(scene_.weather.messages) {
  counting = &scene_.coverage;
  for (std::size_t c = 0; c < scene_.weather.clients; ++c) {
    people_.push_back(std::make_unique<Person>(random_, fmt::format("client {}", c)));
    Town& town = *this;
    const std::size_t devices = 1 + dice_.below(scene_.weather.devices_max);
    for (std::size_t d = 0; d < devices; ++d)
      phones_.push_back(std::make_unique<Phone>(scene_, judge_, town, *people_.back(), fmt::format("{}-{}", c, d)));
  }
}

World::~World() {
  phones_.clear();
  counting = nullptr;
}

std::shared_ptr<Line> World::dial(const std::string& address) {
  const auto line = std::make_shared<Line>(scene_, ++lines_, address);
  server_.accept(line);
  return line;
}

Permalink World::somebody() {
  return people_[dice_.below(people_.size())]->permalink();
}

Permalink World::nobody() {
  Permalink unknown;
  random_.fill(unknown.bytes);
  return unknown;
}

void World::step() {
  if (!scene_.schedule.run_next()) return scene_.fail("there is nothing to do, ever");
  server_.settle();
}

void World::write_later(Phone& phone) {
  scene_.schedule.after(dice_.between(1, 2 * scene_.weather.write_pause), [this, &phone] {
    if (scene_.calm || budget_ == 0) return;
    --budget_;
    phone.write();
    write_later(phone);
  });
}

void World::be_unsafe() {
  server_.start();
  for (const auto& phone : phones_) {
    phone->start();
    write_later(*phone);
  }
  next_fault();
  while (scene_.schedule.now() < scene_.weather.safety && !scene_.violation()) step();
}

void World::come_to_rest() {
  scene_.say("-- no faults any more");
  scene_.calm = true;
  scene_.disarm();
  server_.disk_health() = {};
  if (dice_.chance(0.5)) server_.clock().skew = 0;
  for (const auto& phone : phones_) phone->calm_down();
  const Millis until = scene_.schedule.now() + rest_within;
  Millis look = 0;
  while (!scene_.violation()) {
    step();
    if (scene_.schedule.now() < look) continue;
    look = scene_.schedule.now() + 250;
    if (at_rest()) return;
    if (scene_.schedule.now() < until && scene_.schedule.steps() < steps_max) continue;
    std::string who;
    for (const auto& phone : phones_)
      if (!phone->at_rest()) who += "\n    " + phone->standing();
    if (!server_.idle()) who += "\n    the server has something under way";
    scene_.fail("it does not come to rest" + who);
  }
}

bool World::at_rest() {
  if (!server_.idle()) return false;
  log::MemoryStore& store = server_.disk().store();
  for (const auto& phone : phones_)
    if (!phone->at_rest() || !all_acked(store, *phone)) return false;
  return store.work(log::Feed::in, std::string(Judge::bot_consumer), {}, 1).empty() &&
         store.work(log::Feed::intents, std::string(log::intents_consumer), {}, 1).empty();
}

void World::check() {
  const auto again = server_.disk().again(nullptr);
  judge_.check_views(server_.disk().store(), *again);
  judge_.check_at_rest();
  for (const auto& phone : phones_) phone->check();
}

Outcome World::run() {
  be_unsafe();
  if (!scene_.violation()) come_to_rest();
  if (!scene_.violation()) check();
  return {seed_, scene_.trace.hash(), scene_.schedule.steps(), scene_.coverage, scene_.violation()};
}

}  // namespace sealpost::sim
