// sealpost send: one message, and its ack.

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/explain.hpp"
#include "cli/talk.hpp"

namespace sealpost::cli {
namespace {

struct Arguments {
  std::string text;
  std::string object;
  std::string to;
  std::string context;
  bool wait_reply = false;
  int timeout_seconds = 15;
};

std::string read_object(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Stop(Exit::failed, fmt::format("{}: cannot be read. Check the path given with --object.", path));
  return text;
}

class Send final : public Talk {
 public:
  Send(const Globals& globals, const Arguments& arguments) : Talk(globals), arguments_(arguments) {
    draft_.payload = arguments.object.empty() ? client::text_payload(arguments.text) : read_object(arguments.object);
    if (!arguments.context.empty()) draft_.context = arguments.context;
    if (arguments.to.empty()) return;
    draft_.recipient = Permalink::from_hex(arguments.to);
    if (!draft_.recipient) {
      throw Stop(Exit::usage,
                 fmt::format("--to {}: not a permalink, which is 64 lower-case hex digits.", arguments.to));
    }
  }

 private:
  void on_start() override {
    limit(std::chrono::seconds(arguments_.timeout_seconds));
    if (draft_.recipient || store().server()) submit();
  }

  void on_online(const client::Connection& connection, bool first_meeting) override {
    Talk::on_online(connection, first_meeting);
    if (!link_) submit();
  }

  void submit() {
    const auto entry = session().submit(draft_);
    if (!entry) {
      fmt::print(stderr, "sealpost: {}\n", explain(entry.error(), "the message").text);
      return finish(explain(entry.error(), {}).exit);
    }
    link_ = entry->link;
  }

  void on_signed_again(const client::Entry& before, const client::Entry& after) override {
    if (link_ == before.link) link_ = after.link;
  }

  void on_answered(const client::Entry& entry) override {
    if (entry.link != link_) return;
    if (entry.standing != client::Standing::acked) {
      fmt::print(stderr, "sealpost: the server refused the message: {}\n", client::safe_for_terminal(entry.note));
      return finish(Exit::failed);
    }
    acked_ = true;
    if (globals().json) {
      fmt::print("{}\n", boost::json::serialize(boost::json::object{
                             {"acked", true}, {"link", entry.link.hex()}, {"n", entry.n.value}, {"time", entry.time}}));
    } else {
      fmt::print(stderr, "-- acked: #{} {}\n", entry.n.value, entry.link.hex());
    }
    std::fflush(stdout);
    if (!arguments_.wait_reply) return finish(Exit::ok);
    const auto answer = held(store().answer_to(entry.link));
    if (answer) print(*answer);
  }

  void on_message(const client::Entry& entry) override {
    if (!entry.doubted() && acked_ && arguments_.wait_reply && entry.answers == link_) print(entry);
  }

  void print(const client::Entry& entry) {
    const auto letter = client::letter_of(entry.stored);
    if (!letter) return;
    fmt::print("{}\n", globals().json ? letter->payload : client::line_of(*letter));
    std::fflush(stdout);
    finish(Exit::ok);
  }

  void on_late() override {
    if (acked_) {
      fmt::print(stderr, "sealpost: no reply within {} s. It will be in the store when it comes: sealpost tail\n",
                 arguments_.timeout_seconds);
      return finish(Exit::failed);
    }
    fmt::print(stderr, "sealpost: {}: not acked within {} s.{}\n", globals().address().endpoint(),
               arguments_.timeout_seconds, link_ ? " The message is stored and goes out the next time." : "");
    finish(Exit::unreachable);
  }

  const Arguments arguments_;
  client::Draft draft_;
  std::optional<Link> link_;
  bool acked_ = false;
};

}  // namespace

void add_send(CLI::App& app, Globals& globals, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const send = add_command(app, "send", "Send one message and wait for its ack",
                                     "  sealpost send --wait-reply \"hello\"\n"
                                     "  echo '{\"_t\":\"demo.Note\",\"text\":\"hi\"}' | sealpost send --object -");
  auto* const text = send->add_option("TEXT", arguments->text, "The text to send");
  auto* const object = send->add_option("--object", arguments->object,
                                        "A file with a JSON object to send instead of a text; - is standard input");
  object->excludes(text);
  send->add_option("--to", arguments->to, "Permalink of the recipient; without it, the server's bot");
  send->add_option("--context", arguments->context, "What the message belongs to, as its recipient understands it");
  send->add_flag("--wait-reply", arguments->wait_reply, "Wait for the answer, and print it");
  send->add_option("--timeout", arguments->timeout_seconds, "Seconds until giving up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
  send->callback([&globals, &run, arguments, text, object] {
    if (text->count() + object->count() == 0) throw CLI::RequiredError("TEXT or --object");
    run = [&globals, arguments] {
      Send talk(globals, *arguments);
      return talk.go();
    };
  });
}

}  // namespace sealpost::cli
