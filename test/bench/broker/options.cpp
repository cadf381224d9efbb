#include <charconv>
#include <string_view>

#include "bench/broker/measure.hpp"
#include "bench/broker/modes.hpp"

namespace sealpost::bench {

namespace {

template <typename Number>
void read_number(std::string_view name, std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    give_up("{} {}: not a number that it takes", name, text);
}

void read_shape(std::string_view text, Shape& shape) {
  if (text == "pairs") {
    shape = Shape::pairs;
  } else if (text == "fan-out") {
    shape = Shape::fan_out;
  } else if (text == "fan-in") {
    shape = Shape::fan_in;
  } else {
    give_up("--shape {}: one of pairs, fan-out, fan-in", text);
  }
}

void read_protocol(std::string_view text, Protocol& protocol) {
  if (text != "3.1.1" && text != "5") give_up("--protocol {}: 3.1.1 or 5", text);
  protocol = text == "5" ? Protocol::v5 : Protocol::v311;
}

void read_option(std::string_view name, std::string_view value, Options& options) {
  if (name == "--host") {
    options.host = value;
  } else if (name == "--port") {
    read_number(name, value, options.port);
  } else if (name == "--protocol") {
    read_protocol(value, options.protocol);
  } else if (name == "--pid") {
    read_number(name, value, options.pid);
  } else if (name == "--shape") {
    read_shape(value, options.shape);
  } else if (name == "--qos") {
    read_number(name, value, options.qos);
  } else if (name == "--payload") {
    read_number(name, value, options.payload_bytes);
  } else if (name == "--peers") {
    read_number(name, value, options.peers);
  } else if (name == "--window") {
    read_number(name, value, options.window);
  } else if (name == "--warm-up") {
    read_number(name, value, options.warm_up_seconds);
  } else if (name == "--seconds") {
    read_number(name, value, options.seconds);
  } else if (name == "--messages") {
    read_number(name, value, options.messages);
  } else if (name == "--connections") {
    read_number(name, value, options.connections);
  } else if (name == "--at-once") {
    read_number(name, value, options.at_once);
  } else if (name == "--filters") {
    read_number(name, value, options.filters);
  } else {
    give_up("there is no option {}", name);
  }
}

void fill_in(Options& options) {
  const bool fan_out = options.shape == Shape::fan_out;
  if (options.peers == 0) options.peers = fan_out ? 1000 : 100;
  if (options.window == 0) options.window = fan_out ? 4 : 16;
  if (options.connections == 0) options.connections = options.mode == "idle" ? 10'000 : 100;
}

void check(const Options& options) {
  if (options.qos > 2) give_up("--qos is 0, 1 or 2");
  if (options.payload_bytes < 32) give_up("--payload: at least 32 bytes, for what is checked");
  if (options.window > 65535) give_up("--window: at most 65535, as many as there are packet identifiers");
  if (options.warm_up_seconds + options.seconds > 500) give_up("at most 500 s: clients do not ping");
  if (options.at_once == 0) give_up("--at-once: at least 1");
  if (options.filters == 0 || options.filters % 100 != 0) give_up("--filters: a multiple of 100, which a packet holds");
}

}  // namespace

Options options_of(int count, char** values) {
  Options options;
  if (count > 1) options.mode = values[1];
  for (int i = 2; i < count; ++i) {
    const std::string_view name = values[i];
    if (name == "--tls") {
      options.tls = true;
    } else if (i + 1 < count) {
      read_option(name, values[++i], options);
    } else {
      give_up("{} needs a value", name);
    }
  }
  fill_in(options);
  check(options);
  return options;
}

}  // namespace sealpost::bench
