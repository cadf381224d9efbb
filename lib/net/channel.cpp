#include "net/channel.hpp"

namespace sealpost::net {

std::string_view name_of(Transport transport) {
  switch (transport) {
    case Transport::tcp:
      return "tcp";
    case Transport::tls:
      return "tls";
    case Transport::local:
      return "unix";
    case Transport::websocket:
      return "ws";
    case Transport::websocket_tls:
      return "wss";
  }
  return "unknown";
}

}  // namespace sealpost::net
