#include "mqtt/errors.hpp"

#include <string>

namespace sealpost::mqtt {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sealpost.mqtt"; }
  std::string message(int value) const override { return text_of(static_cast<Errc>(value)); }

 private:
  static const char* text_of(Errc errc) {
    switch (errc) {
      case Errc::truncated:
        return "a field runs past the end of the packet";
      case Errc::trailing_bytes:
        return "bytes are left over at the end of the packet";
      case Errc::bad_remaining_length:
        return "the remaining length is malformed";
      case Errc::bad_packet_type:
        return "the packet type does not exist";
      case Errc::bad_flags:
        return "reserved flags are set";
      case Errc::bad_utf8:
        return "a text is not valid UTF-8";
      case Errc::bad_topic_name:
        return "the topic name is malformed";
      case Errc::bad_topic_filter:
        return "the topic filter is malformed";
      case Errc::bad_reason_code:
        return "the reason code is not one of this packet";
      case Errc::bad_qos:
        return "the QoS is malformed";
      case Errc::unknown_property:
        return "the property does not exist";
      case Errc::property_not_allowed:
        return "the property is not one of this packet";
      case Errc::duplicate_property:
        return "a property is there twice";
      case Errc::bad_property_value:
        return "a property has an excluded value";
      case Errc::no_topic:
        return "the topic name is empty";
      case Errc::zero_packet_id:
        return "the packet identifier is zero";
      case Errc::no_filters:
        return "the packet names no topic filter";
      case Errc::bad_subscription:
        return "the subscription options are excluded by the standard";
      case Errc::bad_authentication:
        return "the authentication exchange is out of order";
      case Errc::unexpected_packet:
        return "the packet may not be sent now";
      case Errc::not_mqtt:
        return "the peer does not speak MQTT";
      case Errc::unsupported_version:
        return "the protocol level is not supported";
      case Errc::bad_client_id:
        return "the client identifier is empty";
      case Errc::packet_too_large:
        return "the packet is too large";
      case Errc::too_many:
        return "the packet holds more items than allowed";
      case Errc::topic_over_limit:
        return "the topic name is too long or too deep";
      case Errc::filter_over_limit:
        return "the topic filter is too long or too deep";
      case Errc::receive_maximum_exceeded:
        return "more messages are unanswered than the receive maximum allows";
      case Errc::topic_alias_invalid:
        return "the topic alias is not valid";
      case Errc::qos_not_supported:
        return "the QoS is not supported";
      case Errc::retain_not_supported:
        return "retained messages are not supported";
      case Errc::wildcards_not_supported:
        return "wildcard subscriptions are not supported";
      case Errc::shared_not_supported:
        return "shared subscriptions are not supported";
      case Errc::subscription_ids_not_supported:
        return "subscription identifiers are not supported";
      case Errc::keep_alive_timeout:
        return "the client was silent for too long";
      case Errc::closed:
        return "the connection is closing";
      case Errc::out_of_state:
        return "the call is not possible in this state";
      case Errc::window_full:
        return "the client takes no more messages now";
      case Errc::unknown_packet_id:
        return "no packet of this identifier is unanswered";
      case Errc::not_encodable:
        return "the packet has no encoding";
    }
    return "unknown error";
  }
};

}  // namespace

boost::system::error_code make_error_code(Errc errc) {
  static const Category category;
  return {static_cast<int>(errc), category};
}

ReasonCode reason_of(Errc errc) {
  switch (errc) {
    case Errc::truncated:
    case Errc::trailing_bytes:
    case Errc::bad_remaining_length:
    case Errc::bad_packet_type:
    case Errc::bad_flags:
    case Errc::bad_utf8:
    case Errc::bad_topic_name:
    case Errc::bad_topic_filter:
    case Errc::bad_reason_code:
    case Errc::bad_qos:
    case Errc::unknown_property:
    case Errc::property_not_allowed:
      return ReasonCode::malformed_packet;
    case Errc::duplicate_property:
    case Errc::bad_property_value:
    case Errc::no_topic:
    case Errc::zero_packet_id:
    case Errc::no_filters:
    case Errc::bad_subscription:
    case Errc::bad_authentication:
    case Errc::unexpected_packet:
      return ReasonCode::protocol_error;
    case Errc::not_mqtt:
    case Errc::unsupported_version:
      return ReasonCode::unsupported_protocol_version;
    case Errc::bad_client_id:
      return ReasonCode::client_identifier_not_valid;
    case Errc::packet_too_large:
      return ReasonCode::packet_too_large;
    case Errc::too_many:
      return ReasonCode::quota_exceeded;
    case Errc::topic_over_limit:
      return ReasonCode::topic_name_invalid;
    case Errc::filter_over_limit:
      return ReasonCode::topic_filter_invalid;
    case Errc::receive_maximum_exceeded:
      return ReasonCode::receive_maximum_exceeded;
    case Errc::topic_alias_invalid:
      return ReasonCode::topic_alias_invalid;
    case Errc::qos_not_supported:
      return ReasonCode::qos_not_supported;
    case Errc::retain_not_supported:
      return ReasonCode::retain_not_supported;
    case Errc::wildcards_not_supported:
      return ReasonCode::wildcard_subscriptions_not_supported;
    case Errc::shared_not_supported:
      return ReasonCode::shared_subscriptions_not_supported;
    case Errc::subscription_ids_not_supported:
      return ReasonCode::subscription_identifiers_not_supported;
    case Errc::keep_alive_timeout:
      return ReasonCode::keep_alive_timeout;
    case Errc::closed:
    case Errc::out_of_state:
    case Errc::window_full:
    case Errc::unknown_packet_id:
    case Errc::not_encodable:
      break;
  }
  return ReasonCode::unspecified_error;
}

}  // namespace sealpost::mqtt
