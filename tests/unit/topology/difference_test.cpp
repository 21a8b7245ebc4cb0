#include "topology/difference.h"

#include <gtest/gtest.h>

#include "tests/unit/topology/topology_cases.h"
#include "topology/load.h"

namespace regent {
namespace {

using Paths = std::vector<std::string>;

// The example, with each `from` replaced by what follows it.
Paths after(const std::vector<std::pair<std::string, std::string>>& changes) {
  const std::string text = read_case("example.yaml");
  std::string changed = text;
  for (const auto& [from, to] : changes) {
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
  }
  const LoadedTopology loaded = parse_topology(changed, "t");
  EXPECT_TRUE(loaded.errors.empty()) << loaded.errors.front().message();
  const Topology before = parse_topology(text, "t").topology;
  const Paths paths = quorum_differences(before, loaded.topology);
  EXPECT_EQ(paths.empty(), before.quorum_hash == loaded.topology.quorum_hash);
  return paths;
}

TEST(QuorumDifferences, NameThePartsThatDiffer) {
  EXPECT_EQ(after({}), Paths{});
  EXPECT_EQ(after({{"orders:", "offers:"}, {"hold: 5s", "hold: 6s"}}), Paths{});
  EXPECT_EQ(after({{"version: 1", "version: 2"}}), Paths{"version"});
  EXPECT_EQ(after({{"cluster: shop", "cluster: c"}, {"lease: 1500ms", "lease: 1504ms"}}),
            (Paths{"cluster", "timing.lease", "timing.election_window"}));
  EXPECT_EQ(after({{"policy: manual", "policy: automatic, hold_down: 9s"}}),
            (Paths{"failback.policy", "failback.hold_down"}));
  EXPECT_EQ(after({{"quorum: hierarchical", "quorum: majority"},
                   {"heartbeat: 250ms", "heartbeat: 1ms"},
                   {"ppm: 1000", "ppm: 1"}}),
            (Paths{"quorum", "timing.heartbeat", "timing.clock_drift_ppm"}));
  EXPECT_EQ(after({{"priority: 100", "priority: 9"}, {"redis: 10.0.1.20:6379", ""}}),
            (Paths{"regions.us-east.priority", "regions.us-east.redis"}));
  EXPECT_EQ(
      after({{"n1: 10.0.1.11", "n4: 10.0.1.11"}, {"weight: 2 }", "weight: 3 }"}}),
      (Paths{"regions.us-east.nodes.n1", "regions.us-east.nodes.n3", "regions.us-east.nodes.n4"}));
  EXPECT_EQ(after({{"b: { weight: 1,", "b: { weight: 2,"}}), Paths{"regions.us-west.zones.b"});
  EXPECT_EQ(after({{"witness: true,", ""}, {"gw2: 10.0.2.20", "gw2: 10.0.2.21"}}),
            (Paths{"regions.eu.witness", "regions.us-west.gateways.gw2"}));
  EXPECT_EQ(after({{"  eu: {", "  asia: {"}}), (Paths{"regions.eu", "regions.asia"}));
  EXPECT_EQ(after({{"admin: 7480", "admin: 7481"}}),
            (Paths{"regions.eu.gateways.gw1", "regions.us-east.gateways.gw1",
                   "regions.us-west.gateways.gw1", "regions.us-west.gateways.gw2"}));
}

}  // namespace
}  // namespace regent
