// Load for an MQTT server, any that speaks 3.1.1 or 5.0 to anonymous clients; test/bench/broker_bench.py runs it
// against this server and others in turn. Prints one line of JSON; the exit status is 1 when a message was lost,
// doubled or garbled, or the server refused something.
//
//   broker_load messages       delivered a second, latency, CPU of the server and of the load for each
//     --shape pairs|fan-out|fan-in  --qos 0|1|2  --payload BYTES  --peers N  --window W
//     --warm-up SECONDS  --seconds SECONDS  --messages N
//   broker_load connects       connections a second            --at-once N  --warm-up, --seconds
//   broker_load idle           memory of a connection           --connections N
//   broker_load subscriptions  memory of a subscription         --connections N  --filters N (of each)
//   all: --host HOST  --port PORT  --tls  --protocol 3.1.1|5  --pid PID (the server's; needed for CPU and memory)
//
// One thread: at `load_cores` near 1 it is the load that is measured, and only the server's CPU can be compared.

#include <signal.h>
#include <sys/resource.h>

#include "bench/broker/measure.hpp"
#include "bench/broker/modes.hpp"

using namespace sealpost::bench;

namespace {

void raise_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool run(const Options& options) {
  if (options.mode == "messages") return run_messages(options);
  if (options.mode == "connects") return run_connects(options);
  if (options.mode == "idle") return run_idle(options);
  if (options.mode == "subscriptions") return run_subscriptions(options);
  give_up("the first argument is one of messages, connects, idle, subscriptions");
}

}  // namespace

int main(int count, char** values) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the server may have closed
  raise_descriptors();
  return run(options_of(count, values)) ? 0 : 1;
}
