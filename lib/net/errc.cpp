#include "net/errc.hpp"

namespace sealpost::net {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::end_of_stream:
      return "the peer has finished sending";
    case Errc::closed:
      return "closed from this side";
    case Errc::timeout:
      return "the peer took too long";
    case Errc::unsent_too_large:
      return "the peer reads too slowly";
    case Errc::tls_failed:
      return "the TLS handshake failed, or the peer broke the TLS protocol";
    case Errc::certificate_untrusted:
      return "the server's certificate is not signed by a trusted authority";
    case Errc::certificate_wrong_name:
      return "the server's certificate is made out to another host";
    case Errc::certificate_expired:
      return "the server's certificate has expired or is not yet valid";
    case Errc::certificate_not_pinned:
      return "the server's certificate is not the pinned one";
    case Errc::ca_file_unreadable:
      return "the file of trusted authorities is missing or is not PEM";
    case Errc::host_not_found:
      return "the host's name does not resolve";
    case Errc::not_a_websocket:
      return "the server refused the WebSocket upgrade";
    case Errc::websocket_protocol:
      return "the peer broke the WebSocket protocol, or sent text";
    case Errc::http_malformed:
      return "the peer does not speak HTTP/1.1";
    case Errc::http_too_large:
      return "the HTTP header or body is over its limit";
    case Errc::bad_address:
      return "not an address, port or path that could be connected to";
    case Errc::proxy_header_missing:
      return "it does not begin with a PROXY header";
    case Errc::proxy_header_old:
      return "its PROXY header is of version 1; let the proxy send version 2";
    case Errc::proxy_header_malformed:
      return "its PROXY header is malformed";
    case Errc::proxy_header_too_large:
      return "its PROXY header is longer than 536 bytes; let the proxy leave out what it adds to the addresses";
  }
  return "unknown network error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sealpost.net"; }
  std::string message(int code) const override { return text_of(static_cast<Errc>(code)); }
};

}  // namespace

ErrorCode make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace sealpost::net
