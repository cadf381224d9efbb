#pragma once
// The lane, feed and object indexes: rows that follow behind the commits, a sorted slice at a time.

#include <span>

#include "log/chain.hpp"
#include "log/database.hpp"
#include "log/heads.hpp"

namespace sealpost::log {

// Which indexes name an event. One list, for the indexer, for the readers of the tail, and for verify.
bool in_lane(const Draft&);                   // in, out: by client, device and number
bool in_feed(const Draft&);                   // identity, in that waits for the bot, intent: by client and kind
const Permalink& feed_client(const Draft&);   // whose feed: an intent is in its recipient's
bool is_object(const Draft&);                 // identity, in, out with a link: by link, type, author
const Permalink& permalink_of(const Draft&);  // of an object; none: it is the link

class Indexer {
 public:
  explicit Indexer(Database& database) : database_(database) {}

  // Writes the rows of these events, sorted, and moves log.indexed_to to the last of them. Within a transaction.
  void index(std::span<const Record* const> events);

 private:
  void index_lanes(std::vector<const Record*>& events);
  void index_feeds(std::vector<const Record*>& events);
  void index_objects(std::vector<const Record*>& events);

  Database& database_;
  Statement lane_{database_, "INSERT INTO lane VALUES (?1, ?2, ?3, ?4)"};
  Statement feed_{database_, "INSERT INTO feed VALUES (?1, ?2, ?3)"};
  Statement link_{database_, "INSERT INTO object_link VALUES (?1, ?2)"};
  Statement type_{database_, "INSERT INTO object_type VALUES (?1, ?2)"};
  Statement author_{database_, "INSERT INTO object_author VALUES (?1, ?2)"};
  Statement permalink_{database_, "INSERT INTO object_permalink VALUES (?1, ?2)"};
  Statement indexed_to_{database_, "UPDATE log SET indexed_to = ?1"};
};

}  // namespace sealpost::log
