#include "log/chain.hpp"

namespace sealpost::log {
namespace {

constexpr std::string_view event_domain{"sealpost/event/1\0", 17};
constexpr std::string_view log_domain{"sealpost/log/1\0", 15};

// Fixed widths for numbers and names, a length before each text: one byte string for one event.
class Encoder {
 public:
  Encoder() { bytes_.reserve(640); }

  void number(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<char>(value >> shift));
  }
  void bytes(BytesView view) { bytes_.append(as_text(view)); }
  void text(std::string_view text) {
    number(text.size());
    bytes_.append(text);
  }
  BytesView view() const { return as_bytes(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace

Digest genesis(const Device& log_id) {
  return sha256({as_bytes(log_domain), as_bytes(log_id.text())});
}

Digest hash_of_body(const Body& body) {
  return body ? sha256(as_bytes(*body)) : Digest{};
}

Digest chain_hash(const Digest& previous, const Record& record) {
  const Draft& draft = record.draft;
  Encoder out;
  out.number(static_cast<std::uint64_t>(record.id.value));
  out.number(record.part);
  out.number(static_cast<std::uint64_t>(draft.time));
  out.number(static_cast<std::uint64_t>(record.logged));
  out.number(static_cast<std::uint64_t>(draft.kind));
  out.bytes(draft.client.view());
  out.text(draft.device.text());
  out.number(draft.epoch.value);
  out.number(draft.seq.value);
  out.bytes(draft.link.view());
  out.bytes(draft.prev.view());
  out.bytes(draft.author.view());
  out.bytes(draft.recipient.view());
  out.bytes(draft.object.view());
  out.text(draft.type);
  out.text(draft.consumer);
  out.number(static_cast<std::uint64_t>(draft.cause.value));
  out.number(draft.keys.size());
  for (const PublicKey& key : draft.keys) out.bytes(key.view());
  out.bytes(record.body_hash);
  return sha256({as_bytes(event_domain), previous, out.view()});
}

}  // namespace sealpost::log
