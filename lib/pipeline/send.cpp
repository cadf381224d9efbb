// send: what goes to this client is numbered, linked, signed and logged. The numbers are given on the strand and the
// appends enter the log in that order; nothing reaches a device before its event is on disk.

#include "pipeline/await.hpp"
#include "pipeline/client.hpp"

namespace sealpost::pipeline {
namespace {

// A number that was given behind one which the log refused is refused too, and given again.
constexpr int numberings_max = 32;

// How many of the newest out-messages are kept for devices that keep up, and how many bytes of them.
constexpr std::size_t recent_max = 64;
constexpr std::size_t recent_bytes_max = 1 << 20;

}  // namespace

bool Client::outbox_full() const {
  if (devices_.empty()) return out_.pending().n.value >= services_.limits.outbox_messages;
  Seq acked;
  for (const auto& lane : devices_)
    if (!lane->shut) acked = std::max(acked, lane->acked);
  return out_.pending().n.value - acked.value >= services_.limits.outbox_messages;
}

// Whether the same may be stored later.
bool Client::will_pass(const ErrorCode& error) {
  return error == Errc::outbox_full || error == log::Errc::disk_full || error == log::Errc::overloaded ||
         error == log::Errc::lane_conflict;
}

asio::awaitable<Result<log::Appended>> Client::send(std::vector<Outgoing> messages, std::vector<log::Draft> others,
                                                    std::optional<log::Idempotency> idempotency, OnCommit committed) {
  const auto self = shared_from_this();
  // A request that is repeated takes no room in the outbox. Whether it is one the log decides, which takes the number
  // back.
  bool repeated = false;
  if (idempotency) repeated = co_await was_sent_before(*idempotency);
  for (int attempt = 1;; ++attempt) {
    while (out_.failing()) co_await settled_.wait();
    if (!messages.empty() && !known()) co_return Errc::unknown_client;
    if (!messages.empty() && !repeated && outbox_full()) co_return Errc::outbox_full;

    log::Transaction transaction{others, idempotency};
    const std::size_t first = transaction.drafts.size();
    for (const Outgoing& message : messages) transaction.drafts.push_back(number(message));
    const std::vector<log::Draft> numbered(transaction.drafts.begin() + static_cast<std::ptrdiff_t>(first),
                                           transaction.drafts.end());
    Result<log::Appended> appended = co_await append(services_.log, std::move(transaction), committed);
    on_sent(numbered, appended, first);
    const bool again = !appended && appended.error() == log::Errc::lane_conflict && attempt < numberings_max;
    if (!again) co_return appended;
  }
}

asio::awaitable<bool> Client::was_sent_before(log::Idempotency request) {
  std::function<bool(log::Reader&)> ask = [request](log::Reader& reader) {
    return reader.idempotent(request.scope, request.key).has_value();
  };
  co_return co_await read<bool>(services_.log, std::move(ask));
}

log::Draft Client::number(const Outgoing& message) {
  const lane::Stamp stamp = out_.stamp(services_.clock.now());
  object::OutMessage envelope{.author = services_.identity.permalink,
                              .recipient = permalink_,
                              .device = services_.log.id(),
                              .n = stamp.n,
                              .previous = stamp.q,
                              .time = stamp.time,
                              .salt = services_.random.bytes<16>(),
                              .payload = message.payload,
                              .in_reply_to = message.in_reply_to};
  if (message.context) envelope.context = *message.context;
  object::Signed made = envelope.prepare().sign(*services_.identity.signer);
  out_.note_pending(stamp, made.link);

  log::Draft draft;
  draft.kind = log::Kind::out;
  draft.client = permalink_;
  draft.seq = stamp.n;
  draft.link = made.link;
  draft.prev = stamp.q;
  draft.author = services_.identity.permalink;
  draft.recipient = permalink_;
  draft.type = message.type;
  draft.time = stamp.time;
  draft.consumer = message.consumer;
  draft.cause = message.cause;
  draft.body = std::make_shared<const std::string>(std::move(made.stored));
  return draft;
}

// `first`: the index of the first numbered draft in its transaction.
void Client::on_sent(const std::vector<log::Draft>& numbered, const Result<log::Appended>& appended,
                     std::size_t first) {
  // A repeated request appended nothing, so its numbers are given back like those of a failed one.
  const bool on_disk = appended && !appended->repeated;
  for (std::size_t i = 0; i < numbered.size(); ++i) {
    const log::Draft& draft = numbered[i];
    if (!on_disk) {
      out_.fail_from(draft.seq);
      continue;
    }
    out_.note_durable({draft.seq, draft.link, draft.time});
    recent_.push_back({appended->events[first + i], draft.body});
    recent_bytes_ += draft.body->size();
    services_.counters.messages_out_total.add();
  }
  while (recent_.size() > recent_max || (recent_bytes_ > recent_bytes_max && recent_.size() > 1)) {
    recent_bytes_ -= recent_.front().text->size();
    recent_.pop_front();
  }
  settled_.open();
  if (!on_disk) return;
  pump_all();
  forget_delivered();
}

}  // namespace sealpost::pipeline
