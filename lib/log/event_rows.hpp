#pragma once
// Events as rows: to the database and back.

#include "log/bulk.hpp"
#include "log/chain.hpp"
#include "log/database.hpp"
#include "log/reader.hpp"

namespace sealpost::log {

// The columns that record_of() reads, followed by whatever a query needs beside them.
#define SEALPOST_EVENT_COLUMNS                                                                                       \
  "event.id, event.part, event.time, event.logged, event.kind, event.client, event.device, event.epoch, event.seq, " \
  "event.link, event.prev, event.author, event.recipient, event.object, event.type, event.consumer, event.cause, "   \
  "event.keys, event.body_hash, event.hash"
#define SEALPOST_EVENT_WITH_BODY \
  "SELECT " SEALPOST_EVENT_COLUMNS ", text FROM event LEFT JOIN body ON body.event = event.id "

constexpr int column_of_text = 20;

// The record, without its body.
Record record_of(const Statement::Rows&);

// The body of a row of SEALPOST_EVENT_WITH_BODY; null if there is none.
Body body_of(const Statement::Rows&);

// Writes events and their bodies: those that were added, by flush().
class EventRows {
 public:
  explicit EventRows(Database& database) : database_(database) {}
  // The record lives until flush().
  void add(const Record&, Body);
  void flush();

 private:
  struct New {
    const Record* record;
    Body body;
    std::string keys;  // one after the other
  };

  Database& database_;
  BulkInsert<8> event_{database_, "INSERT INTO event", column_of_text};
  BulkInsert<8> body_{database_, "INSERT INTO body", 2};
  std::vector<New> added_;
};

}  // namespace sealpost::log
