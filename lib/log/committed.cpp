#include "log/event_log.hpp"

namespace sealpost::log {

Committed Reader::committed(EventId id, const Draft& draft, Millis logged, const Digest& hash) {
  Committed made;
  made.id_ = id;
  made.kind_ = draft.kind;
  made.seq_ = draft.seq;
  made.link_ = draft.link;
  made.time_ = draft.time;
  made.logged_ = logged;
  made.hash_ = hash;
  return made;
}

Committed EventLog::committed(EventId id, const Draft& draft, Millis logged, const Digest& hash) {
  return Reader::committed(id, draft, logged, hash);
}

}  // namespace sealpost::log
