#include "region/simulation/cluster.h"

#include <gtest/gtest.h>

namespace regent::simulation {
namespace {

// A seed is a whole run: what failed once fails again.
TEST(Cluster, RepeatsExactly) {
  for (const std::uint64_t seed : {3ULL, 17ULL}) {
    Options options;
    options.seed = seed;
    options.trace_lines = 100'000;
    const RunReport first = simulate(options);
    const RunReport second = simulate(options);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.messages, second.messages);
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_GT(first.messages, 0U);
  }
}

TEST(Cluster, KeepsAllRulesAndGetsSomethingDone) {
  std::uint64_t leases = 0;
  std::uint64_t changes = 0;
  std::uint64_t writes = 0;
  for (std::uint64_t seed = 5000; seed < 5050; ++seed) {
    const RunReport report = simulate({.seed = seed});
    ASSERT_FALSE(report.violation) << "seed " << seed << ": " << *report.violation << "\n"
                                   << report.scenario;
    leases += report.leases;
    changes += report.changes;
    writes += report.writes;
  }
  EXPECT_GT(leases, 1000U);
  EXPECT_GT(changes, 50U);
  EXPECT_GT(writes, 1000U);
}

// Where clocks are worse than the topology says, nothing can be promised: the checker must see it.
TEST(Cluster, BreaksRulesWithClocksBeyondTheBound) {
  std::uint64_t seen = 0;
  for (std::uint64_t seed = 1; seed <= 1000 && seen == 0; ++seed) {
    const RunReport report = simulate({.seed = seed, .clocks_beyond_bound = true});
    const std::string violation = report.violation.value_or("");
    seen += violation.find("two regions hold leases") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace regent::simulation
