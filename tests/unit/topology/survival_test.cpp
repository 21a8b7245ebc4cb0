#include "topology/survival.h"

#include <gtest/gtest.h>

#include "tests/unit/topology/topology_cases.h"
#include "topology/analysis.h"
#include "topology/load.h"

namespace regent {
namespace {

Topology parsed(const std::string& yaml) {
  LoadedTopology loaded = parse_topology(yaml, "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

std::vector<std::string> names(const std::vector<FatalLoss>& losses) {
  std::vector<std::string> out;
  for (const FatalLoss& loss : losses) {
    out.push_back(loss.name + (loss.quorum_lost ? "" : " (no primary)"));
  }
  return out;
}
using Names = std::vector<std::string>;

TEST(Survival, OfTheExample) {
  const Topology topology = parsed(read_case("example.yaml"));
  const Survival survival = survival_of(topology);
  EXPECT_EQ(names(survival.regions), Names{});
  EXPECT_EQ(names(survival.zones), Names{});
  EXPECT_EQ(names(survival.nodes), Names{});
}

TEST(Survival, OfTwoRegions) {
  const Topology topology = parsed(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, zones: { x: { nodes: { n1: a1, n2: a2, n3: a3 } } } }\n"
      "  b: { gateways: { g: b0 }, nodes: { n1: b1, n2: b2 } }\n");
  const Survival survival = survival_of(topology);
  EXPECT_EQ(names(survival.regions), (Names{"a", "b"}));
  EXPECT_EQ(names(survival.zones), (Names{"a/x"}));
  EXPECT_EQ(names(survival.nodes), (Names{"b/n1", "b/n2"}));
}

TEST(Survival, AQuorumOfWitnessesHasNoPrimary) {
  const Topology topology = parsed(
      "cluster: c\nquorum: majority\nregions:\n"
      "  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { witness: true, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
      "  c: { priority: 0, gateways: { g: c0 }, nodes: { n1: c1 } }\n");
  const Survival survival = survival_of(topology);
  EXPECT_EQ(names(survival.regions), (Names{"a (no primary)"}));
  EXPECT_EQ(names(survival.nodes), (Names{"a/n1 (no primary)"}));
}

TEST(Survival, ZonesAreVotersOfTheirRegion) {
  // Two zones of one node each hold the majority against the zone with three.
  const Topology topology = parsed(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, zones: { x: { nodes: { n1: a1, n2: a2, n3: a3 } },\n"
      "       y: { nodes: { n4: a4 } }, z: { nodes: { n5: a5 } } } }\n"
      "  b: { witness: true, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
      "  c: { witness: true, gateways: { g: c0 }, nodes: { n1: c1 } }\n");
  const Survival survival = survival_of(topology);
  EXPECT_EQ(names(survival.regions), (Names{"a (no primary)"}));
  EXPECT_EQ(names(survival.zones), Names{});
  const auto down = find_nodes(topology, "a/y,a/z");
  ASSERT_TRUE(down);
  const Ballot ballot = ballot_without(topology, *down);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
  EXPECT_EQ(Explanation::of(topology.tree, ballot).children.at(0).outcome, Outcome::lost);
}

}  // namespace
}  // namespace regent
