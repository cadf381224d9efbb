#include "cli/talk.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <cstdio>

#include "cli/explain.hpp"

namespace sealpost::cli {

namespace asio = boost::asio;

// The command says what matters in its own words.
class Talk::Quiet final : public LogSink {
 public:
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

Talk::Talk(const Globals& globals)
    : globals_(globals),
      keys_(Keys::open_or_create(globals, clock_, random_)),
      self_(keys_.self()),
      address_(globals.address()),
      store_path_(globals.folder() / "servers" / (address_.file_name() + ".db")),
      quiet_(std::make_unique<Quiet>()),
      context_(std::make_unique<asio::io_context>(1)),
      wheel_(std::make_unique<net::Wheel>(context_->get_executor())) {
  auto store = client::Store::open(store_path_, self_.permalink, client::draw_device(random_));
  if (!store) store_unreadable(store.error());
  store_ = std::move(*store);
  patient_ = store_->server().has_value();

  client::SessionOptions options;
  options.address = address_;
  options.trust = globals.trust();
  options.self = self_;
  options.server_expected = globals.server_expected();
  if (options.server_expected && store_->server() && *options.server_expected != *store_->server()) {
    throw Stop(Exit::refused, fmt::format("{}: the server known under this address is {}, not the one of --pin.",
                                          store_path_.string(), store_->server()->hex()));
  }
  net::Ports ports{context_->get_executor(), buffers_, *wheel_, *quiet_, counters_};
  session_ = std::make_unique<client::Session>(ports, clock_, random_, *store_, std::move(options), *this);
}

Talk::~Talk() {
  wheel_->stop();
  grace_.reset();
  limit_.reset();
  signals_.reset();
  session_.reset();
  context_.reset();
  wheel_.reset();
}

Exit Talk::go() {
  listen_for_signals();
  const auto ended = [this](std::exception_ptr broken, Result<void> result) {
    if (broken) std::rethrow_exception(broken);
    if (!result && !exit_) {
      const Explained explained = explain(result.error(), address_.endpoint(), session_->detail());
      stop_.emplace(explained.exit, explained.text);
    }
    context_->stop();
  };
  asio::co_spawn(*context_, session_->run(), ended);
  asio::post(*context_, [this] { on_start(); });
  context_->run();
  if (stop_) throw *stop_;
  return exit_.value_or(Exit::ok);
}

void Talk::store_unreadable(const ErrorCode& error) const {
  const Explained explained = explain(error, store_path_.string());
  throw Stop(explained.exit, explained.text);
}

void Talk::finish(Exit exit) {
  if (exit_) return;
  exit_ = exit;
  session_->stop();
  // The goodbye needs a moment, and a dial under way does not end by itself.
  grace_ = std::make_unique<asio::steady_timer>(*context_, std::chrono::milliseconds(300));
  grace_->async_wait([this](const ErrorCode& error) {
    if (!error) context_->stop();
  });
}

void Talk::limit(std::chrono::seconds time) {
  limit_ = std::make_unique<asio::steady_timer>(*context_, time);
  limit_->async_wait([this](const ErrorCode& error) {
    if (!error && !exit_) on_late();
  });
}

void Talk::listen_for_signals() {
  if (!signals_) signals_ = std::make_unique<asio::signal_set>(*context_, SIGINT, SIGTERM);
  signals_->async_wait([this](const ErrorCode& error, int signal) {
    if (error) return;
    if (signal == SIGTERM || on_interrupt()) return finish(Exit::interrupted);
    listen_for_signals();
  });
}

void Talk::note(const std::string& line) const {
  fmt::print(stderr, "-- {}\n", line);
}

void Talk::on_online(const client::Connection& connection, bool first_meeting) {
  if (first_meeting) {
    const auto& identity = connection.server().back();
    note(fmt::format("first meeting with {} at {}: its permalink is {}. It is remembered; another one will be refused.",
                     client::safe_for_terminal(identity.name().value_or("a server")), address_.endpoint(),
                     identity.permalink().hex()));
  }
  if (said_offline_) note("online again");
  said_offline_ = false;
  patient_ = true;
}

void Talk::on_offline(const ErrorCode& error, const std::string& detail, std::chrono::milliseconds) {
  const Explained explained = explain(error, address_.endpoint(), detail);
  if (!patient_) {
    stop_.emplace(explained.exit, explained.text);
    session_->stop();
    return;
  }
  if (!said_offline_) note("offline, and trying again: " + explained.what);
  said_offline_ = true;
}

void Talk::on_new_device(const std::string& why) {
  note(fmt::format("{}. Going on under the new device label {}; what did not match is kept in the store.", why,
                   store_->lane().device.text()));
}

std::string Talk::name_of(const Permalink& who) const {
  if (who == self_.permalink) return "you";
  const auto versions = held(store_->identity(who));
  if (!versions.empty()) {
    const auto identity = object::Identity::parse(versions.back());
    if (identity && identity->name()) return client::safe_for_terminal(*identity->name());
  }
  if (who == store_->server()) return "server";
  return who.hex().substr(0, 8);
}

std::string Talk::time_of(Millis time) const {
  const std::time_t seconds = static_cast<std::time_t>(time / 1000);
  return fmt::format("{:%H:%M:%S}", fmt::localtime(seconds));
}

}  // namespace sealpost::cli
