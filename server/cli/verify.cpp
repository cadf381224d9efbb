// sealpost verify: is the log of a stopped server whole?

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "cli/explain.hpp"
#include "cli/log_file.hpp"

namespace sealpost::cli {
namespace {

void print_json(const log::VerifyReport& report) {
  boost::json::array faults;
  for (const log::Fault& fault : report.faults) {
    faults.push_back({{"event", fault.event.value}, {"what", fault.what}, {"advice", fault.advice}});
  }
  fmt::print("{}\n", boost::json::serialize(boost::json::object{{"whole", report.fault_count == 0},
                                                                {"head", report.head.id.value},
                                                                {"hash", to_hex(report.head.hash)},
                                                                {"bodies", report.bodies},
                                                                {"erased", report.erased},
                                                                {"faults", report.fault_count},
                                                                {"first", std::move(faults)}}));
}

void print_text(const log::VerifyReport& report, const std::string& path) {
  for (const log::Fault& fault : report.faults) {
    fmt::print("event {}: {}. {}\n", fault.event.value, fault.what, fault.advice);
  }
  fmt::print("{}: {}; {} events, {} bodies, {} erased; the last hash is {}\n", path,
             report.fault_count == 0 ? std::string("whole") : fmt::format("{} faults", report.fault_count),
             report.head.id.value, report.bodies, report.erased, to_hex(report.head.hash));
}

Exit verify(const Globals& globals, const std::string& path) {
  const auto report = log::verify(path, progress_line("verified"));
  if (!report) {
    const Explained explained = explain(report.error(), path);
    throw Stop(explained.exit, explained.text);
  }
  if (globals.json) {
    print_json(*report);
  } else {
    print_text(*report, path);
  }
  return report->fault_count == 0 ? Exit::ok : Exit::damaged;
}

}  // namespace

void add_verify(CLI::App& app, Globals& globals, Run& run) {
  CLI::App* const command = add_command(app, "verify", "Check the whole log of a stopped server",
                                        "  sealpost verify --config /etc/sealpost/sealpost.toml");
  const auto file = LogFile::add_to(*command);
  command->callback([&globals, &run, file] { run = [&globals, file] { return verify(globals, file->path()); }; });
}

}  // namespace sealpost::cli
