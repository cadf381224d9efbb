#include "broker/guest.hpp"

#include <boost/asio/post.hpp>

namespace sealpost::broker {

Guest::Guest(const Door& door, std::shared_ptr<net::Channel> channel)
    : door_(door), broker_(door.broker), channel_(std::move(channel)), engine_(door.limits, broker_.now()) {}

Guest::~Guest() = default;

void Guest::serve(const Door& door, std::shared_ptr<net::Channel> channel) {
  const auto guest = std::make_shared<Guest>(door, std::move(channel));
  const auto too_late = [weak = std::weak_ptr(guest->channel_)] {
    if (const auto late = weak.lock()) late->abort();
  };
  const Limits& limits = guest->broker_.limits();
  guest->deadline_ = guest->broker_.ports().timers.after(std::chrono::milliseconds(limits.unproven), too_late);
  guest->run();
}

void Guest::run() {
  while (read()) {
  }
}

// False: it waits for something that calls run() again, or it is over.
bool Guest::read() {
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    over = engine_.closing();
    parked_ = !over && (congested_ || !engine_.wants_input());
    if (parked_) return false;
  }
  if (over) {
    finish();
    return false;
  }
  if (std::exchange(stalled_, false)) {  // what it was stalled by is answered: first what came behind that
    work_off();
    return true;
  }
  const auto received = channel_->try_receive();
  if (!received) {
    channel_->when_input([self = shared_from_this()] { self->run(); });
    return false;
  }
  if (!*received) {
    finish();
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    engine_.receive((*received)->view(), broker_.now());
  }
  work_off();
  return true;
}

// Everything that the engine understands of what was received; then the answers go out together.
void Guest::work_off() {
  for (;;) {
    std::optional<mqtt::Event> event;
    {
      const std::lock_guard lock(mutex_);
      event = engine_.next();
      if (!event) stalled_ = !engine_.wants_input();
    }
    if (!event) break;
    std::visit([this](const auto& received) { on(received); }, *event);
  }
  wakes_.flush();
  flush();
}

void Guest::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    engine_.disconnect(mqtt::ReasonCode::unspecified_error);
    push_output();
    broker_.ports().timers.cancel(std::exchange(deadline_, 0));
  }
  if (session_) broker_.close(session_, this);
  const std::lock_guard lock(mutex_);
  close_channel();
}

void Guest::dismiss(mqtt::ReasonCode reason, std::string_view why) {
  const std::lock_guard lock(mutex_);
  engine_.disconnect(reason, why);
  push_output();
  channel_->close();
  if (std::exchange(parked_, false)) asio::post(broker_.ports().executor, [self = shared_from_this()] { self->run(); });
}

// Under the mutex.
void Guest::watch_keep_alive() {
  const auto at = engine_.deadline();
  if (!at || finished_) return;
  const auto due = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_deadline();
  };
  const Millis left = std::max<Millis>(*at - broker_.now(), 1);
  deadline_ = broker_.ports().timers.after(std::chrono::milliseconds(left), due);
}

void Guest::on_deadline() {
  bool expired = false;
  {
    const std::lock_guard lock(mutex_);
    if (congested_) engine_.excuse_silence(broker_.now());
    expired = engine_.expire(broker_.now());
    if (!expired) watch_keep_alive();
  }
  if (expired) flush();
}

}  // namespace sealpost::broker
