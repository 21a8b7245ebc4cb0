// Simulates whole clusters, one a seed, and stops at the first that breaks a rule.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "region/simulation/cluster.h"
#include "topology/load.h"

namespace {

using regent::simulation::Faults;
using regent::simulation::Options;
using regent::simulation::RunReport;
using regent::simulation::simulate;
using Number = unsigned long long;

constexpr std::size_t kFailureTrace = 400;

struct Arguments {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 1000;
  long long seconds = 60;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::size_t trace = 0;
  bool beyond_drift = false;
  std::string topology;
};

struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t leases = 0;
  std::uint64_t changes = 0;
  std::uint64_t writes = 0;
  std::uint64_t messages = 0;
  std::uint64_t steps = 0;
  std::uint64_t expected = 0;    // runs with a connected quorum in the end
  std::uint64_t violations = 0;  // two leases at once, sought for beyond the bound of the clocks
  double worst_share = 0;        // of the bound that passed before there was a primary
  Faults::Counts faults{};

  void add(const RunReport& report) {
    ++runs;
    leases += report.leases;
    changes += report.changes;
    writes += report.writes;
    messages += report.messages;
    steps += report.steps;
    violations +=
        report.violation && report.violation->find("two regions hold leases") != std::string::npos
            ? 1
            : 0;
    for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += report.faults[i];
    if (!report.expected_primary) return;
    ++expected;
    worst_share = std::max(worst_share, static_cast<double>(report.primary_after.count()) /
                                            static_cast<double>(report.primary_bound.count()));
  }
};

Options options_of(const Arguments& arguments, const regent::Topology* topology,
                   std::uint64_t seed) {
  return {seed, std::chrono::seconds(arguments.seconds), arguments.trace, arguments.beyond_drift,
          topology};
}

void print_failure(const RunReport& report, const Arguments& arguments, std::uint64_t seed) {
  for (const std::string& line : report.trace) std::printf("%s\n", line.c_str());
  std::printf("scenario: %s\nviolation: %s\n", report.scenario.c_str(), report.violation->c_str());
  std::printf(
      "again: regent_simulation --first-seed %llu --seeds 1 --seconds %lld --trace 400%s%s\n",
      static_cast<Number>(seed), arguments.seconds,
      arguments.topology.empty() ? "" : " --topology ", arguments.topology.c_str());
}

void print_totals(const Totals& totals, const Arguments& arguments, double took) {
  static constexpr const char* kNames[] = {"cuts",
                                           "one-way",
                                           "flapping",
                                           "attacks on the primary",
                                           "slow",
                                           "crashes",
                                           "crashes of all",
                                           "pauses",
                                           "clocks",
                                           "full disks",
                                           "lost backends",
                                           "switchovers",
                                           "deafness",
                                           "pauses of failover",
                                           "gateways added or removed",
                                           "gateways told to end"};
  std::printf(
      "%llu clusters of %lld simulated seconds in %.1f s (%.0f a second): %llu things "
      "happened, %llu messages,\n%llu leases taken or prolonged, %llu changes of the "
      "primary, %llu writes taken\n",
      static_cast<Number>(totals.runs), arguments.seconds, took,
      static_cast<double>(totals.runs) / took, static_cast<Number>(totals.steps),
      static_cast<Number>(totals.messages), static_cast<Number>(totals.leases),
      static_cast<Number>(totals.changes), static_cast<Number>(totals.writes));
  std::printf("faults:");
  for (std::size_t i = 0; i < totals.faults.size(); ++i) {
    std::printf("%s %llu %s", i == 0 ? "" : ",", static_cast<Number>(totals.faults[i]), kNames[i]);
  }
  std::printf("\n");
}

// Runs all seeds on all threads; the lowest seed that breaks a rule, if any does.
std::optional<std::uint64_t> run(const Arguments& arguments, const regent::Topology* topology,
                                 Totals& totals) {
  std::atomic<std::uint64_t> next{arguments.first_seed};
  const std::uint64_t end = arguments.first_seed + arguments.seeds;
  std::atomic<std::uint64_t> failed{end};
  std::mutex mutex;
  const auto work = [&] {
    Totals own;
    for (std::uint64_t seed = next++; seed < failed; seed = next++) {
      const RunReport report = simulate(options_of(arguments, topology, seed));
      own.add(report);
      if (arguments.trace > 0 && !report.violation) {
        const std::lock_guard lock(mutex);
        for (const std::string& line : report.trace) std::printf("%s\n", line.c_str());
        std::printf("scenario: %s\n", report.scenario.c_str());
      }
      if (!report.violation || arguments.beyond_drift) continue;
      std::uint64_t lowest = failed;
      while (seed < lowest && !failed.compare_exchange_weak(lowest, seed)) {
      }
    }
    const std::lock_guard lock(mutex);
    totals.runs += own.runs;
    totals.leases += own.leases;
    totals.changes += own.changes;
    totals.writes += own.writes;
    totals.messages += own.messages;
    totals.steps += own.steps;
    totals.expected += own.expected;
    totals.violations += own.violations;
    totals.worst_share = std::max(totals.worst_share, own.worst_share);
    for (std::size_t i = 0; i < own.faults.size(); ++i) totals.faults[i] += own.faults[i];
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.threads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failed == end) return std::nullopt;
  return failed.load();
}

int judge(const Arguments& arguments, const Totals& totals) {
  if (arguments.beyond_drift) {
    std::printf("clocks beyond the bound: in %llu runs two regions held leases, as they must\n",
                static_cast<Number>(totals.violations));
    return totals.violations > 0 ? 0 : 1;
  }
  std::printf(
      "no rule broken; %llu times faults stopped for a connected quorum, which then had a "
      "primary within %.0f %% of the bound at most\n",
      static_cast<Number>(totals.expected), 100 * totals.worst_share);
  // A cluster that never does anything breaks no rule either.
  const bool idle = totals.runs >= 50 && (totals.leases < totals.runs || totals.changes == 0 ||
                                          totals.writes == 0 || totals.expected == 0);
  if (idle) std::printf("but next to nothing happened: this shows nothing\n");
  return idle ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulated clusters under faults, checked for safety and liveness"};
  Arguments arguments;
  app.add_option("--first-seed", arguments.first_seed, "the first seed");
  app.add_option("--seeds", arguments.seeds, "how many seeds to run");
  app.add_option("--seconds", arguments.seconds, "simulated seconds")->check(CLI::Range(1, 3600));
  app.add_option("--threads", arguments.threads, "how many at a time")->check(CLI::Range(1, 1024));
  app.add_option("--topology", arguments.topology, "a topology file instead of random ones");
  app.add_option("--trace", arguments.trace, "print that many last events of every run");
  app.add_flag("--beyond-drift", arguments.beyond_drift,
               "clocks beyond the stated bound, where rules must break");
  CLI11_PARSE(app, argc, argv);

  std::optional<regent::Topology> topology;
  if (!arguments.topology.empty()) {
    regent::LoadedTopology loaded = regent::load_topology(arguments.topology);
    for (const regent::Finding& error : loaded.errors) {
      std::fprintf(stderr, "%s\n", error.message().c_str());
    }
    if (!loaded.errors.empty()) return 78;
    topology = std::move(loaded.topology);
  }
  const auto began = std::chrono::steady_clock::now();
  Totals totals;
  const auto failed = run(arguments, topology ? &*topology : nullptr, totals);
  if (failed) {
    Options options = options_of(arguments, topology ? &*topology : nullptr, *failed);
    options.trace_lines = std::max(kFailureTrace, arguments.trace);
    print_failure(simulate(options), arguments, *failed);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  print_totals(totals, arguments, took.count());
  return judge(arguments, totals);
}
