#pragma once
// What can go wrong in the log, as values. The first group is a verdict on one transaction and leaves the log as it
// was; the second is the state of the log, for a while or for good; the third comes from opening a database file.

#include "base/result.hpp"

namespace sealpost::log {

enum class Errc {
  stale_epoch = 1,       // the device has a newer epoch than the draft, or (kind epoch) not the one before it
  lane_conflict,         // not the next number, not the head's link, or a time not after the head's
  lane_shut,             // the device's in-lane takes no more
  stale_cursor,          // the consumer's cursor has already reached the cause: this was done before
  identity_conflict,     // the version does not follow the newest one of its permalink
  key_claimed,           // a key is bound to another identity
  idempotency_mismatch,  // the key was used before, with another request
  bad_draft,             // a field that the kind needs is missing, or one it must not have is there

  overloaded,  // too much is queued: try later
  disk_full,   // no room: the log only reads until there is some, and then goes on by itself
  io,          // the disk failed: nothing more will be appended by this process
  stopped,     // the log has been told to stop

  cannot_open,   // no such folder, no permission, or not a file
  locked,        // another process has the log open
  not_a_log,     // a database of something else
  newer_schema,  // written by a later version of the program
  older_schema,  // written by an earlier one, of which no way leads here
  corrupt,       // the chain, the heads or the file itself is damaged
  wal_damaged,   // the write-ahead log is, and commits in it are lost
};

boost::system::error_code make_error_code(Errc);

}  // namespace sealpost::log

SEALPOST_ERROR_CODES(sealpost::log::Errc);
