#pragma once
// The bots' tokens, from the file that `sealpost token` writes (auth/bearer.hpp). Read again whenever the file has
// changed, so that a revoked token is over with the next request. Any thread.

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "auth/bearer.hpp"
#include "base/ports.hpp"

namespace sealpost::api {

class Tokens {
 public:
  // A file that is missing is one without tokens.
  Tokens(std::filesystem::path path, LogSink&);

  // The name of the token with scope `bot`; nothing if it is none of ours.
  std::optional<std::string> name_of(std::string_view token);

 private:
  // Which state of the file was read: `sealpost token` puts a new file in its place, so two changes within one tick of
  // the file system's clock differ in more than their time.
  struct State {
    std::uint64_t file = 0;  // inode
    std::int64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  static std::optional<State> state_of(const std::filesystem::path&);
  void refresh();

  const std::filesystem::path path_;
  LogSink& sink_;
  std::mutex mutex_;  // a leaf
  std::optional<State> read_;
  auth::Bearers bearers_;
};

}  // namespace sealpost::api
