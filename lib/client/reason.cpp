#include "client/reason.hpp"

namespace sealpost::client {

Errc errc_of_disconnect(mqtt::ReasonCode reason) {
  using mqtt::ReasonCode;
  switch (reason) {
    case ReasonCode::not_authorized:
    case ReasonCode::bad_user_name_or_password:
    case ReasonCode::banned:
    case ReasonCode::client_identifier_not_valid:
      return Errc::refused;
    case ReasonCode::session_taken_over:
      return Errc::taken_over;
    case ReasonCode::server_unavailable:
    case ReasonCode::server_busy:
    case ReasonCode::server_shutting_down:
    case ReasonCode::quota_exceeded:
    case ReasonCode::message_rate_too_high:
    case ReasonCode::connection_rate_exceeded:
    case ReasonCode::administrative_action:
    case ReasonCode::maximum_connect_time:
      return Errc::busy;
    case ReasonCode::unsupported_protocol_version:
    case ReasonCode::bad_authentication_method:
      return Errc::incompatible;
    case ReasonCode::packet_too_large:
      return Errc::too_large;
    case ReasonCode::normal_disconnection:
      return Errc::closed;
    default:
      return Errc::protocol;
  }
}

// Nothing was sent yet: what is too large is a packet that the server wants to be able to send us.
Errc errc_of_connack(mqtt::ReasonCode reason) {
  return reason == mqtt::ReasonCode::packet_too_large ? Errc::incompatible : errc_of_disconnect(reason);
}

std::string words_of(mqtt::ReasonCode reason, const mqtt::Properties& properties) {
  std::string words(mqtt::name_of(reason));
  if (properties.reason_string) words.append(": ").append(*properties.reason_string);
  return words;
}

}  // namespace sealpost::client
