#pragma once
// The engines' key to the output gate: who includes this header is part of a log, and has seen the commit.

#include "log/chain.hpp"
#include "log/event_log.hpp"

namespace sealpost::log {

class Gate : EventLog {
 public:
  static Committed committed(const Record& record) {
    return EventLog::committed(record.id, record.draft, record.logged, record.hash);
  }
};

}  // namespace sealpost::log
