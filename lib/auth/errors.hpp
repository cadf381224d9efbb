#pragma once
// Why a handshake failed. The peer is told `not_authorized` and nothing else; these go to the security log.

#include <string_view>

#include "base/result.hpp"

namespace sealpost::auth {

enum class Errc {
  malformed = 1,     // not the object that belongs here, or a field of it is not as it must be
  wrong_client_id,   // the MQTT client id is not <permalink>.<device>, or changed on the way
  wrong_endpoint,    // not one of the configured endpoints: relayed from elsewhere
  wrong_purpose,     // `ticket` over MQTT, `connect` over REST, or `reauth` without a session
  wrong_session,     // re-authentication of another session, client, or device
  wrong_challenge,   // answers another challenge than the one given, or one already used
  expired,           // the challenge is over
  stale_challenge,   // a newer challenge of the device has been proven already
  wrong_author,      // signed for somebody else
  wrong_key,         // not the key that Hello named, or not a `sign` key of the identity in force
  bad_signature,     // does not hold
  wrong_binding,     // proven over another TLS connection
  bad_identity,      // an identity version that is not well formed or does not follow
  identity_fork,     // another version than the one known under the same number
  key_claimed,       // a key that belongs to another identity
  unknown_client,    // no identity known and none given
  not_registered,    // registration does not admit this identity
  too_many_devices,  // the identity has as many live devices as it may
  device_retired,    // the label was unseen for too long
  bad_ticket,        // unknown, used, over, or of another client id, endpoint or epoch
  too_many,          // a limit on what strangers may ask for is reached
  wrong_server,      // (client) not the pinned server, or its identity versions do not follow
  not_logged,        // the log could not take it: not the client's fault
};

std::string_view name(Errc);  // "wrong_endpoint"
ErrorCode make_error_code(Errc);

}  // namespace sealpost::auth

SEALPOST_ERROR_CODES(sealpost::auth::Errc);
