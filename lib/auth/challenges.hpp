#pragma once
// Handshakes over REST between their two requests: the Challenge is out, the Proof has yet to come. Full means refuse:
// nobody can push another's handshake out. Over MQTT the connection itself holds the handshake.

#include <string_view>
#include <unordered_map>

#include "auth/handshake.hpp"
#include "auth/limits.hpp"

namespace sealpost::auth {

// The link of the Challenge that a Proof answers: which handshake it is for. Checks nothing else. Errors: malformed.
Result<Link> challenge_answered_by(std::string_view proof);

struct ChallengeLimits {
  std::size_t outstanding_max = 1'024;  // about 1 KiB each
  std::size_t address_max = 64;         // of them from one address (limits.hpp)
};

// Whether one more fits.
enum class Room { some, none, none_for_address };

// The caller locks. Times are the server's clock, as in the Challenge itself.
class Challenges {
 public:
  Challenges() : Challenges(ChallengeLimits{}) {}
  explicit Challenges(const ChallengeLimits& limits) : limits_(limits) {}

  // To be asked before a Challenge is made: signing it costs us time.
  Room room_for(std::string_view address, Millis now);
  // Keeps a handshake whose Challenge has been made, until it expires. Errors: too_many.
  Result<void> keep(ServerHandshake handshake, std::string_view address, Millis now);
  // Gives it back, once: whatever the Proof turns out to be, there is no second try. Errors: wrong_challenge (unknown
  // or used), expired.
  Result<ServerHandshake> take(const Link& challenge, Millis now);

  std::size_t size() const { return outstanding_.size(); }

 private:
  struct Outstanding {
    ServerHandshake handshake;
    Network network;
  };
  void drop_expired(Millis now);

  ChallengeLimits limits_;
  std::unordered_map<Link, Outstanding> outstanding_;
};

}  // namespace sealpost::auth
