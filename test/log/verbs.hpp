#pragma once
// What the log's tests say: makers of drafts, lanes that number them, and calls that wait for their answer.

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "base/sha256.hpp"
#include "log/event_log.hpp"
#include "temporary_folder.hpp"

// Results have an output operator, of which the values here know nothing.
template <class Value>
struct Catch::StringMaker<sealpost::Result<Value>> {
  static std::string convert(const sealpost::Result<Value>& result) {
    return result ? "a value" : result.error().message();
  }
};

namespace sealpost::log::test {

class TestClock final : public Clock {
 public:
  Millis now() const override { return millis; }
  std::int64_t steady_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  std::atomic<Millis> millis{1'700'000'000'000};
};

class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = ++next_;
  }

 private:
  std::uint8_t next_ = 0;
};

class QuietSink final : public LogSink {
 public:
  bool wants(Level) const override { return true; }
  void write(Level, std::string_view, std::string_view) override { ++lines; }
  std::atomic<int> lines{0};
};

using Folder = sealpost::test::TemporaryFolder;

inline Permalink client_named(std::string_view name) {
  return {sha256(as_bytes(name))};
}
inline Link link_named(std::string_view name) {
  return {sha256(as_bytes(name))};
}
inline PublicKey key_named(std::string_view name) {
  return {sha256({as_bytes("key"), as_bytes(name)})};
}
inline Device device_named(std::string_view name) {
  return Device::parse(name).value();
}
inline Body body_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

inline Draft draft_of(Kind kind, const Permalink& client, std::string_view device = {}) {
  Draft draft;
  draft.kind = kind;
  draft.client = client;
  if (!device.empty()) draft.device = device_named(device);
  return draft;
}
inline Draft epoch(const Permalink& client, std::string_view device, std::uint64_t number, std::uint64_t start = 0) {
  Draft draft = draft_of(Kind::epoch, client, device);
  draft.epoch = {number};
  draft.seq = {start};
  return draft;
}
inline Draft identity(const Permalink& client, const Link& link, const Link& prev, std::vector<PublicKey> keys = {}) {
  Draft draft = draft_of(Kind::identity, client);
  draft.link = link;
  draft.prev = prev;
  draft.author = client;
  draft.type = "sealpost.Identity";
  draft.keys = std::move(keys);
  draft.body = body_of("identity " + link.hex());
  return draft;
}
inline Draft first_identity(const Permalink& client, std::vector<PublicKey> keys = {}) {
  Draft draft = identity(client, {client.bytes}, {}, std::move(keys));
  draft.author = {};
  return draft;
}
inline Draft intent(const Permalink& client, const Permalink& recipient, std::string text = "intent") {
  Draft draft = draft_of(Kind::intent, client);
  draft.recipient = recipient;
  draft.body = body_of(std::move(text));
  return draft;
}
inline Draft security(std::string code, const Permalink& client = {}) {
  Draft draft = draft_of(Kind::security, client);
  draft.type = std::move(code);
  return draft;
}
inline Draft done(const Permalink& client, std::string consumer, EventId cause) {
  Draft draft = draft_of(Kind::done, client);
  draft.consumer = std::move(consumer);
  draft.cause = cause;
  return draft;
}
inline Draft moving(Draft draft, std::string consumer, EventId cause) {
  draft.consumer = std::move(consumer);
  draft.cause = cause;
  return draft;
}

// Numbers and links its messages, as whoever writes to a lane must.
class InLane {
 public:
  InLane(const Permalink& client, std::string device, std::uint64_t epoch = 1)
      : client_(client), device_(std::move(device)), epoch_{epoch} {}

  Draft next(std::string text = "hello") {
    Draft draft = draft_of(device_.empty() ? Kind::out : Kind::in, client_, device_);
    draft.epoch = device_.empty() ? Epoch{} : epoch_;
    draft.seq = seq_ = seq_.next();
    draft.prev = link_;
    draft.link = link_ = link_named(client_.hex() + device_ + std::to_string(seq_.value) + text);
    draft.time = time_ += 10;
    draft.author = client_;
    draft.type = "test.Greeting";
    draft.body = body_of(std::move(text));
    return draft;
  }
  void use(std::uint64_t epoch) { epoch_ = {epoch}; }

 private:
  Permalink client_;
  std::string device_;
  Epoch epoch_;
  Seq seq_;
  Link link_;
  Millis time_ = 1'600'000'000'000;
};

inline InLane out_lane(const Permalink& client) {
  return {client, ""};
}

constexpr std::chrono::seconds patience{60};  // far beyond what anything here takes

inline std::future<Result<Appended>> append_later(EventLog& log, Transaction transaction) {
  auto promise = std::make_shared<std::promise<Result<Appended>>>();
  auto future = promise->get_future();
  log.append(std::move(transaction), [promise](Result<Appended> appended) { promise->set_value(std::move(appended)); });
  return future;
}

template <class Value>
Value wait_for(std::future<Value> future) {
  if (future.wait_for(patience) != std::future_status::ready) FAIL("the log did not answer");
  return future.get();
}

inline Result<Appended> append(EventLog& log, Transaction transaction) {
  return wait_for(append_later(log, std::move(transaction)));
}

// In braces where the order of evaluation counts, as with several messages of one lane: function arguments have none.
inline Transaction transaction_of(std::vector<Draft> drafts) {
  return {std::move(drafts), std::nullopt};
}
template <class... Drafts>
Transaction transaction_of(Drafts... drafts) {
  Transaction transaction;
  (transaction.drafts.push_back(std::move(drafts)), ...);
  return transaction;
}

// Appends what must succeed; gives the last event.
inline Committed commit(EventLog& log, std::vector<Draft> drafts) {
  const auto appended = append(log, transaction_of(std::move(drafts)));
  if (!appended) FAIL("not appended: " << appended.error().message());
  return appended->events.back();
}
template <class... Drafts>
Committed commit(EventLog& log, Drafts... drafts) {
  return commit(log, transaction_of(std::move(drafts)...).drafts);
}

// Appends what must fail; gives why.
template <class... Drafts>
ErrorCode refusal(EventLog& log, Drafts... drafts) {
  const auto appended = append(log, transaction_of(std::move(drafts)...));
  return appended ? ErrorCode() : appended.error();
}

template <class Question>
auto ask(EventLog& log, Question question) {
  using Answer = std::invoke_result_t<Question, Reader&>;
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  log.read([promise, question](Reader& reader) { promise->set_value(question(reader)); });
  return wait_for(std::move(future));
}

inline ClientState state_of(EventLog& log, const Permalink& client) {
  const auto state = ask(log, [&](Reader& reader) { return reader.client(client); });
  REQUIRE(state);
  return *state;
}

inline std::vector<std::int64_t> ids_of(const std::vector<StoredEvent>& events) {
  std::vector<std::int64_t> ids;
  for (const StoredEvent& event : events) ids.push_back(event.committed.id().value);
  return ids;
}

}  // namespace sealpost::log::test
