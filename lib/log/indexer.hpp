#pragma once
// The lane, feed and object indexes: rows that follow behind the commits, one index and a sorted slice of events at a
// time. A slice of one index alone has many rows for each page that it touches, and is short.

#include <array>
#include <span>

#include "log/bulk.hpp"
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
// Of an object with an author: an `in` of the client's own is not, the lanes have it already.
bool in_author_index(const Draft&);
std::int64_t number_of(const Digest&);  // the first 8 bytes, which the link index is made of

enum class Index { lane, feed, link, type, author };  // permalinks are in `link`
constexpr std::size_t index_count = 5;

// Up to which event each index follows.
class IndexedTo {
 public:
  IndexedTo() = default;
  explicit IndexedTo(EventId all) { to_.fill(all); }
  EventId& operator[](Index index) { return to_[static_cast<std::size_t>(index)]; }
  EventId operator[](Index index) const { return to_[static_cast<std::size_t>(index)]; }
  EventId least() const;
  EventId most() const;
  Index slowest() const;

 private:
  std::array<EventId, index_count> to_{};
};

#define SEALPOST_INDEXED_TO "SELECT lane_to, feed_to, link_to, type_to, author_to FROM log"
IndexedTo indexed_to_of(const Statement::Rows&);  // of a row of it

class Indexer {
 public:
  explicit Indexer(Database& database) : database_(database) {}

  // Writes the index's rows of these events, sorted, and notes in `log` that it follows up to the last of them. Within
  // a transaction.
  void index(Index, std::span<const Record* const> events);

 private:
  using Events = std::vector<const Record*>;

  void index_lanes(Events& events);
  void index_feeds(Events& events);
  void index_links(Events& events);
  void index_types(Events& events);
  void index_authors(Events& events);

  Database& database_;
  using Rows = BulkInsert<32>;

  Rows lane_{database_, "INSERT INTO lane", 4};
  Rows feed_{database_, "INSERT INTO feed", 3};
  Rows link_{database_, "INSERT INTO object_link", 2};
  Rows type_{database_, "INSERT INTO object_type", 2};
  Rows author_{database_, "INSERT INTO object_author", 2};
  Rows permalink_{database_, "INSERT INTO object_permalink", 2};
  Statement lane_to_{database_, "UPDATE log SET lane_to = ?1"};
  Statement feed_to_{database_, "UPDATE log SET feed_to = ?1"};
  Statement link_to_{database_, "UPDATE log SET link_to = ?1"};
  Statement type_to_{database_, "UPDATE log SET type_to = ?1"};
  Statement author_to_{database_, "UPDATE log SET author_to = ?1"};
};

}  // namespace sealpost::log
