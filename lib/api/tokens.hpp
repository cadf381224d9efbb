#pragma once
// The bots' tokens, from the file that `sealpost token` writes (auth/bearer.hpp). Read again whenever the file has
// changed, so that a revoked token is over with the next request. Any thread.

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
  void refresh();

  const std::filesystem::path path_;
  LogSink& sink_;
  std::mutex mutex_;  // a leaf
  std::optional<std::filesystem::file_time_type> read_at_;
  auth::Bearers bearers_;
};

}  // namespace sealpost::api
