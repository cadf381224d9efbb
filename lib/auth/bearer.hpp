#pragma once
// Bots' tokens for the REST API. They live in a text file that `sealpost token` writes and the API reads, a line each:
//
//   <name> <scope>[,<scope>...] <SHA-256 of the token, in hex> <created, ms since the Unix epoch>
//
// Blank lines and lines that begin with # are left alone. The tokens themselves are nowhere: each is shown once, when
// it is made. No file is touched here: text in, text out.

#include <array>
#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/sha256.hpp"

namespace sealpost::auth {

inline constexpr std::size_t bearer_tokens_max = 1'000;

struct Bearer {
  std::string name;                 // 1 to 64 of A-Z a-z 0-9 _ . -
  std::vector<std::string> scopes;  // at least one; each 1 to 64 of a-z 0-9 _ . : -
  Digest hash{};
  Millis created = 0;

  bool may(std::string_view scope) const;
  std::string line() const;  // with its newline
};

// What is wrong with the file, for the person who mends it.
struct BadLine {
  std::size_t line = 0;  // from 1
  std::string_view what;
};

class Bearers {
 public:
  static boost::system::result<Bearers, BadLine> parse(std::string_view file);

  // Whose token it is; null if nobody's. Takes the same time whichever it is.
  const Bearer* find(std::string_view token) const;
  const std::vector<Bearer>& all() const { return bearers_; }

 private:
  std::vector<Bearer> bearers_;
};

bool is_bearer_name(std::string_view);
bool is_bearer_scope(std::string_view);

struct NewBearer {
  std::string token;  // to be shown, once
  Bearer bearer;
};
// Name and scopes in form; `secret`: 32 random bytes.
NewBearer make_bearer(std::string name, std::vector<std::string> scopes, const std::array<std::uint8_t, 32>& secret,
                      Millis created);

// The file with the line added. The name must not be in it yet; parse says so otherwise.
std::string with_bearer(std::string_view file, const Bearer&);
// The file without the line of that name; none if there is no such line.
std::optional<std::string> without_bearer(std::string_view file, std::string_view name);

}  // namespace sealpost::auth
