#pragma once
// What this room needs from the process around it. Everything named by reference outlives every listener, channel and
// connection that was made with it.

#include <boost/asio/io_context.hpp>

#include "base/counters.hpp"
#include "base/ports.hpp"
#include "net/buffer_pool.hpp"

namespace sealpost::net {

namespace asio = boost::asio;

// Named, not asio::any_io_executor: a strand of the latter allocates at every post.
using Executor = asio::io_context::executor_type;

struct Ports {
  Executor executor;  // of the io_context, not a strand: each connection makes its own
  BufferPool& buffers;
  Timers& timers;
  LogSink& log;
  Counters& counters;
};

}  // namespace sealpost::net
