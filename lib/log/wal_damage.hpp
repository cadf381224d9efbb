#pragma once
// Whether a write-ahead log has lost commits that were acknowledged. SQLite takes the first frame that does not fit its
// checksum for the end, as it must be able to: a power cut leaves the last commit like that. But the same happens to
// all that stands behind a byte that has gone bad, and nobody is told. Two things tell damage from a power cut:
//
// - Commits behind the end. The next commit is written only after the one before it is synced, and each frame's
//   checksum goes on from the one before. So behind an interrupted write there is at most one commit, and nothing that
//   builds on it.
// - The shared memory beside it (-shm), where there still is one: it counts the frames, and only those that are synced.
//
// What neither shows: that the last commit, or the whole file, is gone where the shared memory is gone too.

#include <string>

namespace sealpost::log {

// Of the database at `path`, before anybody opens it: that makes the shared memory anew.
bool wal_is_damaged(const std::string& path);

}  // namespace sealpost::log
