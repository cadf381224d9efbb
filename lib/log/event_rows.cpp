#include "log/event_rows.hpp"

#include <cstring>

namespace sealpost::log {
namespace {

std::string joined(const std::vector<PublicKey>& keys) {
  std::string bytes;
  for (const PublicKey& key : keys) bytes.append(as_text(key.view()));
  return bytes;
}

std::vector<PublicKey> split(std::string_view bytes) {
  std::vector<PublicKey> keys(bytes.size() / sizeof(Digest));
  for (std::size_t i = 0; i < keys.size(); ++i)
    std::memcpy(keys[i].bytes.data(), bytes.data() + i * sizeof(Digest), sizeof(Digest));
  return keys;
}

}  // namespace

Record record_of(const Statement::Rows& row) {
  Record record;
  Draft& draft = record.draft;
  record.id = row.strong<EventId>(0);
  record.part = static_cast<std::size_t>(row.number(1));
  draft.time = row.number(2);
  record.logged = row.number(3);
  draft.kind = static_cast<Kind>(row.number(4));
  draft.client = row.name<Permalink>(5);
  draft.device = row.device(6);
  draft.epoch = row.strong<Epoch>(7);
  draft.seq = row.strong<Seq>(8);
  draft.link = row.name<Link>(9);
  draft.prev = row.name<Link>(10);
  draft.author = row.name<Permalink>(11);
  draft.recipient = row.name<Permalink>(12);
  draft.object = row.name<Permalink>(13);
  draft.type = row.text(14);
  draft.consumer = row.text(15);
  draft.cause = row.strong<EventId>(16);
  draft.keys = split(row.text(17));
  record.body_hash = row.digest(18);
  record.hash = row.digest(19);
  return record;
}

Body body_of(const Statement::Rows& row) {
  if (row.is_null(column_of_text)) return nullptr;
  return std::make_shared<const std::string>(row.text(column_of_text));
}

void EventRows::add(const Record& record, Body body) {
  added_.push_back({&record, std::move(body), joined(record.draft.keys)});
}

void EventRows::flush() {
  event_.insert<New>(added_, [](const New& added, auto bind) {
    const Record& record = *added.record;
    const Draft& draft = record.draft;
    const BytesView no_keys;
    bind(record.id, record.part, draft.time, record.logged, static_cast<int>(draft.kind), draft.client,
         Optional{draft.device.text()}, draft.epoch, draft.seq, draft.link, draft.prev, draft.author, draft.recipient,
         draft.object, Optional{draft.type}, Optional{draft.consumer}, draft.cause,
         added.keys.empty() ? no_keys : as_bytes(added.keys), record.body_hash, record.hash);
  });
  std::erase_if(added_, [](const New& added) { return added.body == nullptr; });
  body_.insert<New>(added_, [](const New& added, auto bind) { bind(added.record->id, *added.body); });
  added_.clear();
}

}  // namespace sealpost::log
