#pragma once
// A connection to the server that never blocks, over TCP, TLS or a Unix socket.

#include <memory>
#include <string>

#include "cli/bench/world.hpp"
#include "net/wire.hpp"

namespace sealpost::cli::bench {

class Socket {
 public:
  // Begins to connect. Throws Stop.
  explicit Socket(World&);

  int descriptor() const { return descriptor_; }
  // Goes on with connecting and TLS; true once that is done. Throws Stop.
  bool opened(World&);
  // Bytes read; 0: none now. Errors: the connection is over.
  Result<std::size_t> read(std::span<std::uint8_t> room);
  // Sends the pieces, one after the other, or keeps a copy of what does not fit yet.
  Result<void> write(std::span<const BytesView> pieces);
  Result<void> flush() { return write({}); }
  bool waits_to_write() const { return wants_write_; }
  std::optional<Digest> exporter() const { return wire_->exporter(); }

 private:
  std::shared_ptr<net::Wire> wire_;
  int descriptor_ = -1;
  bool connected_ = false;
  bool wants_write_ = true;
  std::string held_;  // taken, not yet sent
};

}  // namespace sealpost::cli::bench
