// Simulates whole clusters, one a seed, and stops at the first that breaks a rule.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "region/simulation/cluster.h"

namespace {

using regent::simulation::Options;
using regent::simulation::RunReport;
using regent::simulation::simulate;

void print_failure(const RunReport& report, const Options& options, long long seconds) {
  for (const std::string& line : report.trace) std::printf("%s\n", line.c_str());
  std::printf("topology: %s\nviolation: %s\n", report.topology.c_str(), report.violation->c_str());
  std::printf("again: regent_simulation --first-seed %llu --seeds 1 --seconds %lld --trace\n",
              static_cast<unsigned long long>(options.seed), seconds);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulated clusters under faults, checked for safety and liveness"};
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 100;
  long long seconds = 20;
  bool trace = false;
  app.add_option("--first-seed", first_seed, "the first seed");
  app.add_option("--seeds", seeds, "how many seeds to run");
  app.add_option("--seconds", seconds, "simulated seconds with faults")->check(CLI::Range(1, 3600));
  app.add_flag("--trace", trace, "print the last events of every run");
  CLI11_PARSE(app, argc, argv);

  std::uint64_t leases = 0;
  std::uint64_t changes = 0;
  std::uint64_t messages = 0;
  std::uint64_t writes = 0;
  std::int64_t slowest = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    Options options{seed, std::chrono::seconds(seconds), trace};
    RunReport report = simulate(options);
    if (report.violation) {
      options.trace = true;
      report = simulate(options);
      print_failure(report, options, seconds);
      return 1;
    }
    if (trace) {
      for (const std::string& line : report.trace) std::printf("%s\n", line.c_str());
      std::printf("topology: %s\n", report.topology.c_str());
    }
    leases += report.leases;
    changes += report.changes;
    messages += report.messages;
    writes += report.writes;
    slowest = std::max(slowest, report.primary_after_permille);
  }
  std::printf(
      "%llu clusters, %llu messages, %llu leases taken or prolonged, %llu writes, %llu changes "
      "of the primary: no rule broken\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(messages),
      static_cast<unsigned long long>(leases), static_cast<unsigned long long>(writes),
      static_cast<unsigned long long>(changes));
  std::printf("after the faults a primary within %lld.%03lld leases at most\n",
              static_cast<long long>(slowest / 1000), static_cast<long long>(slowest % 1000));
  return leases == 0 && seeds > 50 ? 1 : 0;
}
