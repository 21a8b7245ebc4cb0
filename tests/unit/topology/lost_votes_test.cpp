#include "topology/lost_votes.h"

#include <gtest/gtest.h>

#include "tests/unit/topology/small_topologies.h"
#include "tests/unit/topology/yaml_topologies.h"
#include "topology/electorate.h"

namespace regent {
namespace {

ShareBounds lost(const Topology& topology, const Failures& failures) {
  const auto chances = region_chances(topology, failures);
  return lost_votes(topology, failures, *chances, Turnout(topology).tree().needed);
}

// The same votes with heavier nodes, whose sums may fit no table.
Topology heavier(Topology topology, std::uint64_t times) {
  for (TopologyNode& node : topology.nodes) node.weight *= times;
  for (TopologyRegion& region : topology.regions) region.weight *= times;
  EXPECT_TRUE(finish_topology(topology));
  return topology;
}

Topology as_heavy_as_can_be(const Topology& topology) {
  std::uint64_t most = 1;
  for (const TopologyNode& node : topology.nodes) most = std::max(most, node.weight);
  for (const TopologyRegion& region : topology.regions) most = std::max(most, region.weight);
  return heavier(topology, kMaxWeight / most);
}

// That too few are up, from the sums of all nodes, one by one. That nobody leads although they are
// enough is far less likely.
double too_few_up(const Topology& topology, double down) {
  const std::uint64_t needed = Turnout(topology).tree().needed;
  WeightSums sums(needed);
  for (const TopologyNode& node : topology.nodes)
    EXPECT_TRUE(sums.add(node.weight, {1 - down, down}));
  return sums.between(0, needed - 1);
}

TEST(LostVotes, AreRightForNineTimesNineUnevenNodes) {
  for (const int most : {5, 600, 5000}) {
    const Topology topology = nine_times_nine_uneven(most);
    const ShareBounds found = lost(topology, Failures::everywhere(topology, 0, 0.3, 0));
    EXPECT_EQ(found.least, found.most);
    EXPECT_NEAR(found.most, too_few_up(topology, 0.3), 1e-12) << most;
  }
}

// Few sums, however large: from lists of them, also where nobody may lead.
TEST(LostVotes, AreTheSameInListsAndInTables) {
  std::size_t count = 0;
  std::size_t listed = 0;
  for_each_small_topology([&](const Topology& topology) {
    if (++count % 307 != 0) return true;
    const Topology heavy = as_heavy_as_can_be(topology);
    if (Turnout(heavy).tree().needed <= kMaxTableSums) return true;
    ++listed;
    const Failures failures = Failures::everywhere(topology, 0.2, 0.3, 0);
    const ShareBounds in_tables = lost(topology, failures);
    const ShareBounds in_lists = lost(heavy, failures);
    EXPECT_EQ(in_lists.least, in_lists.most);
    EXPECT_NEAR(in_lists.most, in_tables.most, 1e-14);
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(listed, 20U);
}

// Too many sums for a list, and too large for a table: on both sides of what they are.
TEST(LostVotes, AreBetweenBoundsWhereSumsAreRounded) {
  for (const std::size_t witnesses : {0, 6}) {
    Topology topology = nine_times_nine_uneven(6000);
    for (std::size_t i = 0; i < witnesses; ++i) topology.regions[3 + i].witness = true;
    const Failures failures = Failures::everywhere(topology, 0.1, 0.3, 0);
    const ShareBounds exact = lost(topology, failures);
    EXPECT_EQ(exact.least, exact.most);
    const ShareBounds rounded = lost(as_heavy_as_can_be(topology), failures);
    EXPECT_LT(rounded.least, exact.least);
    EXPECT_GT(rounded.most, exact.most);
    EXPECT_LT(rounded.most, rounded.least * 1.01);
  }
}

// All sums are known, but not those in which nobody leads.
TEST(LostVotes, AreBetweenBoundsWhereOnlyTheLeadIsRounded) {
  Topology topology = nine_times_nine_uneven(600);
  topology.regions[1].witness = topology.regions[2].witness = true;
  const Failures failures = Failures::everywhere(topology, 0.1, 0.5, 0);
  const ShareBounds exact = lost(topology, failures);
  EXPECT_EQ(exact.least, exact.most);
  const ShareBounds rounded = lost(heavier(topology, 40), failures);
  EXPECT_LT(rounded.least, exact.least);
  EXPECT_GT(rounded.most, exact.most);
  EXPECT_LT(rounded.most, rounded.least * 1.0001);
}

}  // namespace
}  // namespace regent
