// Visits every state that a small cluster can get into, and stops at the first that breaks a rule.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <map>

#include "tests/simulation/exhaustive/search.h"

namespace {

using regent::exhaustive::Flaw;
using regent::exhaustive::Model;
using regent::exhaustive::Search;
using regent::exhaustive::Setup;

const std::map<std::string, Flaw> kFlaws{
    {"unsynced", Flaw::unsynced}, {"no-wait", Flaw::no_wait}, {"no-drift", Flaw::no_drift},
    {"receipt", Flaw::receipt},   {"sibling", Flaw::sibling}, {"ask-again", Flaw::ask_again},
    {"half", Flaw::half},
};

Search::Report explore(const Setup& setup, std::size_t max_states) {
  const std::clock_t start = std::clock();
  Model model(setup);
  const Search::Report report = Search(model, max_states).run();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%llu states, %llu steps, depth %u, %s; %.1f s of one core\n",
              static_cast<unsigned long long>(report.states),
              static_cast<unsigned long long>(report.steps), report.depth,
              report.finished ? "all states visited" : "not all states visited", seconds);
  std::printf("  with a lease: %llu, with two of one region: %llu; by epoch:",
              static_cast<unsigned long long>(report.held),
              static_cast<unsigned long long>(report.shared));
  for (std::size_t epoch = 1; epoch < report.held_in.size(); ++epoch) {
    std::printf(" %llu", static_cast<unsigned long long>(report.held_in[epoch]));
  }
  std::printf("\n  %zu states of a voter, %zu of a node; %zu times two histories met in one\n",
              model.nodes().voters().size(), model.nodes().size(),
              model.nodes().voters().meetings());
  return report;
}

void print_history(const Search::Report& report) {
  for (std::size_t i = 0; i < report.history.size(); ++i) {
    std::printf("%4zu. %s\n", i + 1, report.history[i].c_str());
  }
  std::printf("violation: %s\n", report.violation->c_str());
}

// Every flaw must be found, and lead to the worst: two regions with leases at one instant. Only a
// vote that was not synced does not: a node without record waits for the longest lease there is.
// It breaks the rule that an epoch belongs to one region.
int find_flaws() {
  for (const auto& [name, flaw] : kFlaws) {
    Setup setup;
    setup.epochs = 2;
    setup.flaw = flaw;
    setup.regions_only = flaw != Flaw::unsynced;
    if (flaw == Flaw::half) setup.weights = {2, 1, 1};
    std::printf("%s: ", name.c_str());
    const Search::Report report = explore(setup, 100'000'000);
    if (!report.violation) {
      std::printf("%s was not found\n", name.c_str());
      return 1;
    }
    print_history(report);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Every state of a cluster of two regions and a witness, one node each"};
  Setup setup;
  std::vector<unsigned> gateways{2, 1};
  std::vector<std::uint64_t> weights{1, 1, 1};
  std::size_t max_states = 100'000'000;
  bool flaws = false;
  app.add_option("--ticks", setup.lease_ticks, "ticks that a lease lasts")->check(CLI::Range(2, 9));
  app.add_option("--epochs", setup.epochs, "highest epoch")->check(CLI::Range(1, 7));
  app.add_option("--gateways", gateways, "gateways of regions a and b")
      ->expected(2)
      ->check(CLI::Range(1, 2));
  app.add_option("--weights", weights, "weights of a, b and the witness")->expected(3);
  app.add_option("--drift-ppm", setup.drift.ppm, "error of the clocks' rates")
      ->check(CLI::Range(0, 999'999));
  app.add_option("--max-states", max_states, "give up beyond this many");
  app.add_option("--flaw", setup.flaw, "search a flawed cluster")
      ->transform(CLI::CheckedTransformer(kFlaws));
  app.add_flag("--regions-only", setup.regions_only,
               "look for two regions with leases, not for other broken rules");
  app.add_flag("--find-flaws", flaws, "search all flawed clusters; every flaw must be found");
  CLI11_PARSE(app, argc, argv);
  if (flaws) return find_flaws();
  std::copy(gateways.begin(), gateways.end(), setup.gateways.begin());
  std::copy(weights.begin(), weights.end(), setup.weights.begin());
  const Search::Report report = explore(setup, max_states);
  if (report.violation) print_history(report);
  return report.finished && !report.violation ? 0 : 1;
}
