#include "log/appender.hpp"

#include "log/errc.hpp"
#include "log/gate.hpp"

namespace sealpost::log {

Appender::Appender(Database& database, Tail& tail, const LogHead& head)
    : database_(database), tail_(tail), durable_(head), head_(head) {}

void Appender::begin() {
  begin_.run();
}

Result<Appended> Appender::append(Transaction& transaction, const std::vector<Digest>& body_hashes, Millis now) {
  forget_requests(now);
  if (transaction.idempotency)
    if (auto answer = answered_before(*transaction.idempotency, now)) return *std::move(answer);
  if (const ErrorCode verdict = heads_.take(transaction.drafts, head_.id.next())) return verdict;
  const EventId first = head_.id.next();
  Appended appended{write(transaction, body_hashes, now), false};
  mqtt_rows_.apply(transaction.mqtt);
  if (transaction.idempotency) {
    const Idempotency& request = *transaction.idempotency;
    put_request_.run(request.scope, request.key, BytesView(request.request), first, appended.events.size(), now);
  }
  return appended;
}

std::optional<Result<Appended>> Appender::answered_before(const Idempotency& request, Millis now) {
  auto row = get_request_.query(request.scope, request.key, now - requests_kept_ms);
  if (!row.next()) return std::nullopt;
  if (row.digest(0) != request.request) return Errc::idempotency_mismatch;
  events_.flush();  // they may be of this batch
  Appended before{{}, true};
  for (auto event = get_events_.query(row.number(1), row.number(2)); event.next();)
    before.events.push_back(Gate::committed(record_of(event)));
  return before;
}

// In small pieces, and a piece with each append where a first one was not enough.
void Appender::forget_requests(Millis now) {
  if (now < forget_at_) return;
  forget_requests_.run(now - requests_kept_ms, forgotten_at_once_max);
  if (sqlite3_changes(database_.handle()) < forgotten_at_once_max) forget_at_ = now + forget_every_ms;
}

std::vector<Committed> Appender::write(Transaction& transaction, const std::vector<Digest>& body_hashes, Millis now) {
  std::vector<Committed> committed;
  committed.reserve(transaction.drafts.size());
  for (std::size_t part = 0; part < transaction.drafts.size(); ++part) {
    Record record{head_.id.next(), part, std::move(transaction.drafts[part]), now, body_hashes[part], {}};
    if (record.draft.time == 0) record.draft.time = now;
    record.hash = chain_hash(head_.hash, record);
    head_ = {record.id, record.hash};
    committed.push_back(Gate::committed(record));
    const Body body = record.draft.body;
    events_.add(tail_.push(std::move(record)), body);
  }
  return committed;
}

void Appender::note(const Notes& notes) {
  std::vector<const Notes::value_type*> noted;
  noted.reserve(notes.size());
  for (const auto& entry : notes) noted.push_back(&entry);
  positions_.insert<const Notes::value_type*>(noted, [this](const Notes::value_type* entry, auto bind) {
    const auto& [whose, note] = *entry;
    const Seq head = heads_.of(whose.first).head.out.seq;
    bind(whose.first, whose.second, note.acked <= head ? note.acked : Seq{}, note.seen);
  });
}

ErrorCode Appender::commit() {
  events_.flush();  // before the tail is cut back, where the events are
  head_rows_.store(heads_);
  commit_.run();
  const ErrorCode error = database_.error();
  if (!error) {
    heads_.settle();
    durable_ = head_;
    return {};
  }
  database_.rollback();
  heads_.forget();
  head_ = durable_;
  tail_.cut_back(durable_.id);
  return error;
}

}  // namespace sealpost::log
