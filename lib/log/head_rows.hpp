#pragma once
// Heads, cursors and keys as rows: loaded when a client is first asked for, written once a batch.

#include "log/bulk.hpp"
#include "log/database.hpp"
#include "log/heads.hpp"

namespace sealpost::log {

class HeadRows final : public HeadSource {
 public:
  explicit HeadRows(Database& database) : database_(database) {}

  ClientRows load(const Permalink&) override;
  std::optional<Permalink> key_owner(const PublicKey&) override;
  // Writes what has changed in `heads`, which may then settle().
  void store(const Heads& heads);

 private:
  Database& database_;
  Statement get_client_{database_,
                        "SELECT identity, identity_event, out_seq, out_link, out_time, out_event, last_in, last_intent "
                        "FROM client WHERE client = ?1"};
  Statement get_devices_{
      database_, "SELECT device, epoch, in_seq, in_link, in_time, in_event, shut, start FROM device WHERE client = ?1"};
  Statement get_cursors_{database_, "SELECT consumer, event FROM cursor WHERE client = ?1"};
  Statement get_key_{database_, "SELECT client FROM key WHERE key = ?1"};
  BulkInsert<8> clients_{database_, "REPLACE INTO client", 9};
  BulkInsert<8> devices_{database_, "REPLACE INTO device", 9};
  BulkInsert<8> cursors_{database_, "REPLACE INTO cursor", 3};
  Statement put_key_{database_, "INSERT INTO key VALUES (?1, ?2)"};
};

}  // namespace sealpost::log
