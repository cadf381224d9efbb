#include "client/errc.hpp"

namespace sealpost::client {
namespace {

std::string_view text_of(Errc code) {
  switch (code) {
    case Errc::bad_address:
      return "not an address of a server";
    case Errc::protocol:
      return "the server broke the protocol";
    case Errc::refused:
      return "the server refused: not authorized";
    case Errc::server_unproven:
      return "the server did not prove who it is";
    case Errc::server_changed:
      return "another server than the pinned one";
    case Errc::taken_over:
      return "another connection of this device has taken over";
    case Errc::busy:
      return "the server is busy or stopping";
    case Errc::closed:
      return "the connection was closed";
    case Errc::silent:
      return "the server does not answer";
    case Errc::too_many_versions:
      return "our identity has more versions than a server that does not know it takes";
    case Errc::incompatible:
      return "the server does not speak MQTT 5 with SEALPOST-1";
    case Errc::histories_differ:
      return "the server's history differs from ours";
    case Errc::too_large:
      return "larger than the server takes";
    case Errc::bad_payload:
      return "not a JSON object with a member _t";
    case Errc::bad_context:
      return "the context is not UTF-8";
    case Errc::not_for_us:
      return "a relayed message that is not for us, or not by whom it says";
    case Errc::not_in_order:
      return "a relayed message behind one that came before";
    case Errc::no_server_yet:
      return "the server's identity is not known before the first connection";
    case Errc::store_locked:
      return "another process uses the store";
    case Errc::store_damaged:
      return "the store is damaged";
    case Errc::store_newer:
      return "the store was written by a later Sealpost";
    case Errc::store_foreign:
      return "the store belongs to another identity";
    case Errc::store_failed:
      return "the store could not be written or read";
  }
  return "unknown";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sealpost.client"; }
  std::string message(int value) const override { return std::string(text_of(static_cast<Errc>(value))); }
};

}  // namespace

ErrorCode make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace sealpost::client
