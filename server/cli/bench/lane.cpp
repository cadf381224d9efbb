#include "cli/bench/lane.hpp"

#include "mqtt/codec.hpp"

namespace sealpost::cli::bench {

void Lane::prepare(const Envelope& envelope, std::size_t sent, std::size_t count, const object::Signer& signer,
                   Random& random) {
  before_ += sent;
  if (sent > 0) last_ = links_[sent - 1];
  links_.clear();
  bytes_.clear();
  begins_.assign(1, 0);
  object::OutMessage message;
  message.author = envelope.author;
  message.recipient = envelope.recipient;
  message.device = envelope.device;
  message.payload = envelope.payload;
  for (std::size_t i = 0; i < count; ++i) {
    message.n = {n(i)};
    message.previous = i == 0 ? last_ : links_.back();
    message.time = envelope.before_first + static_cast<Millis>(n(i));
    random.fill(message.salt);
    const object::Signed sealed = message.prepare().sign(signer);
    mqtt::Publish publish;
    publish.topic = envelope.topic;
    publish.payload = as_bytes(sealed.stored);
    publish.qos = mqtt::Qos::at_least_once;
    publish.packet_id = packet(i);
    (void)mqtt::encode_publish(mqtt::Version::v5, publish, bytes_);  // it always fits
    begins_.push_back(bytes_.size());
    links_.push_back(sealed.link);
  }
}

}  // namespace sealpost::cli::bench
