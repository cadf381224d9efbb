#include "lane/reject.hpp"

#include <array>

namespace sealpost::lane {
namespace {

struct Row {
  RejectCode code;
  std::string_view name;
  std::string_view detail;
  bool security;
};

constexpr std::array rows = {
    Row{RejectCode::malformed, "malformed", "not a well-formed sealpost.Message", false},
    Row{RejectCode::too_large, "too_large", "larger than limits.maxMessage of the Challenge", false},
    Row{RejectCode::unknown_author, "unknown_author", "_author or _d is not the identity or device of this session",
        true},
    Row{RejectCode::bad_signature, "bad_signature",
        "the signature does not hold, or its key is no sign key of the identity in force", true},
    Row{RejectCode::shut, "shut", "the lane of this device is shut: go on under a new device label", false},
    Row{RejectCode::fork, "fork", "another message is stored at this place of the lane", true},
    Row{RejectCode::gap, "gap", "_n is beyond the next: send what is expected first", false},
    Row{RejectCode::clock, "clock", "_time is not above that of the message before, or too far ahead of the server's",
        false},
    Row{RejectCode::drain_first, "drain_first", "take what waits in the inbox first, until the light is green", false},
};

const Row& row(RejectCode code) {
  return rows.at(static_cast<std::size_t>(code));
}

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].code != static_cast<RejectCode>(i)) return false;
  return true;
}
static_assert(rows_in_order() && rows.size() == static_cast<std::size_t>(RejectCode::drain_first) + 1);

}  // namespace

std::string_view name(RejectCode code) {
  return row(code).name;
}

std::optional<RejectCode> reject_code(std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return row.code;
  return std::nullopt;
}

std::string_view detail(RejectCode code) {
  return row(code).detail;
}

bool is_security_event(RejectCode code) {
  return row(code).security;
}

}  // namespace sealpost::lane
