#include "region/simulation/cluster.h"

#include <gtest/gtest.h>

namespace regent::simulation {
namespace {

// A seed is a whole run: what failed once fails again.
TEST(Cluster, RepeatsExactly) {
  for (const std::uint64_t seed : {3ULL, 17ULL}) {
    const Options options{seed, std::chrono::seconds(2), true};
    const RunReport first = simulate(options);
    const RunReport second = simulate(options);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.messages, second.messages);
    EXPECT_GT(first.messages, 0U);
  }
}

TEST(Cluster, KeepsAllRulesAndGetsSomethingDone) {
  std::uint64_t leases = 0;
  std::uint64_t changes = 0;
  std::uint64_t writes = 0;
  for (std::uint64_t seed = 5000; seed < 5050; ++seed) {
    const RunReport report = simulate({seed, std::chrono::seconds(4), false});
    ASSERT_FALSE(report.violation) << "seed " << seed << ": " << *report.violation << "\n"
                                   << report.topology;
    leases += report.leases;
    changes += report.changes;
    writes += report.writes;
  }
  EXPECT_GT(leases, 1000U);
  EXPECT_GT(changes, 50U);
  EXPECT_GT(writes, 1000U);
}

}  // namespace
}  // namespace regent::simulation
