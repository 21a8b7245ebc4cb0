#include "gateway/cli/drill_rehearse.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/drill/drill_plan.h"
#include "gateway/drill/process_faults.h"
#include "gateway/duration_text.h"
#include "region/simulation/rehearsal.h"
#include "topology/load.h"

namespace regent::cli {
namespace {

using simulation::RehearsalStep;
using simulation::Rehearsed;

struct RehearseOptions {
  std::string file;
  std::string topology;
  std::uint64_t seeds = 1000;
  std::uint64_t seed = 1;
  std::string round_trip;
};

// Redis decides nothing, so its loss is no step of the simulation.
std::vector<RehearsalStep> script_of(const Drill& bound, const Topology& topology) {
  using From = DrillStep::Kind;
  using To = RehearsalStep::Kind;
  static constexpr To kKinds[] = {To::isolate, To::cut,           To::slow,  To::lose_node,
                                  To::wait,    To::stop,          To::stop,  To::stop,
                                  To::pause,   To::pause,         To::pause, To::switchover,
                                  To::wait,    To::await_primary, To::heal};
  std::vector<RehearsalStep> script;
  for (const DrillStep& step : bound.steps) {
    if (step.kind == From::lose_redis) continue;
    RehearsalStep out;
    out.kind = kKinds[static_cast<std::size_t>(step.kind)];
    out.region = topology.find_region(step.region).value_or(kNoRegion);
    out.other = topology.find_region(step.other).value_or(kNoRegion);
    if (step.kind == From::lose_node) out.node = *topology.find_node(out.region, step.process);
    out.both = step.both;
    out.negated = step.negated;
    out.span = step.span;
    for (const std::string& process : processes_of(step, topology)) {
      out.process = find_process(topology, process);
      script.push_back(out);
    }
    if (!step.takes_processes()) script.push_back(out);
  }
  return script;
}

struct Outcomes {
  std::vector<std::pair<Duration, std::uint64_t>> gaps;  // and the seed
  std::vector<std::pair<Duration, std::uint64_t>> failovers;
  std::uint64_t changes = 0;
  std::vector<std::pair<std::uint64_t, std::string>> failed;
};

long long ms(Duration span) {
  return static_cast<long long>(std::chrono::ceil<std::chrono::milliseconds>(span).count());
}

// One line: "WHAT, in ms: min …".
void print_spread(const char* what, std::vector<std::pair<Duration, std::uint64_t>> found) {
  if (found.empty()) return;
  std::ranges::sort(found);
  const auto at = [&](std::size_t percent) {
    return ms(found[(found.size() - 1) * percent / 100].first);
  };
  std::printf("%s, in ms: min %lld, median %lld, 90 %% %lld, 99 %% %lld, max %lld (seed %llu)\n",
              what, at(0), at(50), at(90), at(99), at(100),
              static_cast<unsigned long long>(found.back().second));
}

void report(const Drill& drill, const RehearseOptions& options, const Outcomes& outcomes) {
  std::printf("%s: %zu runs, seeds %llu to %llu, %llu changes of primary\n", drill.name.c_str(),
              outcomes.gaps.size(), static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.seed + options.seeds - 1),
              static_cast<unsigned long long>(outcomes.changes));
  print_spread("first step to the first write elsewhere", outcomes.failovers);
  print_spread("longest time without a write", outcomes.gaps);
  for (const auto& [seed, why] : outcomes.failed) {
    std::printf("FAILED with seed %llu: %s\n", static_cast<unsigned long long>(seed), why.c_str());
  }
}

Outcomes run_seeds(const Drill& drill, const Topology& topology, const RehearseOptions& options,
                   std::optional<Duration> round_trip) {
  Outcomes outcomes;
  const auto script = [&](RegionId primary) {
    const auto bound = bind_drill(drill, topology, primary);
    return bound.ok() ? script_of(*bound, topology) : std::vector<RehearsalStep>{};
  };
  for (std::uint64_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
    simulation::RehearsalOptions one;
    one.seed = seed;
    one.round_trip = round_trip;
    one.write_every = drill.probe.every;
    Rehearsed run = simulation::rehearse(topology, script, one);
    outcomes.gaps.emplace_back(run.gap, seed);
    if (run.failover) outcomes.failovers.emplace_back(*run.failover, seed);
    outcomes.changes += run.changes;
    if (run.failure.empty() && drill.expect.gap && run.gap > *drill.expect.gap) {
      run.failure = "no write for " + std::to_string(ms(run.gap)) + " ms";
    }
    if (!run.failure.empty()) outcomes.failed.emplace_back(seed, run.failure);
  }
  return outcomes;
}

int run(const RehearseOptions& options) {
  std::optional<Duration> round_trip;
  if (!options.round_trip.empty()) {
    const auto parsed = parse_duration(options.round_trip);
    if (!parsed.ok()) {
      complain("drill rehearse", "--round-trip: " + parsed.error().message);
      return kUsage;
    }
    round_trip = *parsed;
  }
  const LoadedTopology topology = load_topology(options.topology);
  for (const Finding& error : topology.errors) std::cerr << error.message() << "\n";
  if (!topology.errors.empty()) return kBadTopology;
  const LoadedDrill drill = load_drill(options.file, &topology.topology);
  for (const Finding& error : drill.errors) std::cerr << error.message() << "\n";
  if (!drill.errors.empty()) return kBadTopology;
  for (std::uint16_t i = 0; i < topology.topology.regions.size(); ++i) {
    if (!topology.topology.regions[i].may_be_primary()) continue;
    const auto bound = bind_drill(drill.drill, topology.topology, RegionId{i});
    if (bound.ok()) continue;
    complain("drill rehearse", bound.error().message);
    return kRefused;
  }
  const Outcomes outcomes = run_seeds(drill.drill, topology.topology, options, round_trip);
  report(drill.drill, options, outcomes);
  return outcomes.failed.empty() ? kDone : kError;
}

}  // namespace

void add_rehearse_command(CLI::App& drill, int& exit_code) {
  auto options = std::make_shared<RehearseOptions>();
  auto* command =
      drill.add_subcommand("rehearse", "Take the drill's steps in simulated time, many times");
  command->add_option("FILE", options->file, "Drill file")->required();
  command->add_option("--topology", options->topology, "Topology file")
      ->required()
      ->envname("REGENT_TOPOLOGY");
  command->add_option("--seeds", options->seeds, "How many runs")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "The first seed")->capture_default_str();
  command->add_option("--round-trip", options->round_trip,
                      "Between two regions; default: drawn for each pair, 1 to 80 ms");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace regent::cli
