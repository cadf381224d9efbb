#include "damage/harm.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "damage/numbers.hpp"

namespace sealpost::damage {
namespace {

constexpr std::size_t sector = 512;
// SQLite's file format, section 4.1.
constexpr std::size_t frame_header = 24;

constexpr PageType any{};
constexpr Group all[] = {
    {Target::database, Way::byte, PageType::header, 60, "byte: header"},
    {Target::database, Way::byte, PageType::schema, 80, "byte: sqlite_schema"},
    {Target::database, Way::byte, PageType::table_leaf, 90, "byte: table leaf"},
    {Target::database, Way::byte, PageType::table_interior, 70, "byte: table interior"},
    {Target::database, Way::byte, PageType::index_leaf, 100, "byte: index leaf"},
    {Target::database, Way::byte, PageType::index_interior, 70, "byte: index interior"},
    {Target::database, Way::byte, PageType::overflow, 60, "byte: overflow"},
    {Target::database, Way::byte, PageType::free, 40, "byte: free page"},
    {Target::database, Way::sector, any, 70, "512 bytes zero"},
    {Target::database, Way::cut, any, 30, "cut short"},
    {Target::database, Way::page, any, 50, "a page over another"},
    {Target::wal_and_shm, Way::byte, any, 80, "byte"},
    {Target::wal_and_shm, Way::sector, any, 20, "512 bytes zero"},
    {Target::wal_and_shm, Way::cut, any, 20, "cut short"},
    {Target::wal_alone, Way::byte, any, 40, "byte"},
    {Target::wal_alone, Way::sector, any, 10, "512 bytes zero"},
    {Target::wal_alone, Way::cut, any, 10, "cut short"},
    {Target::key_ring, Way::byte, any, 30, "byte"},
    {Target::key_ring, Way::cut, any, 10, "cut short"},
    {Target::key_file, Way::byte, any, 10, "byte"},
    {Target::configuration, Way::byte, any, 40, "byte"},
    {Target::configuration, Way::cut, any, 10, "cut short"},
};

class Harming {
 public:
  Harming(std::uint64_t number, const Undamaged& undamaged) : numbers_(number), undamaged_(undamaged) {}

  Harm make() {
    Harm harm;
    harm.group = chosen();
    const Group& group = all[harm.group];
    switch (group.target) {
      case Target::database:
        harm.log = undamaged_.scene.closed;
        harm.where = spoil_database(group, harm.log.database);
        break;
      case Target::wal_and_shm:
      case Target::wal_alone:
        harm.log = undamaged_.scene.killed;
        if (group.target == Target::wal_alone) harm.log.shm.clear();
        harm.where = spoil_wal(group.way, harm.log.wal);
        break;
      case Target::key_ring:
        harm.text = undamaged_.key_ring;
        harm.where = spoil(group.way, harm.text);
        break;
      case Target::key_file:
        harm.text = undamaged_.key_file;
        harm.where = spoil(group.way, harm.text);
        break;
      case Target::configuration:
        harm.text = undamaged_.configuration;
        harm.where = spoil(group.way, harm.text);
        break;
    }
    return harm;
  }

 private:
  std::size_t chosen() {
    int total = 0;
    for (const Group& group : all) total += group.share;
    auto left = static_cast<int>(numbers_.below(static_cast<std::size_t>(total)));
    std::size_t at = 0;
    while (left >= all[at].share) left -= all[at++].share;
    return at;
  }

  // One bit, or any other byte.
  std::string flip(std::string& bytes, std::size_t at) {
    const auto before = static_cast<std::uint8_t>(bytes[at]);
    const std::size_t change = numbers_.one_in(2) ? std::size_t{1} << numbers_.below(8) : 1 + numbers_.below(255);
    const auto after = static_cast<std::uint8_t>(before ^ change);
    bytes[at] = static_cast<char>(after);
    return fmt::format("byte {}: {:02x} became {:02x}", at, before, after);
  }

  std::string zero(std::string& bytes) {
    const std::size_t at = numbers_.below((bytes.size() + sector - 1) / sector) * sector;
    const std::size_t end = std::min(at + sector, bytes.size());
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    return fmt::format("bytes {} to {} became zero", at, end - 1);
  }

  // Half of the cuts where a write might have ended.
  std::string cut(std::string& bytes, std::size_t first, std::size_t piece) {
    std::size_t size = numbers_.one_in(8) ? 0 : numbers_.below(bytes.size());
    if (numbers_.one_in(2)) size = size < first ? 0 : first + (size - first) / piece * piece;
    bytes.resize(size);
    return fmt::format("cut to {} bytes", size);
  }

  std::string spoil(Way way, std::string& bytes) {
    return way == Way::cut ? cut(bytes, 0, 1) : flip(bytes, numbers_.below(bytes.size()));
  }

  std::string spoil_database(const Group& group, std::string& bytes) {
    const PageMap& map = undamaged_.pages;
    switch (group.way) {
      case Way::byte:
        return flip_in_page(group.page, bytes);
      case Way::sector:
        return zero(bytes);
      case Way::cut:
        return cut(bytes, 0, map.page_size);
      case Way::page:
        break;
    }
    const std::size_t from = numbers_.below(map.count());
    const std::size_t to = (from + 1 + numbers_.below(map.count() - 1)) % map.count();
    bytes.replace(to * map.page_size, map.page_size, bytes, from * map.page_size, map.page_size);
    return fmt::format("page {} became what page {} is", to + 1, from + 1);
  }

  // A third of them where the page says what is where in it: its header, and the cells' places.
  std::string flip_in_page(PageType type, std::string& bytes) {
    const PageMap& map = undamaged_.pages;
    const auto& pages = map.of(type);
    const Page& page = pages[numbers_.below(pages.size())];
    const std::size_t start = (page.number - 1) * map.page_size;
    const std::size_t reserved = type == PageType::schema && page.number == 1 ? PageMap::header_size : 0;
    const std::size_t size = type == PageType::header ? PageMap::header_size : map.page_size - reserved;
    const std::size_t within = numbers_.one_in(3) ? std::min<std::size_t>(size, 64) : size;
    const std::string what = flip(bytes, start + reserved + numbers_.below(within));
    return fmt::format("page {} ({} of {}), {}", page.number, name_of(type), page.table, what);
  }

  // A quarter of the bytes in headers.
  std::string spoil_wal(Way way, std::string& bytes) {
    const std::size_t frame = frame_header + undamaged_.pages.page_size;
    if (way == Way::sector) return zero(bytes);
    if (way == Way::cut) return cut(bytes, wal_header, frame);
    if (numbers_.one_in(8)) return "header, " + flip(bytes, numbers_.below(wal_header));
    const std::size_t number = numbers_.below((bytes.size() - wal_header) / frame);
    const std::size_t within = numbers_.below(numbers_.one_in(8) ? frame_header : frame);
    return fmt::format("frame {}, {}", number + 1, flip(bytes, wal_header + number * frame + within));
  }

  Numbers numbers_;
  const Undamaged& undamaged_;
};

}  // namespace

std::span<const Group> groups() {
  return all;
}

Harm harm_of(std::uint64_t number, const Undamaged& undamaged) {
  return Harming(number, undamaged).make();
}

}  // namespace sealpost::damage
