#include "net/channel.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sealpost::net {
namespace {

asio::awaitable<void> input_of(Channel& channel) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&channel](auto handler) {
        const asio::any_io_executor executor = asio::get_associated_executor(handler);
        // Shared, since a std::function wants to be copied.
        const auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
        channel.when_input([executor, waiting] { asio::dispatch(executor, [waiting] { std::move (*waiting)(); }); });
      },
      asio::use_awaitable);
}

}  // namespace

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

asio::awaitable<Result<Lease>> Channel::receive() {
  for (;;) {
    std::optional<Result<Lease>> received = try_receive();
    if (received) co_return std::move(*received);
    co_await input_of(*this);
  }
}

}  // namespace sealpost::net
