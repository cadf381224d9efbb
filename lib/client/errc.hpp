#pragma once
// What can go wrong between a client and a server, or between a client and its own disk.

#include "base/result.hpp"

namespace sealpost::client {

enum class Errc {
  // The address
  bad_address = 1,  // not mqtt://, mqtts://, ws://, wss:// or unix: with a host (or a path)
  // The conversation
  protocol,           // the server said what it may not say here
  refused,            // not authorized: the server tells no more than that (PROTOCOL section 3)
  server_unproven,    // the server's proof of who it is does not hold
  server_changed,     // not the server that was pinned
  taken_over,         // another connection of this device has come; a client does not fight back
  busy,               // the server wants us to come back later
  closed,             // the connection ended without a word
  silent,             // the server answered neither ping nor handshake in time
  too_many_versions,  // refused past a limit, and the Proof had more versions of ours than a stranger may bring
  incompatible,       // the server does not speak MQTT 5 with SEALPOST-1, or cannot take what we need
  histories_differ,   // what the server delivers does not continue what it delivered before
  // A message
  too_large,      // larger than the server takes
  bad_payload,    // not a JSON object with a `_t`
  bad_context,    // not UTF-8
  not_for_us,     // a relayed message that is not for us, or not by whom it says
  not_in_order,   // a relayed message that its author had numbered lower than one before it
  no_server_yet,  // addressed to the server, whose identity is not known before the first connection
  // The store
  store_locked,   // another process uses it
  store_damaged,  // SQLite cannot make sense of the file
  store_newer,    // written by a later Sealpost
  store_foreign,  // it belongs to another identity, or it is no store of a client
  store_failed,   // the disk refused: full, read-only, or broken
};

ErrorCode make_error_code(Errc);

}  // namespace sealpost::client

SEALPOST_ERROR_CODES(sealpost::client::Errc);
