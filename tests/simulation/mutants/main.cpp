// Runs each mutant until the simulator's checker reports it: a defect that survives is a hole in
// the checker or in the faults. Prints the table of README.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "mutants/list.h"
#include "quorum/check.h"
#include "region/simulation/cluster.h"
#include "tests/simulation/mutants/switch.h"

namespace {

using regent::mutants::kMutants;

struct Plan {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 20'000;  // at most, of one mutant
  std::uint64_t sane_seeds = 200;
  long long seconds = 60;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

struct Finding {
  std::uint64_t seeds = 0;  // run, the last one included
  std::string rule;         // the broken one; empty: none was
  double simulated_seconds = 0;
  double real_seconds = 0;
};

// The broken rule with its instant; "" when none was.
std::string violation_of(std::uint64_t seed, const Plan& plan) {
  regent::simulation::Options options;
  options.seed = seed;
  options.length = std::chrono::seconds(plan.seconds);
  try {
    return regent::simulation::simulate(options).violation.value_or("");
  } catch (const regent::CheckFailed& failed) {
    return failed.what();
  }
}

// A violation reads "at 123 us: the rule". Returns the instant in seconds, and leaves the rule.
double take_instant(std::string& violation, double otherwise) {
  long long microseconds = 0;
  int read = 0;
  if (std::sscanf(violation.c_str(), "at %lld us: %n", &microseconds, &read) != 1 || read == 0) {
    return otherwise;
  }
  violation.erase(0, static_cast<std::size_t>(read));
  return static_cast<double>(microseconds) / 1e6;
}

// mutant: 0 for the code as it is, else its place in kMutants, from 1.
Finding search(int mutant, const Plan& plan) {
  const auto begin = std::chrono::steady_clock::now();
  regent::mutants::active = mutant;
  Finding finding;
  const std::uint64_t most = mutant == 0 ? plan.sane_seeds : plan.seeds;
  while (finding.rule.empty() && finding.seeds < most) {
    finding.rule = violation_of(plan.first_seed + finding.seeds, plan);
    ++finding.seeds;
    finding.simulated_seconds += take_instant(finding.rule, static_cast<double>(plan.seconds));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  finding.real_seconds = took.count();
  return finding;
}

void print(int mutant, const Finding& finding) {
  const char* name = mutant == 0 ? "(none)" : kMutants[mutant - 1].name;
  const char* wrong = mutant == 0 ? "the code as it is" : kMutants[mutant - 1].wrong;
  const std::string seeds = (finding.rule.empty() ? "not in " : "") + std::to_string(finding.seeds);
  std::printf("| `%s` | %s | %s | %.0f | %s |\n", name, wrong, seeds.c_str(),
              finding.simulated_seconds, finding.rule.c_str());
}

std::vector<Finding> search_all(const std::vector<int>& mutants, const Plan& plan) {
  std::vector<Finding> findings(mutants.size());
  std::atomic<std::size_t> next = 0;
  std::mutex progress;
  const auto work = [&] {
    for (std::size_t i = next++; i < mutants.size(); i = next++) {
      findings[i] = search(mutants[i], plan);
      const std::lock_guard lock(progress);
      std::fprintf(stderr, "%s: %llu seeds, %.1f s\n",
                   mutants[i] == 0 ? "(none)" : kMutants[mutants[i] - 1].name,
                   static_cast<unsigned long long>(findings[i].seeds), findings[i].real_seconds);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < plan.threads; ++i) threads.emplace_back(work);
  threads.clear();  // waits for them
  return findings;
}

// 1 when a mutant survived, or the code as it is broke a rule.
int run(const std::vector<int>& mutants, const Plan& plan) {
  const std::vector<Finding> findings = search_all(mutants, plan);
  std::printf(
      "| mutant | what is wrong | seeds | simulated s | caught by |\n|---|---|---|---|---|\n");
  int bad = 0;
  for (std::size_t i = 0; i < mutants.size(); ++i) {
    print(mutants[i], findings[i]);
    if ((mutants[i] == 0) != findings[i].rule.empty()) ++bad;
  }
  std::printf("%zu mutants, %d not as they should be\n", mutants.size() - 1, bad);
  return bad == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Deliberate defects, each of which the simulator must find"};
  Plan plan;
  std::vector<std::string> names;
  app.add_option("--mutant", names, "run these only");
  app.add_option("--first-seed", plan.first_seed, "the first seed");
  app.add_option("--seeds", plan.seeds, "at most, of one mutant");
  app.add_option("--sane-seeds", plan.sane_seeds, "of the code without a mutant");
  app.add_option("--seconds", plan.seconds, "simulated, each seed")->check(CLI::Range(1, 3600));
  app.add_option("--threads", plan.threads, "at once")->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);

  std::vector<int> mutants{0};
  int known = 0;
  for (const auto& mutant : kMutants) {
    ++known;
    const bool wanted =
        names.empty() || std::find(names.begin(), names.end(), mutant.name) != names.end();
    if (wanted) mutants.push_back(known);
  }
  if (!names.empty() && mutants.size() != names.size() + 1) {
    std::fprintf(stderr, "no such mutant; the lists in tests/simulation/mutants/ name them\n");
    return 64;
  }
  return run(mutants, plan);
}
