#pragma once
// The two sides of the property test of the pipelines: what is owed, by the reference model, and a stage with phones.
// Both are driven by the same commands (model_test.cpp), and compared after each, when the stage has come to rest.

#include <rapidcheck.h>
#include <rapidcheck/state.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "pipeline/phone.hpp"

namespace sealpost::pipeline::test {

// A device that takes part, and how many deliveries it lets be under way.
struct Part {
  const char* owner;
  const char* label;
  std::optional<std::uint16_t> receive_maximum;
  std::size_t window;
};
inline const std::array parts = {Part{"anna", "phone", std::nullopt, 1}, Part{"anna", "tablet", 3, 3},
                                 Part{"ben", "phone", 2, 2}};

// What a device holds, by its own account.
struct Held {
  bool met = false;  // it had a Welcome
  model::Number sent = 0, received = 0;
  model::Number begun = 0;  // its connection: the delivery went on behind this
  int greens = 0;           // lights that it saw turn green
};

struct Owed {
  model::Server server{"server", "log-1", {}, {}};
  Millis now = HeldClock().millis;
  std::map<std::string, model::Message> letters;  // written so far, by their links
  std::set<std::size_t> connected;
  std::array<Held, parts.size()> held;
  std::size_t suspicions = 0;                     // noted in the security log
  std::map<std::string, model::Number> versions;  // of an identity; the server hears of them when its owner connects

  const model::Client& client(std::size_t part) const { return server.clients.at(parts[part].owner); }
  model::Client& client(std::size_t part) { return server.clients.at(parts[part].owner); }
  bool knows(std::size_t part) const {
    const auto client = server.clients.find(parts[part].owner);
    return client != server.clients.end() && client->second.devices.contains(parts[part].label);
  }
  const model::Device& device(std::size_t part) const { return client(part).devices.at(parts[part].label); }
  model::Device& device(std::size_t part) { return client(part).devices.at(parts[part].label); }
  bool green(std::size_t part) const { return connected.contains(part) && device(part).light == model::Light::green; }

  // A message under this link: the one that was written, or this one from now on.
  const model::Message& letter(const model::Message& message) {
    return letters.try_emplace(message.link, message).first->second;
  }
  // The next ones of an honest client.
  std::vector<model::Message> next(std::size_t part, int count, const std::string& to);
  // The server accepts one, and it becomes durable.
  void take(std::size_t part, const model::Message& message);
  void commit_all(std::size_t part);
  void connect(std::size_t part, const std::optional<model::Position>& position, bool from_first);
  void acknowledge(std::size_t part);
  void crash();
  void flow();  // what can be delivered is
};

// The stage beside it.
struct Played {
  Played();
  Stage stage;
  std::map<std::size_t, Phone> phones;
  std::map<std::string, Message> letters;           // by the model's links
  std::map<std::size_t, std::size_t> acknowledged;  // deliveries on the connection

  auth::Party& party(const std::string& name) {
    return name == "anna" ? stage.anna : name == "ben" ? stage.ben : stage.carl;
  }
  Permalink permalink(const std::string& name) {
    return name == "server" ? stage.server.permalink() : party(name).permalink();
  }
  Phone& phone(std::size_t part) { return phones.at(part); }
  // The letter as it was written the first time. Its link is the model's until the world has one.
  const Message& written(std::size_t part, const model::Message& message);
  Link link(const model::Link& name) const;
  lane::Mark in_mark(const model::Mark& mark) const { return {{mark.n}, link(mark.link)}; }
  lane::Mark out_mark(std::size_t part, model::Number n);
  // Everything that can be seen, beside what is owed. Fails the property where they differ.
  void compare(const Owed& owed);

 private:
  void compare_inbox(const Owed& owed, std::size_t part);
  void compare_questions(const Owed& owed);
  void compare_log(const Owed& owed);
};

using Command = rc::state::Command<Owed, Played>;

}  // namespace sealpost::pipeline::test
