// Health and Prometheus metrics, on a listener of their own.

#include <fmt/format.h>

#include "api/api.hpp"
#include "api/problem.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;

void append_metric(std::string& text, std::string_view name, std::string_view kind, std::string_view help,
                   std::int64_t value) {
  fmt::format_to(std::back_inserter(text), "# HELP sealpost_{0} {1}\n# TYPE sealpost_{0} {2}\nsealpost_{0} {3}\n", name,
                 help, kind, value);
}

std::string_view name_of(log::Health::State state) {
  switch (state) {
    case log::Health::State::ready:
      return "ready";
    case log::Health::State::disk_full:
      return "disk_full";
    case log::Health::State::failed:
      return "failed";
    case log::Health::State::stopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace

// The process answers: that is all.
asio::awaitable<net::Response> Api::live(Call) {
  co_return text_response(200, "ok\n", "text/plain");
}

// The server takes messages now.
asio::awaitable<net::Response> Api::ready(Call) {
  const log::Health health = services_.log.health();
  if (!options_.ready()) co_return problem(503, "not_ready", "The server is starting or stopping.");
  if (health.state == log::Health::State::ready) co_return text_response(200, "ready\n", "text/plain");
  co_return problem(503, name_of(health.state), "The log does not take messages now; the server's own log says why.");
}

asio::awaitable<net::Response> Api::metrics(Call) {
  std::string text;
#define SEALPOST_APPEND(name, kind, help) append_metric(text, #name, #kind, help, services_.counters.name.value());
  SEALPOST_COUNTERS(SEALPOST_APPEND)
#undef SEALPOST_APPEND
  const log::Health health = services_.log.health();
  append_metric(text, "log_head", "counter", "Newest durable event", health.head.value);
  append_metric(text, "log_indexed_to", "counter", "Newest event that the indexes cover", health.indexed_to.value);
  append_metric(text, "log_queued_events", "gauge", "Events that wait for the log's writer",
                static_cast<std::int64_t>(health.queued_events));
  append_metric(text, "log_ready", "gauge", "1 while the log takes messages",
                health.state == log::Health::State::ready ? 1 : 0);
  append_metric(text, "last_commit_microseconds", "gauge", "How long the last commit took", health.last_commit_us);
  co_return text_response(200, std::move(text), "text/plain; version=0.0.4");
}

}  // namespace sealpost::api
