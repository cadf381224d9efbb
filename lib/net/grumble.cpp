#include "net/grumble.hpp"

#include <fmt/format.h>

#include <utility>

namespace sealpost::net {

std::optional<std::string> Grumble::about(std::string line, Time now) {
  const std::lock_guard lock(mutex_);
  if (!since_ || now - *since_ >= std::chrono::seconds(1)) {
    since_ = now;
    lines_ = 0;
  }
  if (++lines_ > lines_max) {
    ++left_out_;
    return std::nullopt;
  }
  const long left_out = std::exchange(left_out_, 0);
  if (left_out > 0) line += fmt::format(" (before this, {} such lines were left out)", left_out);
  return line;
}

}  // namespace sealpost::net
