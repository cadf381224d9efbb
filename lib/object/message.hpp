#pragma once
// A sealpost.Message (PROTOCOL section 1): the envelope of one payload in a lane. Read through `Message`, made through
// `OutMessage`.

#include <array>
#include <optional>
#include <string_view>

#include "object/object.hpp"

namespace sealpost::object {

inline constexpr std::string_view message_type = "sealpost.Message";
using Salt = std::array<std::uint8_t, 16>;  // `_z`

// A view of an object that is a message. Holds the object, so that its views of text stay good for its lifetime.
class Message {
 public:
  // Judges the form: signed, of this type, unversioned, every field in order, `_q` absent exactly when `_n` is 1, and
  // the payload an object with a `_t`. Members the protocol does not know are left alone; they are signed like the
  // rest.
  static Result<Message> read(const Object&);

  const Object& object() const { return object_; }
  std::string_view stored() const { return object_.stored(); }
  const Link& link() const { return object_.link(); }
  const SignaturePart& signature() const { return *object_.signature(); }

  const Permalink& author() const { return *object_.author(); }
  const Permalink& recipient() const { return recipient_; }
  const Device& device() const { return device_; }    // `_d`; the server's is its log id
  Seq n() const { return n_; }                        // from 1
  const Link& previous() const { return previous_; }  // `_q`; none for the first message of a lane
  Millis time() const { return *object_.time(); }
  const Salt& salt() const { return salt_; }                                   // `_z`
  std::string_view payload() const { return payload_; }                        // `object`, canonical
  std::string_view payload_type() const { return payload_type_; }              // its `_t`
  const boost::json::object& payload_fields() const;                           // the same, parsed
  const std::optional<std::string_view>& context() const { return context_; }  // any string
  const std::optional<Link>& in_reply_to() const { return in_reply_to_; }      // the link of a message

 private:
  explicit Message(const Object& object) : object_(object) {}
  bool read_lane();
  bool read_rest();

  Object object_;
  Permalink recipient_;
  Device device_;
  Seq n_;
  Link previous_;
  Salt salt_{};
  std::string_view payload_;
  std::string_view payload_type_;
  std::optional<std::string_view> context_;
  std::optional<Link> in_reply_to_;
};

// A message to be sent. Joins the canonical text from parts that are canonical already, without building a tree: under
// a microsecond for a small payload. Only the views must outlive the call of prepare().
struct OutMessage {
  Permalink author;
  Permalink recipient;
  Device device;
  Seq n;          // from 1
  Link previous;  // none if n is 1
  Millis time = 0;
  Salt salt{};
  std::string_view payload;  // canonical text of an object with a `_t`
  std::optional<std::string_view> context = std::nullopt;
  std::optional<Link> in_reply_to = std::nullopt;

  Unsigned prepare() const;
};

}  // namespace sealpost::object
