#include "topology/power.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/topology/small_topologies.h"
#include "topology/electorate.h"
#include "topology/load.h"
#include "topology/weight_sums.h"

namespace regent {
namespace {

// The share of all sets of nodes in which these, together, turn a loss into a win.
double swings(const Topology& topology, std::uint32_t block) {
  Turnout turnout(topology);
  std::size_t count = 0;
  std::size_t sets = 0;
  const auto wins = [&](std::uint32_t set) {
    for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
      turnout.set(NodeId{i}, (set >> i & 1) != 0);
    }
    return turnout.quorum();
  };
  for (std::uint32_t set = 0; set < 1U << topology.nodes.size(); ++set) {
    if ((set & block) != 0) continue;
    ++sets;
    if (wins(set | block) && !wins(set)) ++count;
  }
  return static_cast<double>(count) / static_cast<double>(sets);
}

std::uint32_t nodes_of(const TopologyRegion& region) {
  std::uint32_t out = 0;
  for (const NodeId id : region.nodes) out |= 1U << id.value;
  return out;
}

// The same with regions as voters: all of a region's nodes, or none.
double region_swings(const Topology& topology, std::size_t region) {
  Turnout turnout(topology);
  const std::size_t regions = topology.regions.size();
  std::size_t count = 0;
  const auto wins = [&](std::size_t set) {
    for (std::size_t i = 0; i < regions; ++i) {
      turnout.set(topology.regions[i].nodes, (set >> i & 1) != 0);
    }
    return turnout.quorum();
  };
  for (std::size_t set = 0; set < std::size_t{1} << regions; ++set) {
    if ((set >> region & 1) != 0) continue;
    if (wins(set | std::size_t{1} << region) && !wins(set)) ++count;
  }
  return static_cast<double>(count) / static_cast<double>(std::size_t{1} << (regions - 1));
}

TEST(Power, AgreesWithBruteForceOnAllSmallTrees) {
  std::size_t trees = 0;
  for_each_small_tree([&](const SmallTree& tree) {
    ++trees;
    const auto power = leaf_power(Explanation::of(tree.tree, Ballot(tree.tree)), tree.leaves);
    EXPECT_TRUE(power.has_value());
    for (std::uint32_t i = 0; i < tree.leaves; ++i) {
      const std::uint32_t leaf = 1U << i;
      unsigned swung = 0;
      for (std::uint32_t set = 0; set < 1U << tree.leaves; ++set) {
        if ((set & leaf) == 0 && tree.wins(set | leaf) && !tree.wins(set)) ++swung;
      }
      EXPECT_NEAR((*power)[i], swung / static_cast<double>(1U << (tree.leaves - 1)), 1e-12)
          << tree.text();
    }
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(trees, 10'000U);
}

// Draws come as close as kPowerDraws let them: five deviations, for all voters together.
TEST(Power, IsNearWhatDrawsSay) {
  std::size_t trees = 0;
  for_each_small_tree([&](const SmallTree& tree) {
    if (++trees % 3989 != 0) return true;
    const Explanation all = Explanation::of(tree.tree, Ballot(tree.tree));
    const auto power = leaf_power(all, tree.leaves);
    const std::vector<double> sampled = sampled_leaf_power(all, tree.leaves);
    for (std::uint32_t i = 0; i < tree.leaves; ++i) {
      const double deviation = std::sqrt((*power)[i] * (1 - (*power)[i]) / kPowerDraws);
      EXPECT_NEAR(sampled[i], (*power)[i], 5 * deviation + 1e-12) << tree.text();
    }
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(trees, 10'000U);
}

// A chance is the sum over all sets that win, and over those that do not.
TEST(ChanceOf, AgreesWithBruteForceOnAllSmallTrees) {
  const std::vector<double> down{0.1, 0.15, 0.01, 0.3, 0.4, 0.05, 0.5, 1e-15};
  for_each_small_tree([&](const SmallTree& tree) {
    Chance all{0, 0};
    for (std::uint32_t set = 0; set < 1U << tree.leaves; ++set) {
      double probability = 1;
      for (std::uint32_t i = 0; i < tree.leaves; ++i) {
        probability *= (set >> i & 1) != 0 ? 1 - down[i] : down[i];
      }
      (tree.wins(set) ? all.won : all.lost) += probability;
    }
    const auto chance = chance_of(Explanation::of(tree.tree, Ballot(tree.tree)), down);
    EXPECT_TRUE(chance);
    EXPECT_NEAR(chance->won, all.won, 1e-12) << tree.text();
    EXPECT_NEAR(chance->lost, all.lost, 1e-12) << tree.text();
    return !testing::Test::HasFailure();
  });
}

TEST(Power, OfTopologiesIsThatOfTheirTreesAndRegions) {
  std::size_t topologies = 0;
  for_each_small_topology([&](const Topology& topology) {
    if (++topologies % 25 != 0) return true;
    const Power power = power_of(topology);
    EXPECT_TRUE(power.exact);
    for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
      EXPECT_NEAR(power.nodes[i].power, swings(topology, 1U << i), 1e-12);
    }
    for (std::size_t i = 0; i < topology.regions.size(); ++i) {
      if (nodes_of(topology.regions[i]) == 0) continue;
      EXPECT_NEAR(power.regions[i].power, region_swings(topology, i), 1e-12);
    }
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(topologies, 5'000U);
}

// The game of Banzhaf's paper: the board of Nassau County, 1964. The two smallest never matter.
TEST(Power, OfNassauCounty) {
  const LoadedTopology loaded = parse_topology(
      "cluster: nassau\nregions:\n"
      "  a: { weight: 31, gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { weight: 31, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
      "  c: { weight: 28, gateways: { g: c0 }, nodes: { n1: c1 } }\n"
      "  d: { weight: 21, gateways: { g: d0 }, nodes: { n1: d1 } }\n"
      "  e: { weight: 2, gateways: { g: e0 }, nodes: { n1: e1 } }\n"
      "  f: { weight: 2, gateways: { g: f0 }, nodes: { n1: f1 } }\n",
      "t.yaml");
  ASSERT_TRUE(loaded.errors.empty());
  const Power power = power_of(loaded.topology);
  const double expected[] = {1.0 / 3, 1.0 / 3, 1.0 / 3, 0, 0, 0};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(power.regions[i].index, expected[i], 1e-12);
}

}  // namespace
}  // namespace regent
