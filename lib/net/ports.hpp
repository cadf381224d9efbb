#pragma once
// What this room needs from the process around it. Everything named by reference outlives every listener, channel and
// connection that was made with it.

#include <boost/asio/any_io_executor.hpp>

#include "base/counters.hpp"
#include "base/ports.hpp"
#include "net/buffer_pool.hpp"

namespace sealpost::net {

namespace asio = boost::asio;

struct Ports {
  asio::any_io_executor executor;  // of the io_context, not a strand: each connection makes its own
  BufferPool& buffers;
  Timers& timers;
  LogSink& log;
  Counters& counters;
};

}  // namespace sealpost::net
