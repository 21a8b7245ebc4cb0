#include "gateway/cli/drill_rehearse.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/drill_rehearsal.h"
#include "gateway/drill/drill_report.h"
#include "topology/load.h"

namespace regent::cli {
namespace {

constexpr std::size_t kBars = 12;
constexpr std::size_t kBarWidth = 40;

struct RehearseOptions {
  std::string file;
  std::string topology;
  std::uint64_t seeds = 1000;
  std::uint64_t seed = 1;
  std::string primary;
  std::vector<std::string> round_trips;
  bool trace = false;
  bool json = false;
};

long long ms(double seconds) {
  return static_cast<long long>(seconds * 1000 + 0.5);
}

void print_spread(const char* what, const Spread& spread) {
  if (spread.empty()) {
    std::printf("\n%s: there was none\n", what);
    return;
  }
  std::printf("\n%s, in ms, of %zu runs\n", what, spread.count());
  std::printf("  min %lld   median %lld   p95 %lld   p99 %lld   max %lld (seed %llu)\n",
              ms(spread.min()), ms(spread.at(0.5)), ms(spread.at(0.95)), ms(spread.at(0.99)),
              ms(spread.max()), static_cast<unsigned long long>(spread.seed_of_max()));
  if (ms(spread.max()) == ms(spread.min())) return;
  const std::vector<std::size_t> parts = spread.histogram(kBars);
  const std::size_t most = std::ranges::max(parts);
  const double width = (spread.max() - spread.min()) / kBars;
  for (std::size_t i = 0; i < kBars; ++i) {
    const double from = spread.min() + static_cast<double>(i) * width;
    const std::size_t length = (parts[i] * kBarWidth + most - 1) / most;
    std::printf("  %6lld to %6lld  %6zu%s%s\n", ms(from), ms(from + width), parts[i],
                length > 0 ? "  " : "", std::string(length, '#').c_str());
  }
}

// What repeats one run, and shows it.
std::string repeat_command(const RehearseOptions& options, std::uint64_t seed) {
  std::string command = "regent drill rehearse " + options.file + " --topology " + options.topology;
  if (!options.primary.empty()) command += " --primary " + options.primary;
  for (const std::string& trip : options.round_trips) command += " --rtt " + trip;
  return command + " --seed " + std::to_string(seed) + " --trace";
}

void print_figures(const RehearseOptions& options, const RehearsedFigures& figures) {
  const std::string first = std::to_string(figures.first_seed);
  const std::string last = std::to_string(figures.first_seed + figures.runs - 1);
  std::cout << figures.drill << ": " << figures.runs - figures.failed.size() << " of "
            << figures.runs << (figures.runs == 1 ? " run" : " runs") << " passed, "
            << (first == last ? "seed " + first : "seeds " + first + " to " + last)
            << "\nround trips: " << figures.round_trips << "\n"
            << std::flush;
  print_spread("failover: first fault to the first write under the next epoch", figures.failover);
  print_spread("longest time without an acknowledged write", figures.gap);
  const Spread& failed = figures.failed_writes;
  std::printf("\nfailed writes: median %.0f, max %.0f", failed.at(0.5), failed.max());
  if (failed.max() > 0) {
    std::printf(" (seed %llu)", static_cast<unsigned long long>(failed.seed_of_max()));
  }
  std::printf("\n");
  std::fflush(stdout);
  std::cout << rehearsed_failures_text(figures) << std::flush;
  const std::uint64_t worst = figures.worst_seed();
  std::printf("\nworst: seed %llu; this shows it:\n  %s\n", static_cast<unsigned long long>(worst),
              repeat_command(options, worst).c_str());
}

int show_trace(const Drill& drill, const Topology& topology, const RehearsalSettings& settings) {
  const TracedRun run = trace_rehearsal(drill, topology, settings);
  for (const std::string& line : run.trace) std::cout << line << "\n";
  const DrillReport report{run.record, judge_drill(run.record)};
  std::cout << "\n";
  for (const DrillEvent& event : run.record.events) {
    std::printf("%7.2f s  %s\n", event.at, event.text.c_str());
  }
  std::fflush(stdout);
  std::cout << verdict_text(report);
  return report.verdict.passed ? kDone : kError;
}

int rehearse(const RehearseOptions& options, const Drill& drill, const Topology& topology,
             RehearsalSettings settings) {
  settings.first_seed = options.seed;
  settings.runs = options.seeds;
  settings.threads = std::max(1U, std::thread::hardware_concurrency());
  if (options.trace) return show_trace(drill, topology, settings);
  const RehearsedFigures figures = rehearse_drill(drill, topology, settings);
  if (options.json) {
    std::cout << rehearsal_json(figures);
  } else {
    print_figures(options, figures);
  }
  return figures.failed.empty() ? kDone : kError;
}

int run(const RehearseOptions& options) {
  const LoadedTopology topology = load_topology(options.topology);
  for (const Finding& error : topology.errors) std::cerr << error.message() << "\n";
  if (!topology.errors.empty()) return kBadTopology;
  RehearsalSettings settings;
  settings.round_trips = RoundTrips::unknown(topology.topology);
  const Status set = settings.round_trips.set(topology.topology, options.round_trips);
  if (!set) {
    complain("drill rehearse", "--rtt " + set.error().message);
    return kUsage;
  }
  settings.round_trips.assume_longest();
  if (!options.primary.empty()) {
    const auto primary = topology.topology.find_region(options.primary);
    if (!primary || !topology.topology.region(*primary).may_be_primary()) {
      complain("drill rehearse", "--primary: no region '" + options.primary + "' may be primary");
      return kUsage;
    }
    settings.primary = *primary;
  }
  const LoadedDrill drill = load_drill(options.file, &topology.topology);
  for (const Finding& error : drill.errors) std::cerr << error.message() << "\n";
  if (!drill.errors.empty()) return kBadTopology;
  if (const Status bound = check_bindable(drill.drill, topology.topology); !bound.ok()) {
    complain("drill rehearse", bound.error().message);
    return kRefused;
  }
  return rehearse(options, drill.drill, topology.topology, settings);
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
  command->add_option("--rtt", options->round_trips,
                      "Round trip between regions: DURATION or REGION~REGION=DURATION, repeatable; "
                      "others count as the longest given. Default: drawn for each run, 1 to 80 ms");
  command->add_option("--primary", options->primary,
                      "Region that leads when the drill begins; default: the first that stands");
  command->add_flag("--trace", options->trace, "Show what happens in the run of --seed, only");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace regent::cli
