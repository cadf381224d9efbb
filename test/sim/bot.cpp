#include "bot.hpp"

#include "object/json.hpp"
#include "object/object.hpp"
#include "pipeline/await.hpp"

namespace sealpost::sim {
namespace {

constexpr Millis slow_max = 40'000;

pipeline::Answer answer_to(const pipeline::Update& update) {
  pipeline::Answer answer;
  if (const auto say = Say::read(update.message().payload())) answer.replies = replies_to(*say);
  return answer;
}

Millis think(Scene& scene, Dice& dice) {
  if (scene.calm) return 1;
  if (!dice.chance(scene.weather.answer_slow)) return dice.between(0, scene.weather.answer_max);
  scene.coverage.add(Row::bot_slow);
  return dice.between(0, slow_max);
}

bool fails(Scene& scene, Dice& dice) {
  if (scene.calm || !dice.chance(scene.weather.answer_fails)) return false;
  scene.coverage.add(Row::bot_failure);
  return true;
}

pipeline::Reply reply(std::string_view type, const std::string& tag, std::optional<Permalink> to) {
  pipeline::Reply made;
  made.to = to;
  made.type = type;
  made.payload = fmt::format(R"({{"_t":"{}","tag":"{}"}})", type, tag);
  return made;
}

}  // namespace

std::string Say::payload() const {
  std::string text = fmt::format(R"({{"_t":"sim.Say","ask":"{}","pad":"{}","tag":"{}")", ask, pad, tag);
  if (to) text += fmt::format(R"(,"to":"{}")", to->hex());
  return text + "}";
}

std::optional<Say> Say::read(std::string_view payload) {
  const auto value = object::parse_json(payload);
  if (!value || !value->is_object()) return std::nullopt;
  const auto& fields = value->as_object();
  const auto ask = object::text_of(object::find(fields, "ask"));
  const auto tag = object::text_of(object::find(fields, "tag"));
  if (!ask || !tag) return std::nullopt;
  Say say{std::string(*ask), std::string(*tag), object::hex_of<Permalink>(object::find(fields, "to")), {}};
  return say;
}

std::vector<pipeline::Reply> replies_to(const Say& say) {
  std::vector<pipeline::Reply> replies;
  if (say.ask != "none") replies.push_back(reply("sim.Echo", say.tag, std::nullopt));
  if (say.ask == "two") replies.push_back(reply("sim.More", say.tag, std::nullopt));
  if (say.ask == "other" && say.to) replies.push_back(reply("sim.Told", say.tag, say.to));
  return replies;
}

asio::awaitable<Result<pipeline::Answer>> Bot::answer(pipeline::Update update) {
  using Resume = pipeline::Resume<Result<pipeline::Answer>>;
  scene_.reached_by_server(Row::bot_asked);
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<pipeline::Answer>)>(
      [this](auto handler, const pipeline::Update& given) {
        const bool failing = fails(scene_, dice_);
        errands_.after(think(scene_, dice_), [this, failing, given, resume = Resume(std::move(handler))] {
          scene_.reached_by_server(Row::bot_answered);
          if (failing)
            resume(make_error_code(boost::system::errc::io_error));
          else
            resume(answer_to(given));
        });
      },
      asio::use_awaitable, std::move(update));
}

FeedWorker::FeedWorker(Scene& scene, bot::Feed& feed, asio::io_context::executor_type executor, LogSink& sink)
    : scene_(scene),
      dice_(scene.fork()),
      errands_(scene.schedule),
      feed_(feed),
      executor_(std::move(executor)),
      sink_(sink) {
  poll();
}

void FeedWorker::poll() {
  const bool waits = dice_.chance(0.5);
  pipeline::spawn(executor_, sink_, "fetch",
                  fetch(*this, EventId{}, 1 + dice_.below(20), waits ? dice_.between(10, 3'000) : 0));
}

asio::awaitable<void> FeedWorker::fetch(FeedWorker& worker, EventId after, std::size_t limit, Millis patience) {
  const std::stop_token never;
  const auto updates = co_await worker.feed_.next(after, limit, patience, never);
  for (const pipeline::Update& update : updates) worker.take(update);
  worker.errands_.after(worker.dice_.between(5, 300), [&worker] { worker.poll(); });
}

void FeedWorker::take(const pipeline::Update& update) {
  const EventId id = update.event.id();
  if (at_work_.contains(id)) return;
  scene_.reached_by_server(Row::bot_asked);
  if (fails(scene_, dice_)) return;  // it crashed, say; the message waits where it was
  at_work_.insert(id);
  errands_.after(think(scene_, dice_),
                 [this, id, text = std::string(update.message().payload())] { settle(id, text); });
}

void FeedWorker::settle(EventId id, const std::string& text) {
  at_work_.erase(id);
  pipeline::Answer answer;
  if (const auto say = Say::read(text)) answer.replies = replies_to(*say);
  const bool settled = feed_.settle(id, std::move(answer));
  if (settled) scene_.reached_by_server(Row::bot_answered);
}

}  // namespace sealpost::sim
