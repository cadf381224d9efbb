#pragma once
// Lanes for tests: messages with links made from words.

#include <string_view>

#include "base/sha256.hpp"
#include "lane/inbound.hpp"

namespace sealpost::lane {

constexpr Millis noon = 1'800'000'000'000;

inline Link link_of(std::string_view word) {
  return {sha256(as_bytes(word))};
}

inline Link link_of(Seq n) {
  return n == Seq{} ? Link{} : link_of(std::to_string(n.value));
}

inline Receipt receipt_of(Seq n) {
  return {{static_cast<std::int64_t>(100 + n.value)}, sha256(as_bytes("event" + std::to_string(n.value))), noon};
}

// The lane's message n of an honest client, sent a second after the one before.
inline Facts message(std::uint64_t n, Epoch epoch = {1}) {
  Facts facts;
  facts.n = {n};
  facts.q = link_of(Seq{n - 1});
  facts.link = link_of(Seq{n});
  facts.time = noon + static_cast<Millis>(n) * 1000;
  facts.epoch = epoch;
  return facts;
}

inline void take(InLane& lane, const Facts& facts) {
  lane.note_pending(facts.n, facts.link, facts.time);
}

inline Head head_at(std::uint64_t n) {
  if (n == 0) return {};
  const Facts facts = message(n);
  return {facts.n, facts.link, facts.time};
}

// Messages up to `durable` are in the log, those up to `pending` on their way; all of them were taken by this process.
inline InLane lane_of(std::uint64_t durable, std::uint64_t pending) {
  InLane lane({}, Light::green, {1});
  for (std::uint64_t n = 1; n <= pending; ++n) {
    take(lane, message(n));
    if (n <= durable) lane.note_durable({n}, receipt_of(Seq{n}));
  }
  return lane;
}

}  // namespace sealpost::lane
