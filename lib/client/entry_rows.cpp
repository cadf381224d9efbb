#include "client/entry_rows.hpp"

namespace sealpost::client {
namespace {

constexpr std::string_view columns = "id, mine, lane, n, link, time, standing, peer, answers, stored, note";

Entry read_entry(const Statement& row) {
  Entry entry;
  entry.id = row.number(0);
  entry.mine = row.number(1) != 0;
  entry.lane = Device::parse(row.text(2)).value_or(Device());
  entry.n = seq_of(row.number(3));
  entry.link = Link::from_hex(row.text(4)).value_or(Link());
  entry.time = row.number(5);
  entry.standing = static_cast<Standing>(row.number(6));
  entry.peer = Permalink::from_hex(row.text(7)).value_or(Permalink());
  entry.answers = Link::from_hex(row.text(8));
  entry.stored = row.text(9);
  entry.note = row.text(10);
  return entry;
}

}  // namespace

std::string select_entries(std::string_view rest) {
  return std::string("SELECT ").append(columns).append(" FROM entry WHERE ").append(rest);
}

Result<std::vector<Entry>> read_entries(Statement& rows) {
  std::vector<Entry> entries;
  while (rows.step()) entries.push_back(read_entry(rows));
  const auto whole = rows.status();
  if (!whole) return whole.error();
  return entries;
}

Result<std::optional<Entry>> read_one(Statement& rows) {
  std::optional<Entry> entry;
  if (rows.step()) entry = read_entry(rows);
  const auto read = rows.status();
  if (!read) return read.error();
  return entry;
}

Result<void> insert_entry(const Database& database, const Entry& entry) {
  Statement insert(database, "INSERT INTO entry VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  insert.bind(std::int64_t{entry.mine}).bind(entry.lane.text()).bind(number_of(entry.n)).bind(entry.link.hex());
  insert.bind(entry.time).bind(static_cast<std::int64_t>(entry.standing)).bind(entry.peer.hex());
  insert.bind(entry.answers ? entry.answers->hex() : std::string()).bind(entry.stored).bind(entry.note);
  return insert.run();
}

std::int64_t number_of(Seq n) {
  return static_cast<std::int64_t>(n.value);
}

Seq seq_of(std::int64_t n) {
  return {static_cast<std::uint64_t>(n)};
}

}  // namespace sealpost::client
