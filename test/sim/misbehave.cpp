// What no honest device sends, each made to meet one row of the decision table; and what an honest one may send twice.

#include "object/message.hpp"
#include "object/object.hpp"
#include "phone.hpp"

namespace sealpost::sim {
namespace {

constexpr std::string_view kinds[] = {"malformed", "too_large", "unknown_author", "bad_signature", "fork_taken",
                                      "fork_old",  "gap",       "previous",       "behind",        "ahead",
                                      "again",     "old"};

// In an empty lane they would be nothing but the first message.
constexpr std::string_view need_another[] = {"fork_taken", "fork_old", "previous", "behind", "again", "old"};

}  // namespace

// Sent for the answer alone: it changes nothing here.
void Phone::probe(const Sent& entry, bool forged) {
  if (phase_ != Phase::online || flights_.size() + probes_.size() >= window_) return;
  const std::string topic = "sp/" + owner_.permalink().hex() + "/" + store_.label.text() + "/outbox";
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = as_bytes(entry.text);
  publish.qos = mqtt::Qos::at_least_once;
  publish.packet_id = next_packet();
  probes_[publish.packet_id] = entry.n;
  tap_->publishing(publish.packet_id, entry.n, entry.link, forged);
  give(publish);
}

void Phone::send_again() {
  if (store_.outbox.empty()) return;
  scene_.coverage.add(Row::packet_again);
  const std::size_t latest = std::min<std::size_t>(store_.outbox.size(), 4);
  const Sent& entry = store_.outbox[store_.outbox.size() - 1 - dice_.below(latest)];
  // One that has been signed again, or has yet to be sent, is no duplicate.
  const bool under_way =
      std::ranges::any_of(flights_, [&](const auto& each) { return each.second.link == entry.link; });
  if (entry.acked || under_way) probe(entry, false);
}

// Only while nothing is under way, so that it meets the lane as the device knows it.
void Phone::misbehave() {
  const bool quiet = green_ && flights_.empty() && probes_.empty() && !reject_;
  if (!quiet || scene_.calm || !std::ranges::all_of(store_.outbox, &Sent::acked)) {
    // It waits for its acks first.
    errands_.after(dice_.between(50, 3'000), [this, before = connection_] {
      const bool still = before == connection_ && phase_ == Phase::online && !scene_.calm;
      if (still && green_ && flights_.empty() && probes_.empty() && !reject_ &&
          std::ranges::all_of(store_.outbox, &Sent::acked))
        misbehave();
    });
    return;
  }
  const std::string_view kind = kinds[dice_.below(std::size(kinds))];
  if (kind == "again" && !store_.outbox.empty()) return probe(store_.outbox.back(), false);
  if (kind == "old" && !store_.outbox.empty()) return probe(store_.outbox.front(), false);
  probe(forge(kind), true);
}

Sent Phone::forge(std::string_view what) {
  const Seq next = store_.head.n.next();
  const bool needs_another = std::ranges::find(need_another, what) != std::end(need_another);
  const std::string_view kind = needs_another && next.value == 1 ? "gap" : what;
  const Permalink to = town_.server().permalink();
  const std::string payload = Say{"none", "forged", {}, {}}.payload();
  Sent entry = sign(next, store_.head.link, store_.head_time, payload, to);
  if (kind == "malformed") entry.text = dice_.chance(0.5) ? "{}" : entry.text.substr(0, entry.text.size() / 2);
  if (kind == "too_large")
    entry = sign(next, store_.head.link, store_.head_time,
                 Say{"none", "forged", {}, std::string(Judge::message_max, 'x')}.payload(), to);
  if (kind == "unknown_author") {
    const auto honest = object::Object::parse(entry.text);
    boost::json::object fields(honest->fields(), boost::json::storage_ptr());
    fields.erase("_s");
    fields["_author"] = town_.nobody().hex();
    if (dice_.chance(0.5)) fields["_d"] = "another";
    const object::Signed made = object::prepare(fields).sign(owner_.signer());
    entry.text = made.stored;
  }
  if (kind == "bad_signature") {
    const auto at = entry.text.find("\"sig\":\"") + 7;
    entry.text[at] = entry.text[at] == 'A' ? 'B' : 'A';
  }
  if (kind == "fork_taken" || kind == "again")
    entry = sign(store_.head.n, store_.head.n.value > 1 ? store_.head.link : Link{}, store_.head_time, payload, to);
  if (kind == "fork_old" || kind == "old") entry = sign({1}, {}, store_.head_time, payload, to);
  if (kind == "gap")
    entry = sign(next.next(), store_.head.link.is_none() ? Link{random_.bytes<32>()} : store_.head.link,
                 store_.head_time, payload, to);
  if (kind == "previous") entry = sign(next, Link{random_.bytes<32>()}, store_.head_time, payload, to);
  if (kind == "ahead") entry = sign(next, store_.head.link, now() + 5 * 86'400'000, payload, to);
  if (kind == "behind") {
    const Millis before = std::exchange(offset_, store_.head_time - 1 - clock_.now());
    entry = sign(next, store_.head.link, 0, payload, to);
    offset_ = before;
  }
  return entry;
}

// The light is shut: a device that does not see it sends once more, and is told so.
void Phone::linger_in_shut() {
  if (!scene_.calm && dice_.chance(0.5)) probe(forge("shut"), true);
  errands_.after(scene_.calm ? 10 : dice_.between(10, 2'000), [this, before = connection_] {
    if (before == connection_) start_over("the light is shut");
  });
}

}  // namespace sealpost::sim
