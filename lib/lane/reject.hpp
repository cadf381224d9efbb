#pragma once
// Why an inbound message was rejected: the client's error or a matter of timing, never the recipient's (PROTOCOL
// section 2). A temporary failure of the server is never a reject.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sealpost::lane {

enum class RejectCode : std::uint8_t {
  malformed,
  too_large,
  unknown_author,
  bad_signature,
  shut,
  fork,
  gap,
  clock,
  drain_first,
};

// The code as it stands on the wire, and back.
std::string_view name(RejectCode);
std::optional<RejectCode> reject_code(std::string_view name);

// One sentence for the person who debugs the client.
std::string_view detail(RejectCode);

// True for what an honest client never causes: it becomes a security event in the log.
bool is_security_event(RejectCode);

}  // namespace sealpost::lane
