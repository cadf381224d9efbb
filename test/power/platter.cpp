#include "platter.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace sealpost::power {
namespace {

using Kind = Operation::Kind;

constexpr std::size_t page = 4096;
constexpr std::size_t sector = 512;

bool chance(Dice& dice, int percent) {
  return static_cast<int>(dice() % 100) < percent;
}

}  // namespace

// The file as the cut leaves it, growing as writes arrive.
class Remains {
 public:
  using Change = Platter::Change;

  Remains(const Platter::State& file, Dice& dice) : file_(file), content_(file.durable), dice_(dice) {
    garbage_ = chance(dice, 50);
  }

  Bytes none() {
    each([](const Operation&) {});
    return std::move(content_);
  }
  Bytes all() {
    each([this](const Operation& change) { whole(change); });
    return std::move(content_);
  }
  Bytes prefix() {
    std::size_t left = dice_() % (file_.changes.size() + 1);
    const std::size_t length = dice_() % 128;
    bool over = false;
    each([&](const Operation& change) {
      if (left > 0) {
        --left;
        return whole(change);
      }
      if (std::exchange(over, true) || change.kind != Kind::write) return;
      const std::size_t last = static_cast<std::size_t>(change.offset) / sector + length;
      torn(change, sector, [&](std::size_t number) { return number < last; });
    });
    return std::move(content_);
  }
  Bytes some() {
    const int percent = static_cast<int>(20 + dice_() % 70);
    each([&](const Operation& change) {
      if (!chance(dice_, percent)) return;
      if (change.kind != Kind::write || chance(dice_, 50)) return whole(change);
      torn(change, chance(dice_, 50) ? page : sector, [&](std::size_t) { return chance(dice_, 60); });
    });
    return std::move(content_);
  }
  // A unit that has not got one write to it gets none after it.
  Bytes versions(std::size_t unit) {
    const int percent = static_cast<int>(5 + dice_() % 60);
    std::set<std::size_t> stale;
    each([&](const Operation& change) {
      if (change.kind == Kind::truncate) {
        if (chance(dice_, 50)) whole(change);
        return;
      }
      torn(change, unit, [&](std::size_t number) {
        if (chance(dice_, percent)) stale.insert(number);
        return !stale.contains(number);
      });
    });
    return std::move(content_);
  }

 private:
  template <class Unsure>
  void each(Unsure unsure) {
    for (const Change& change : file_.changes) {
      if (change.state == Change::State::sure) {
        whole(*change.operation);
      } else {
        unsure(*change.operation);
      }
    }
  }
  void whole(const Operation& change) {
    if (change.kind == Kind::truncate) {
      content_.resize(std::min(content_.size(), static_cast<std::size_t>(change.offset)));
    } else {
      put(change, 0, change.bytes.size());
    }
  }
  // Those units of the write for which `arrives` says so.
  template <class Arrives>
  void torn(const Operation& write, std::size_t unit, Arrives arrives) {
    const auto at = static_cast<std::size_t>(write.offset);
    for (std::size_t from = 0; from < write.bytes.size();) {
      const std::size_t number = (at + from) / unit;
      const std::size_t to = std::min(write.bytes.size(), (number + 1) * unit - at);
      if (arrives(number)) put(write, from, to);
      from = to;
    }
  }
  void put(const Operation& write, std::size_t from, std::size_t to) {
    const auto at = static_cast<std::size_t>(write.offset);
    grow(at + to);
    std::memcpy(content_.data() + at + from, write.bytes.data() + from, to - from);
  }
  void grow(std::size_t size) {
    const std::size_t before = content_.size();
    if (size <= before) return;
    content_.resize(size);
    if (!garbage_) return;
    for (std::size_t i = before; i < size; ++i) content_[i] = static_cast<std::uint8_t>(dice_());
  }

  const Platter::State& file_;
  Bytes content_;
  Dice& dice_;
  bool garbage_;
};

const char* name_of(Survivors survivors) {
  constexpr const char* names[] = {"none", "all", "prefix", "writes", "pages", "sectors"};
  return names[static_cast<std::size_t>(survivors)];
}

Platter::Platter(const Image& start) {
  int number = 0;
  for (const auto& [name, content] : start) {
    names_[name] = ++number;
    files_[number].durable = content;
  }
}

void Platter::apply(const Operation& operation) {
  State& file = files_[operation.file];
  switch (operation.kind) {
    case Kind::create:
    case Kind::remove:
      renames_.push_back(&operation);
      return;
    case Kind::write:
    case Kind::truncate:
      file.changes.push_back({&operation});
      return;
    case Kind::sync:
      return sync(file);
    case Kind::failed_sync:
      for (Change& change : file.changes)
        if (change.state == Change::State::cached) change.state = Change::State::lost;
      return;
    case Kind::sync_folder:
      for (const Operation* each : renames_) rename(names_, *each);
      renames_.clear();
      return;
  }
}

void Platter::sync(State& file) {
  bool all_sure = true;
  for (Change& change : file.changes) {
    if (change.state == Change::State::cached) change.state = Change::State::sure;
    all_sure = all_sure && change.state == Change::State::sure;
  }
  if (!all_sure) return;
  Dice unused;
  file.durable = Remains(file, unused).all();
  file.changes.clear();
}

void Platter::rename(Names& names, const Operation& operation) {
  if (operation.kind == Kind::create) names[operation.name] = operation.file;
  if (operation.kind == Kind::remove) names.erase(operation.name);
}

Image Platter::after_cut(Survivors survivors, Dice& dice) const {
  Names names = names_;
  std::size_t renames = renames_.size();
  if (survivors == Survivors::none) renames = 0;
  if (survivors > Survivors::all) renames = dice() % (renames + 1);
  for (std::size_t i = 0; i < renames; ++i) rename(names, *renames_[i]);
  Image image;
  for (const auto& [name, number] : names) {
    const auto found = files_.find(number);
    image[name] = found == files_.end() ? Bytes() : surviving(found->second, survivors, dice);
  }
  return image;
}

Bytes Platter::surviving(const State& file, Survivors survivors, Dice& dice) {
  Remains remains(file, dice);
  switch (survivors) {
    case Survivors::none:
      return remains.none();
    case Survivors::all:
      return remains.all();
    case Survivors::prefix:
      return remains.prefix();
    case Survivors::writes:
      return remains.some();
    case Survivors::pages:
      return remains.versions(page);
    case Survivors::sectors:
      return remains.versions(sector);
  }
  return {};
}

}  // namespace sealpost::power
