#include "lane/outbound.hpp"

namespace sealpost::lane {

Stamp OutLane::stamp(Millis now) const {
  SEALPOST_ASSERT(!failing());
  const Head& last = pending();
  const bool first = last.n == Seq{};
  return {last.n.next(), last.link, first ? now : std::max(now, last.time + 1)};
}

std::size_t Window::size_for(std::optional<std::uint16_t> receive_maximum) {
  if (!receive_maximum) return 1;
  return std::clamp<std::size_t>(*receive_maximum, 1, size_max);
}

Window::Window(Seq acked, Seq head, std::size_t size) : acked_(acked), sent_(acked), head_(head), size_(size) {
  check();
}

void Window::check() const {
  SEALPOST_ASSERT(acked_ <= sent_ && sent_ <= head_);
  SEALPOST_ASSERT(size_ >= 1 && size_ <= size_max && in_flight() <= size_);
}

// A head read from the log may be newer than the news of it: an older one changes nothing.
void Window::raise_head(Seq head) {
  head_ = std::max(head_, head);
}

std::optional<Seq> Window::next_to_send() const {
  if (sent_ == head_ || in_flight() == size_) return std::nullopt;
  return sent_.next();
}

void Window::on_sent(Seq n, PacketId packet) {
  SEALPOST_ASSERT(n == sent_.next() && packet != 0);
  sent_ = n;
  packets_[slot(n)] = packet;
  acknowledged_.reset(slot(n));
  check();
}

std::optional<Seq> Window::on_ack(PacketId packet) {
  for (Seq n = acked_.next(); n <= sent_; n = n.next()) {
    if (packets_[slot(n)] != packet || acknowledged_.test(slot(n))) continue;
    acknowledged_.set(slot(n));
    break;
  }
  const Seq before = acked_;
  while (acked_ < sent_ && acknowledged_.test(slot(acked_.next()))) acked_ = acked_.next();
  if (acked_ == before) return std::nullopt;
  return acked_;
}

void Window::restart_from(Seq acked, std::size_t size) {
  acked_ = sent_ = acked;
  size_ = size;
  packets_ = {};
  acknowledged_ = {};
  check();
}

}  // namespace sealpost::lane
