// sealpost chat: a conversation in the terminal.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/explain.hpp"
#include "cli/talk.hpp"

namespace sealpost::cli {
namespace {

struct Arguments {
  std::string peer;
  std::string name;
  std::size_t history = 20;
  int wait_seconds = 5;
};

class Chat final : public Talk {
 public:
  Chat(const Globals& globals, const Arguments& arguments) : Talk(globals), arguments_(arguments) {
    if (arguments.peer.empty()) return;
    peer_ = Permalink::from_hex(arguments.peer);
    if (!peer_) {
      throw Stop(Exit::usage, fmt::format("{}: not a permalink, which is 64 lower-case hex digits (the other side's: "
                                          "sealpost identity).",
                                          arguments.peer));
    }
  }

 private:
  std::optional<Permalink> peer() const { return peer_ ? peer_ : store().server(); }

  void on_start() override {
    if (store().server()) begin();
  }

  void on_online(const client::Connection& connection, bool first_meeting) override {
    Talk::on_online(connection, first_meeting);
    if (!begun_) begin();
  }

  // Once it is known whom we talk to.
  void begin() {
    begun_ = true;
    fmt::print(stderr, "-- talking with {} as {}; end with Ctrl-D\n", name_of(*peer()), self().hex().substr(0, 8));
    for (const client::Entry& entry : held(store().history(peer(), arguments_.history))) {
      show(entry);
    }
    lines_.emplace(
        context(), [this](std::string line) { say(line); }, [this] { on_end_of_input(); });
  }

  void say(const std::string& line) {
    if (line.empty()) return;
    client::Draft draft;
    draft.recipient = peer();
    draft.payload = client::text_payload(line);
    const auto entry = session().submit(draft);
    if (!entry) {
      fmt::print(stderr, "-- not sent: {}\n", explain(entry.error(), "the message").text);
      return;
    }
    sent_.push_back(entry->link);
    // In the place of what the terminal echoed.
    if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO)) fmt::print("\x1b[1A\x1b[2K");
    show(*entry);
  }

  void show(const client::Entry& entry) {
    const auto letter = client::letter_of(entry.stored);
    if (!letter) return;
    if (letter->type == object::identity_type) return;
    if (entry.doubted()) return doubt(entry);
    const std::string who = entry.mine ? "you" : name_of(entry.peer);
    std::string mark;
    if (entry.mine && entry.standing == client::Standing::acked) mark = "  ✓";
    if (entry.mine && entry.standing == client::Standing::waiting) mark = fmt::format("  … #{}", entry.n.value);
    if (entry.standing == client::Standing::refused) mark = "  ✗ " + client::safe_for_terminal(entry.note);
    if (entry.standing == client::Standing::superseded) mark = "  (unknown to the server since it was restored)";
    fmt::print("{} {}: {}{}\n", time_of(letter->time), who, client::line_of(*letter), mark);
    std::fflush(stdout);
  }

  // Its words are not shown: whose they are is not known.
  void doubt(const client::Entry& entry) const {
    fmt::print(stderr, "-- ignored what {} sent: {}\n", name_of(entry.peer), entry.note);
  }

  void on_message(const client::Entry& entry) override {
    if (entry.doubted()) {
      doubt(entry);
    } else if (!begun_ || entry.peer != *peer()) {
      if (client::letter_of(entry.stored)) announce(entry);
    } else {
      show(entry);
    }
    if (ending_) end_if_done();
  }

  // From somebody else than the one we talk with.
  void announce(const client::Entry& entry) {
    const auto letter = client::letter_of(entry.stored);
    if (!begun_ || letter->type == object::identity_type) return;
    fmt::print(stderr, "-- {} wrote: {} (sealpost chat {})\n", name_of(entry.peer), client::line_of(*letter),
               entry.peer.hex());
  }

  void on_signed_again(const client::Entry& before, const client::Entry& after) override {
    std::replace(sent_.begin(), sent_.end(), before.link, after.link);
  }

  void on_answered(const client::Entry& entry) override {
    if (entry.standing == client::Standing::acked) {
      fmt::print("{}   ✓ #{}\n", time_of(clock().now()), entry.n.value);
    } else {
      fmt::print("{}   ✗ #{} refused: {}\n", time_of(clock().now()), entry.n.value,
                 client::safe_for_terminal(entry.note));
      any_refused_ = true;
    }
    std::fflush(stdout);
    if (ending_) end_if_done();
  }

  void on_end_of_input() {
    ending_ = true;
    limit(std::chrono::seconds(arguments_.wait_seconds));
    end_if_done();
  }

  // Everything is acked, and, where a script talks to the bot, answered.
  void end_if_done() {
    if (!held(store().waiting()).empty()) return;
    const bool wait_for_answers = !::isatty(STDIN_FILENO) && peer() == store().server();
    for (const Link& link : sent_) {
      if (wait_for_answers && !held(store().answer_to(link))) return;
    }
    finish(any_refused_ ? Exit::failed : Exit::ok);
  }

  void on_late() override {
    const std::size_t waiting = held(store().waiting()).size();
    if (waiting == 0) return finish(any_refused_ ? Exit::failed : Exit::ok);
    fmt::print(stderr, "-- {} of your messages are not sent yet; they go out the next time\n", waiting);
    finish(Exit::unreachable);
  }

  bool on_interrupt() override {
    fmt::print(stderr, "\n");
    const std::size_t waiting = held(store().waiting()).size();
    if (waiting > 0) fmt::print(stderr, "-- {} of your messages go out the next time\n", waiting);
    finish(Exit::ok);
    return true;
  }

  const Arguments arguments_;
  std::optional<Permalink> peer_;
  std::optional<Lines> lines_;
  std::vector<Link> sent_;  // in this run
  bool begun_ = false;
  bool ending_ = false;
  bool any_refused_ = false;
};

}  // namespace

void add_chat(CLI::App& app, Globals& globals, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const chat = add_command(app, "chat", "Talk with the server's bot, or with somebody else",
                                     "  sealpost chat --server mqtt://localhost:1883");
  chat->add_option("PEER", arguments->peer, "Permalink of whom to talk with; without it, the server's bot");
  chat->add_option("--history", arguments->history, "How many earlier messages to show")->capture_default_str();
  chat->add_option("--wait", arguments->wait_seconds,
                   "Seconds to wait, after the end of input, for acks and (from a pipe) for answers of the bot")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  chat->callback([&globals, &run, arguments] {
    run = [&globals, arguments] {
      Chat talk(globals, *arguments);
      return talk.go();
    };
  });
}

}  // namespace sealpost::cli
