#pragma once
// What bench prints: medians over the rounds.

#include <vector>

#include "cli/bench/ceiling.hpp"
#include "cli/bench/idle.hpp"
#include "cli/bench/load.hpp"

namespace sealpost::cli::bench {

// One round of each, in turn. Zero: that loop was not asked for.
struct Round {
  VerifyOnly verify;
  AppendOnly append;
  Loaded loaded;
};

void print_round(const Options&, std::size_t number, const Round&);  // a line on standard error
void print_report(const Options&, const std::string& server, bool json, const std::vector<Round>&);
void print_idle(const std::string& server, bool json, const Idle&);

}  // namespace sealpost::cli::bench
