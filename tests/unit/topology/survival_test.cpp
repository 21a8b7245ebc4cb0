#include "topology/survival.h"

#include <gtest/gtest.h>

#include <bit>

#include "tests/unit/topology/small_topologies.h"
#include "tests/unit/topology/topology_cases.h"
#include "tests/unit/topology/yaml_topologies.h"
#include "topology/analysis.h"
#include "topology/load.h"

namespace regent {
namespace {

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

// What is fatal, by a Turnout for each set of nodes.
class Oracle {
 public:
  explicit Oracle(const Topology& topology) : topology_(topology), turnout_(topology) {
    const std::size_t nodes = topology.nodes.size();
    fatal_.resize(std::size_t{1} << nodes);
    for (std::size_t lost = 0; lost < fatal_.size(); ++lost) {
      for (std::uint32_t i = 0; i < nodes; ++i) turnout_.set(NodeId{i}, (lost >> i & 1) == 0);
      fatal_[lost] = !turnout_.quorum() || !turnout_.somebody_may_lead();
    }
  }

  bool fatal(std::size_t lost) const { return fatal_[lost]; }
  std::size_t region(std::size_t index) const {
    std::size_t out = 0;
    for (const NodeId id : topology_.regions[index].nodes) out |= std::size_t{1} << id.value;
    return out;
  }
  std::size_t smallest_nodes(std::size_t down = 0) const {
    std::size_t best = topology_.nodes.size();
    for (std::size_t lost = 0; lost < fatal_.size(); ++lost) {
      if (fatal_[lost | down]) best = std::min(best, static_cast<std::size_t>(std::popcount(lost)));
    }
    return best;
  }
  std::size_t smallest_regions(std::size_t down = 0) const {
    std::size_t best = topology_.regions.size();
    for (std::size_t set = 0; set < std::size_t{1} << topology_.regions.size(); ++set) {
      std::size_t lost = down;
      for (std::size_t i = 0; i < topology_.regions.size(); ++i) {
        if ((set >> i & 1) != 0) lost |= region(i);
      }
      if (fatal(lost)) best = std::min(best, static_cast<std::size_t>(std::popcount(set)));
    }
    return best;
  }
  // Whether some choice of one node in every region from `index` on is fatal with those lost.
  bool one_in_each(std::size_t index = 0, std::size_t lost = 0) const {
    if (index == topology_.regions.size()) return fatal(lost);
    for (const NodeId id : topology_.regions[index].nodes) {
      if (one_in_each(index + 1, lost | std::size_t{1} << id.value)) return true;
    }
    return false;
  }

 private:
  const Topology& topology_;
  Turnout turnout_;
  std::vector<bool> fatal_;
};

void expect_survival(const Topology& topology) {
  const Oracle oracle(topology);
  const std::size_t down = 0x55 & ((std::size_t{1} << topology.nodes.size()) - 1);
  std::vector<NodeId> nodes_down;
  for (std::uint32_t i = 0; i < topology.nodes.size(); i += 2) nodes_down.push_back(NodeId{i});
  const Losses more = losses_of(topology, Turnout(topology, nodes_down), 1);
  EXPECT_EQ(more.fatal_nodes(), oracle.smallest_nodes(down));
  EXPECT_EQ(more.fatal_regions(), oracle.smallest_regions(down));
  const Survival survival = survival_of(topology);
  EXPECT_EQ(survival.losses.fatal_nodes(), oracle.smallest_nodes());
  EXPECT_EQ(survival.losses.fatal_regions(), oracle.smallest_regions());
  EXPECT_EQ(survival.one_in_each.has_value(), oracle.one_in_each());
  Names nodes;
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
    if (oracle.fatal(std::size_t{1} << i)) nodes.push_back(node_name(topology, NodeId{i}));
  }
  Names regions;
  Names pairs;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const std::string name = topology.regions[i].name;
    if (oracle.fatal(oracle.region(i))) {
      regions.push_back(name);
      continue;
    }
    for (std::size_t j = i + 1; j < topology.regions.size(); ++j) {
      if (oracle.fatal(oracle.region(j)) || !oracle.fatal(oracle.region(i) | oracle.region(j))) {
        continue;
      }
      pairs.push_back(name + " + " + topology.regions[j].name);
    }
  }
  const auto plain = [](const std::vector<FatalLoss>& losses) {
    Names out;
    for (const FatalLoss& loss : losses) out.push_back(loss.name);
    return out;
  };
  EXPECT_EQ(plain(survival.nodes), nodes);
  EXPECT_EQ(plain(survival.regions), regions);
  EXPECT_EQ(plain(survival.pairs), pairs);
}

TEST(Survival, AgreesWithBruteForceOnAllSmallTopologies) {
  std::size_t topologies = 0;
  for_each_small_topology([&](const Topology& topology) {
    ++topologies;
    expect_survival(topology);
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(topologies, 5'000U);
}

TEST(Survival, OfTheSmallestSets) {
  const Topology topology = parsed(read_case("example.yaml"));
  const Survival survival = survival_of(topology);
  using Sets = std::vector<Names>;
  const Sets pairs{{"eu", "us-east"}, {"eu", "us-west"}, {"us-east", "us-west"}};
  EXPECT_EQ(survival.losses.regions.examples, pairs);
  EXPECT_EQ(survival.winning_regions->examples, pairs);
  EXPECT_EQ(survival.losses.leading_regions.examples, (Sets{{"us-east", "us-west"}}));
  // us-east needs 3 of 4, and n3 weighs 2 of them: without n3 it is lost.
  EXPECT_EQ(survival.losses.nodes.examples, (Sets{{"eu/n1", "us-east/n3"}}));
  EXPECT_EQ(survival.losses.nodes.count, 1U);
  EXPECT_EQ(survival.winning_nodes->size, 3U);
  EXPECT_EQ(survival.winning_nodes->count, 5U);
}

// Of nine regions lose five, of each of those five of nine nodes.
TEST(Survival, OfNineTimesNine) {
  std::string yaml = "cluster: c\nregions:\n";
  for (char region = 'a'; region < 'j'; ++region) {
    const std::string name(1, region);
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (char node = '1'; node <= '9'; ++node) {
      yaml += std::string(node > '1' ? ", " : " ") + "n" + node + ": " + name + node;
    }
    yaml += " } }\n";
  }
  const Losses losses = survival_of(parsed(yaml)).losses;
  EXPECT_EQ(losses.regions.size, 5U);
  EXPECT_EQ(losses.regions.count, 126U);
  EXPECT_EQ(losses.nodes.size, 25U);
  EXPECT_EQ(losses.nodes.count, 126ULL * 126 * 126 * 126 * 126 * 126);
}

}  // namespace
}  // namespace regent
