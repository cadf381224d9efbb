#include "api/tokens.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
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

std::optional<Tokens::State> Tokens::state_of(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return State{found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

// A file that cannot be read leaves no token valid: better no bot than a revoked one.
void Tokens::refresh() {
  const auto state = state_of(path_);
  if (state && read_ == state) return;
  read_ = state;
  bearers_ = {};
  if (!state) return;
  std::ifstream file(path_, std::ios::binary);
  if (!file)
    return sink_.write(Level::error, "api",
                       fmt::format("{}: cannot be read, so no token is valid: {}. Give it to the server's user.",
                                   path_.string(), std::strerror(errno)));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto parsed = auth::Bearers::parse(text);
  if (parsed) {
    bearers_ = std::move(*parsed);
    return;
  }
  sink_.write(Level::error, "api",
              fmt::format("{}:{}: {}. No token is valid until it is mended.", path_.string(), parsed.error().line,
                          parsed.error().what));
}

}  // namespace sealpost::api
