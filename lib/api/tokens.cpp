#include "api/tokens.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace sealpost::api {

Tokens::Tokens(std::filesystem::path path, LogSink& sink) : path_(std::move(path)), sink_(sink) {}

std::optional<std::string> Tokens::name_of(std::string_view token) {
  const std::lock_guard lock(mutex_);
  refresh();
  const auth::Bearer* bearer = bearers_.find(token);
  if (bearer == nullptr || !bearer->may("bot")) return std::nullopt;
  return bearer->name;
}

// A file that cannot be read leaves no token valid: better no bot than a revoked one.
void Tokens::refresh() {
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(path_, error);
  if (error) {
    bearers_ = {};
    read_at_.reset();
    return;
  }
  if (read_at_ == changed) return;
  read_at_ = changed;
  std::ifstream file(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto parsed = auth::Bearers::parse(text);
  if (parsed) {
    bearers_ = std::move(*parsed);
    return;
  }
  bearers_ = {};
  sink_.write(Level::error, "api",
              fmt::format("{}:{}: {}. No token is valid until it is mended.", path_.string(), parsed.error().line,
                          parsed.error().what));
}

}  // namespace sealpost::api
