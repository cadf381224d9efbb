// What a client is sent.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "broker/guest.hpp"
#include "net/deadline.hpp"

namespace sealpost::broker {
namespace {

// Packets are gathered for one write up to here.
constexpr std::size_t output_max = 64 * 1024;

}  // namespace

bool Guest::pump(Session& session) {
  const std::lock_guard lock(mutex_);
  if (!engine_.accepted() || congested_) return false;
  while (!congested_ && sending_.send_one(broker_, session, engine_)) {
    if (engine_.output_size() > output_max) push_output();
  }
  return engine_.has_output() && !std::exchange(dirty_, true);
}

// A message that could not be stored is not refused, which would be the end of it: the client sends it again when it is
// back. The engine that is closing has let go of the session.
void Guest::decide_received(mqtt::PacketId packet_id, std::optional<mqtt::ReasonCode> reason) {
  const std::lock_guard lock(mutex_);
  if (!reason) engine_.disconnect(mqtt::ReasonCode::implementation_specific_error, storing_failed);
  if (engine_.closing())
    session_->state.decide_pending(packet_id, reason && !is_failure(*reason));
  else
    (void)engine_.pubrec(packet_id, *reason);
}

// And the input goes on if it waits and what it waits for is there.
void Guest::flush() {
  {
    const std::lock_guard lock(mutex_);
    dirty_ = false;
    push_output();
    if (engine_.closing()) close_channel();
    if (!parked_ || !may_go_on()) return;
    parked_ = false;
  }
  asio::post(broker_.ports().executor, [self = shared_from_this()] {
    self->work_off();
    self->run();
  });
}

// Who has said goodbye waits for nothing more, and nothing waits for him: no need to linger. Under the mutex.
void Guest::close_channel() {
  const bool at_once = said_goodbye_ && !channel_->peer().encrypted() && channel_->unsent() == 0;
  at_once ? channel_->abort() : channel_->close();
}

// Under the mutex.
bool Guest::may_go_on() {
  return engine_.closing() || (!congested_ && engine_.wants_input());
}

// Under the mutex, so that what is written keeps its order.
void Guest::push_output() {
  if (!engine_.has_output()) return;
  Bytes output;
  engine_.take_output(output);
  channel_->send(std::move(output));
  if (congested_ || channel_->unsent() <= broker_.limits().unsent_before_pausing) return;
  congested_ = true;
  asio::co_spawn(broker_.ports().executor, drain(shared_from_this()), asio::detached);
}

// Until the client has taken what it was sent; one that takes nothing for too long is cut.
asio::awaitable<void> Guest::drain(std::shared_ptr<Guest> self) {
  const std::shared_ptr<net::Channel> channel = self->channel_;
  const Limits& limits = self->broker_.limits();
  const auto stuck = [weak = std::weak_ptr(channel)] {
    if (const auto late = weak.lock()) late->abort();
  };
  while (channel->unsent() > limits.unsent_before_pausing / 2) {
    const net::Deadline deadline(self->broker_.ports().timers, std::chrono::milliseconds(limits.pause_max), stuck);
    const std::size_t unsent = channel->unsent();
    const auto shorter = co_await channel->drained(unsent);
    if (!shorter) break;  // it is over, and the input finds out
  }
  SessionPtr session;
  {
    const std::lock_guard lock(self->mutex_);
    self->congested_ = false;
    session = self->session_;
  }
  if (session) {
    const std::lock_guard lock(session->mutex);
    if (session->outlet == self) self->pump(*session);
  }
  self->flush();
}

}  // namespace sealpost::broker
