#pragma once
// What a Sealpost server owes to its clients: the whole promise as a small state and its changes, written from the
// protocol (proto/PROTOCOL.md, sections 2 to 4) and not from the server, of which nothing is included here. A server is
// a value: to copy one is to back it up. Left out are signatures and bytes (a message says itself what is wrong with
// it), limits on what waits, expiry, and all that is MQTT's own.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace model {
using Number = std::uint64_t;  // a message's place in its lane, from 1; 0 is before the first
using Time = std::int64_t;     // milliseconds since the Unix epoch
using Name = std::string;      // of a client, a device or a log
using Link = std::string;      // names one message; empty: none

struct Mark {
  Number n = 0;
  Link link;
  bool operator==(const Mark&) const = default;
};

// ---- What one device sends: is it taken, and what is the answer? ----
constexpr Time ahead_max = 10'000;    // how far a client's clock may be ahead
constexpr Number under_way_max = 32;  // messages of a device that are not on disk yet

struct Message {
  bool well_formed = true, fits = true, own_author = true, signature_holds = true;
  Number epoch = 0, n = 0;  // of the connection that brings it; in its lane
  Link q, link;             // of the message before; its own
  Time time = 0;
  std::string to, text;
};

// accept is acknowledged when it is on disk; a duplicate at once, or with the first. The last two end the connection.
enum class Answer { accept, same_ack, ack_with_first, reject, taken_over, not_now };
enum class Code { none, malformed, too_large, unknown_author, bad_signature, shut, fork, gap, clock, drain_first };
enum class Light { green, drain, shut };

// What is suspicious is noted in the security log.
struct Verdict {
  Answer answer;
  Code code = Code::none;             // of a reject
  std::optional<Mark> expected = {};  // with a gap: the next number, and the link for its _q
  bool suspicious() const { return code == Code::unknown_author || code == Code::bad_signature || code == Code::fork; }
};

// A lane is dense and linked: messages[n - 1] is message n. Those after the first `durable` are on their way to disk.
struct InLane {
  std::vector<Message> messages;
  Number durable = 0;
  bool failed = false;  // a commit of this connection
  Mark at(Number n) const { return n == 0 ? Mark{} : Mark{n, messages[n - 1].link}; }
  Mark head() const { return at(messages.size()); }
  Time last() const { return messages.empty() ? 0 : messages.back().time; }
  void fail() { messages.resize(durable), failed = true; }  // a commit, and with it all that was decided on it
};

struct Device {
  InLane in;
  Number epoch = 0;  // counts its proven connections; only the newest may send
  Light light = Light::green;
  Number acked = 0;            // it holds the out-lane up to here; never moves back
  Number sent = 0;             // it was sent up to here on this connection, which may have begun before `acked`
  Number drain_until = 0;      // the out-lane's head when it connected
  std::set<Number> in_flight;  // sent, not yet acknowledged
};

// The decision table, row by row; not_now, which is no reject, stands outside of it.
inline Verdict decide(const Device& device, const Message& message, Time now) {
  const InLane& lane = device.in;
  const Mark head = lane.head();
  if (lane.failed) return {Answer::not_now};
  if (!message.well_formed) return {Answer::reject, Code::malformed};
  if (!message.fits) return {Answer::reject, Code::too_large};
  if (!message.own_author) return {Answer::reject, Code::unknown_author};
  if (!message.signature_holds) return {Answer::reject, Code::bad_signature};
  if (message.epoch != device.epoch) return {Answer::taken_over};
  if (device.light == Light::shut) return {Answer::reject, Code::shut};
  if (message.n <= head.n && message.link != lane.at(message.n).link) return {Answer::reject, Code::fork};
  if (message.n <= head.n) return {message.n <= lane.durable ? Answer::same_ack : Answer::ack_with_first};
  if (message.n > head.n + 1) return {Answer::reject, Code::gap, Mark{head.n + 1, head.link}};
  if (message.q != head.link) return {Answer::reject, Code::fork};
  if (message.time <= lane.last()) return {Answer::reject, Code::clock};
  if (message.time > std::max(now + ahead_max, lane.last() + 1)) return {Answer::reject, Code::clock};
  if (device.light == Light::drain) return {Answer::reject, Code::drain_first};
  return {head.n - lane.durable == under_way_max ? Answer::not_now : Answer::accept};
}

// ---- What a client is sent: one out-lane for all its devices ----
enum class Kind { identity, relayed, reply, notice };
struct Letter {
  Kind kind;
  std::string text;  // of an identity: whose; of a notice: the link that it is about
  Link link;
};

struct Client {
  std::map<Name, Device> devices;
  std::vector<Letter> out;
  std::vector<Message> for_bot;       // the bot is asked the first one
  Number versions = 1;                // of its identity
  std::map<Name, Number> introduced;  // whose identity stands in its out-lane, and how many versions of it
  Mark out_at(Number n) const { return n == 0 ? Mark{} : Mark{n, out[n - 1].link}; }
};

struct Position {
  Name log;
  std::optional<Mark> sent, received;  // the last of its own that was acknowledged; of ours, that it has stored
};

struct Server {
  Name name, log;
  std::map<Name, Client> clients;
  std::map<Name, std::map<Name, Number>> restored;  // from these logs, with each client's head in the copy

  // ---- Where both go on when a device connects ----
  // Up to here at most the out-lane is the same in both logs.
  Number common(const Name& whose, const Name& their_log) const {
    if (!restored.contains(their_log)) return clients.at(whose).out.size();
    return restored.at(their_log).contains(whose) ? restored.at(their_log).at(whose) : 0;
  }
  bool contradicts(const Name& whose, const InLane& in, const Position& position) const {
    const auto& [their_log, sent, received] = position;
    if (sent && sent->n <= in.head().n && *sent != in.at(sent->n)) return true;  // what is ahead is sent again
    if (!received) return false;
    if (received->n > common(whose, their_log)) return !restored.contains(their_log);
    return *received != clients.at(whose).out_at(received->n);
  }
  // Its proof holds: an older connection is over. Welcome says epoch, acked, light, and the heads of both lanes.
  Device& connect(const Name& whose, const Name& label, const std::optional<Position>& position, bool from_first) {
    const Number head = clients[whose].out.size();
    const bool is_new = !clients[whose].devices.contains(label);
    Device& device = clients[whose].devices[label];
    device.sent = !is_new ? device.acked : from_first ? 0 : head;
    if (position && position->received && (position->received->n > 0 || !is_new))
      device.sent = std::min(position->received->n, common(whose, position->log));
    if (position && contradicts(whose, device.in, *position)) device.light = Light::shut;
    if (device.light != Light::shut) {  // once shut, always shut
      device.acked = std::max(device.acked, device.sent);
      device.light = device.sent == head ? Light::green : Light::drain;
    }
    ++device.epoch;
    device.in.failed = false;
    device.drain_until = head;
    device.in_flight.clear();
    return device;
  }

  // ---- What follows from a message: on disk together with it, or later, and once ----
  void commit(const Name& whose, const Name& label) {
    InLane& in = clients[whose].devices[label].in;
    const Message message = in.messages[in.durable++];
    if (message.to == name) return clients[whose].for_bot.push_back(message);
    if (!clients.contains(message.to)) return write(whose, Kind::notice, message.link);
    Number& introduced = clients[message.to].introduced[whose];
    for (; introduced < clients[whose].versions; ++introduced) write(message.to, Kind::identity, whose);
    write(message.to, Kind::relayed, message.text);
  }
  // The bot's replies and the end of the question are one. A bot that fails is asked the same again.
  void answer(const Name& whose, const std::vector<std::string>& replies) {
    for (const std::string& reply : replies) write(whose, Kind::reply, reply);
    clients[whose].for_bot.erase(clients[whose].for_bot.begin());
  }
  void write(const Name& to, Kind kind, const std::string& text) {
    clients[to].out.push_back({kind, text, log + " " + to + " " + std::to_string(clients[to].out.size() + 1)});
  }

  // ---- Delivery: in order, nothing twice on a connection, `window` from the first that is not acknowledged ----
  std::optional<Number> deliver(const Client& client, Device& device, std::size_t window) const {
    if (device.light == Light::shut || device.sent == client.out.size()) return std::nullopt;
    if (!device.in_flight.empty() && device.sent - *device.in_flight.begin() + 1 >= window) return std::nullopt;
    return *device.in_flight.insert(++device.sent).first;
  }
  // What is acknowledged before its turn counts in its turn.
  void acknowledge(Device& device, Number n) const {
    device.in_flight.erase(n);
    const Number whole = device.in_flight.empty() ? device.sent : *device.in_flight.begin() - 1;
    device.acked = std::max(device.acked, whole);
    if (device.light == Light::drain && whole >= device.drain_until) device.light = Light::green;
  }

  // ---- The server ends without warning; or goes on from a copy of its log, as another log ----
  void crash() {
    for (auto& [whose, client] : clients)
      for (auto& [label, device] : client.devices) device.in.fail();
  }
  void restore(const Name& new_log) {
    for (const auto& [whose, client] : clients) restored[log][whose] = client.out.size();
    log = new_log;
  }
};
}  // namespace model
