#include "coverage.hpp"

#include <fmt/format.h>

namespace sealpost::sim {
namespace {

struct Named {
  Group group;
  std::string_view sentence;
};
constexpr Named rows[] = {
#define SEALPOST_SIM_ROW(name, group, sentence) {Group::group, sentence},
    SEALPOST_SIM_ROWS(SEALPOST_SIM_ROW)
#undef SEALPOST_SIM_ROW
};
constexpr std::string_view group_names[] = {"decisions", "lights and positions", "crash points", "faults"};

}  // namespace

Coverage* counting = nullptr;

std::string_view sentence(Row row) {
  return rows[static_cast<std::size_t>(row)].sentence;
}

Group group(Row row) {
  return rows[static_cast<std::size_t>(row)].group;
}

void Coverage::add(const Coverage& other) {
  for (std::size_t row = 0; row < counts_.size(); ++row) counts_[row] += other.counts_[row];
}

std::string Coverage::table() const {
  std::string text;
  for (std::size_t kind = 0; kind < std::size(group_names); ++kind) {
    text += fmt::format("{}\n", group_names[kind]);
    for (std::size_t row = 0; row < counts_.size(); ++row)
      if (static_cast<std::size_t>(rows[row].group) == kind)
        text += fmt::format("  {:>9}  {}\n", counts_[row], rows[row].sentence);
  }
  return text;
}

}  // namespace sealpost::sim
