#pragma once
// The port to a bot: what the process pipeline hands it, and what it may answer. The ways to be a bot are in lib/bot.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "log/event_log.hpp"
#include "object/message.hpp"

namespace sealpost::pipeline {

namespace asio = boost::asio;

// A message to the server that waits for its bot. A client's next one is handed out when this one is finished.
struct Update {
  log::Committed event;
  Permalink client;
  Device device;
  log::Body text;             // of the signed message
  std::uint32_t attempt = 1;  // how often the bot has been asked, this time included, since the server started
  // The text, read, where it has just come in and is handed out at once; a message that waits takes the room of its
  // text and no more.
  std::shared_ptr<const object::Message> read = nullptr;

  std::size_t bytes() const { return text->size(); }
  object::Message message() const;
  // What goes to the bot: a copy that takes along what was read, so that a frame which waits for the answer has the
  // text only.
  Update handed_out();
};

struct Reply {
  std::optional<Permalink> to;  // none: to the client itself
  std::string payload;          // canonical text of an object with a `_t`
  std::string type;             // that `_t`
  std::optional<std::string> context;
  std::optional<Link> in_reply_to;
};

struct Answer {
  std::vector<Reply> replies;  // may be empty: handled, nothing to say
  // Called once the replies and the cursor are on disk, on the client's strand; or with what stands against that now:
  // then the bot will be asked again. Without it the answer is kept until it can be stored.
  std::function<void(const Result<log::Appended>&)> settled;
};

class Bot {
 public:
  virtual ~Bot() = default;
  // The name under which its position in each client's inbox is kept.
  virtual const std::string& consumer() const = 0;
  // Awaited on the client's strand. An error means: ask again later.
  virtual asio::awaitable<Result<Answer>> answer(Update) = 0;
};

}  // namespace sealpost::pipeline
