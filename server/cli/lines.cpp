// Standard input by lines, on a thread of its own: a regular file cannot be waited for with epoll.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <semaphore>

#include "cli/talk.hpp"

namespace sealpost::cli {
namespace {
constexpr int under_way_max = 64;    // lines
constexpr int stopping = 1'000'000;  // as many as a reader that is told to stop could wait for
constexpr std::size_t line_max = 1024 * 1024;
}  // namespace

struct Lines::State {
  State(boost::asio::io_context& io, std::function<void(std::string)> on_line, std::function<void()> on_end)
      : context(io), line(std::move(on_line)), end(std::move(on_end)) {}
  ~State() { ::close(wake); }

  bool wait() const {
    pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {wake, POLLIN, 0}};
    return ::poll(both, 2, -1) >= 0 && both[1].revents == 0;
  }
  void give(const std::shared_ptr<State>& self, std::string text) {
    room.acquire();
    boost::asio::post(context, [self, text = std::move(text)]() mutable {
      self->room.release();
      if (!self->stopped) self->line(std::move(text));
    });
  }
  void read_all(const std::shared_ptr<State>& self);

  boost::asio::io_context& context;
  std::function<void(std::string)> line;
  std::function<void()> end;
  std::counting_semaphore<2 * stopping> room{under_way_max};
  std::atomic<bool> stopped = false;
  int wake = ::eventfd(0, EFD_CLOEXEC);
};

void Lines::State::read_all(const std::shared_ptr<State>& self) {
  std::string held;
  char bytes[4096];
  while (!stopped && wait()) {
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    held.append(bytes, static_cast<std::size_t>(count));
    for (std::size_t feed; !stopped && (feed = held.find('\n')) != std::string::npos; held.erase(0, feed + 1)) {
      give(self, held.substr(0, feed));
    }
    if (held.size() > line_max) give(self, std::exchange(held, {}));
  }
  if (!stopped && !held.empty()) give(self, std::move(held));
  boost::asio::post(context, [self] {
    if (!self->stopped) self->end();
  });
}

Lines::Lines(boost::asio::io_context& context, std::function<void(std::string)> line, std::function<void()> end)
    : state_(std::make_shared<State>(context, std::move(line), std::move(end))) {
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  reader_ = std::thread([state = state_] { state->read_all(state); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Lines::~Lines() {
  state_->stopped = true;
  const std::uint64_t one = 1;
  (void)!::write(state_->wake, &one, sizeof one);
  state_->room.release(stopping);
  reader_.join();
}

}  // namespace sealpost::cli
