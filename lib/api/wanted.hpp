#pragma once
// What a bot asks for in the body of a request: JSON in, meaning out, or the sentence that says what is wrong with it.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/bot.hpp"

namespace sealpost::api {

constexpr std::int64_t events_at_once_max = 100;
constexpr std::size_t replies_max = 100;

// What a bot wants sent, or what is wrong with it.
struct Wanted {
  pipeline::Reply reply;
  std::optional<EventId> event;  // which update a reply is to
  std::string problem;           // empty: in order
};

// `payload_max`: bytes of the object in canonical form, and of its context.
Wanted read_wanted(const boost::json::value&, std::size_t payload_max);

// Events, and the replies to them.
struct Acknowledged {
  std::vector<EventId> events;
  std::vector<Wanted> replies;
  std::string consumer;
  std::string problem;
};

Acknowledged read_acknowledged(const boost::json::object& fields, std::size_t payload_max);

}  // namespace sealpost::api
