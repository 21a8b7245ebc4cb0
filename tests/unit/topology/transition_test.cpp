#include "topology/transition.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/unit/topology/small_topologies.h"
#include "tests/unit/topology/yaml_topologies.h"
#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/load.h"

namespace regent {
namespace {

using Names = std::vector<std::string>;

Names names_of(const Topology& topology) {
  Names out;
  for (const NodeId id : all_nodes(topology)) out.push_back(node_name(topology, id));
  return out;
}

bool wins(const Topology& topology, const std::set<std::string>& nodes) {
  Turnout turnout(topology, all_nodes(topology));
  for (const NodeId id : all_nodes(topology)) {
    if (nodes.contains(node_name(topology, id))) turnout.set(id, true);
  }
  return turnout.quorum();
}

// Every split of all nodes of the two.
bool always_meet(const Topology& before, const Topology& after) {
  std::set<std::string> all;
  for (const Topology* one : {&before, &after}) {
    for (const std::string& name : names_of(*one)) all.insert(name);
  }
  for (std::size_t split = 0; split < std::size_t{1} << all.size(); ++split) {
    std::set<std::string> sides[2];
    std::size_t at = 0;
    for (const std::string& name : all) sides[split >> at++ & 1].insert(name);
    if (wins(before, sides[0]) && wins(after, sides[1])) return false;
  }
  return true;
}

// Another topology with some of the same nodes.
std::vector<Topology> variants(const Topology& topology) {
  std::vector<Topology> out;
  const auto add = [&](const std::function<void(Topology&)>& change) {
    Topology changed = topology;
    change(changed);
    if (finish_topology(changed)) out.push_back(std::move(changed));
  };
  add([](Topology& t) { t.regions.front().weight += 2; });
  add([](Topology& t) { t.regions.back().weight = 0; });
  add([](Topology& t) { t.nodes.front().weight += 1; });
  add([](Topology& t) { t.nodes.back().weight = 5; });
  add([](Topology& t) { t.nodes.pop_back(); });
  add([](Topology& t) { t.kind = QuorumKind::majority; });
  add([](Topology& t) {
    t.kind = t.kind == QuorumKind::weighted ? QuorumKind::hierarchical : QuorumKind::weighted;
  });
  add([](Topology& t) {  // a node more in the last region
    TopologyNode node = t.nodes.back();
    node.name = "n9";
    t.nodes.push_back(node);
  });
  add([](Topology& t) {  // the first node in another zone
    for (const TopologyZone& zone : t.regions.front().zones) t.nodes.front().zone = zone.name;
  });
  return out;
}

void expect_transition(const Topology& before, const Topology& after) {
  const Meeting meeting = quorums_meet(before, after);
  EXPECT_TRUE(meeting.exact);
  ASSERT_EQ(meeting.always, always_meet(before, after));
  if (!meeting.always) {
    const std::set<std::string> old_quorum(meeting.old_quorum.begin(), meeting.old_quorum.end());
    const std::set<std::string> new_quorum(meeting.new_quorum.begin(), meeting.new_quorum.end());
    EXPECT_TRUE(wins(before, old_quorum));
    EXPECT_TRUE(wins(after, new_quorum));
    for (const std::string& name : old_quorum) EXPECT_FALSE(new_quorum.contains(name)) << name;
  }
  const Transition transition = plan_transition(before, after);
  if (meeting.always) {
    EXPECT_EQ(transition.steps.size(), 1U);
  }
  const Topology* last = &before;
  for (const Topology& step : transition.steps) {
    EXPECT_TRUE(always_meet(*last, step));
    last = &step;
  }
  if (!transition.steps.empty()) {
    EXPECT_EQ(vote_changes(*last, after), Names{});
  }
  // Where only weights and nodes change there is always a way.
  if (before.kind == after.kind && before.regions[0].zones.empty()) {
    EXPECT_FALSE(transition.steps.empty());
  }
}

TEST(Transition, AgreesWithBruteForceOnSmallTopologies) {
  std::size_t topologies = 0;
  std::size_t pairs = 0;
  for_each_small_topology([&](const Topology& topology) {
    if (++topologies % 151 != 0 || topology.nodes.size() > 7) return true;
    for (const Topology& other : variants(topology)) {
      ++pairs;
      expect_transition(topology, other);
      expect_transition(other, topology);
    }
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(pairs, 300U);
}

TEST(Transition, OfThreeToFiveNodes) {
  const std::string head = "cluster: c\nquorum: majority\nregions:\n";
  const std::string a = "  a: { gateways: { g: a0 }, nodes: { n1: a1, n2: a2, n3: a3";
  const Topology three = parsed(head + a + " } }\n");
  const Topology four = parsed(head + a + ", n4: a4 } }\n");
  const Topology five = parsed(head + a + ", n4: a4, n5: a5 } }\n");
  EXPECT_TRUE(quorums_meet(three, four).always);
  const Meeting meeting = quorums_meet(three, five);
  EXPECT_FALSE(meeting.always);
  EXPECT_EQ(meeting.old_quorum.size(), 2U);
  EXPECT_EQ(meeting.new_quorum.size(), 3U);
  const Transition transition = plan_transition(three, five);
  ASSERT_EQ(transition.steps.size(), 2U);
  EXPECT_EQ(vote_changes(three, transition.steps[0]),
            (Names{"regions.a.nodes.n4.weight: none -> 1"}));
  EXPECT_EQ(vote_changes(transition.steps[0], transition.steps[1]),
            (Names{"regions.a.nodes.n5.weight: none -> 1"}));
}

TEST(Transition, MovesWeightFromRegionToRegion) {
  const auto weights = [](int a, int b, int c) {
    return parsed("cluster: c\nregions:\n  a: { weight: " + std::to_string(a) +
                  ", gateways: { g: a0 }, nodes: { n1: a1 } }\n  b: { weight: " +
                  std::to_string(b) +
                  ", gateways: { g: b0 }, nodes: { n1: b1 } }\n  c: { weight: " +
                  std::to_string(c) + ", gateways: { g: c0 }, nodes: { n1: c1 } }\n");
  };
  const Topology before = weights(10, 2, 2);
  const Topology after = weights(2, 2, 10);
  const Transition transition = plan_transition(before, after);
  EXPECT_EQ(transition.meeting.old_quorum, Names{"a/n1"});
  EXPECT_EQ(transition.meeting.new_quorum, Names{"c/n1"});
  EXPECT_GE(transition.steps.size(), 2U);
  EXPECT_TRUE(plan_transition(before, before).meeting.always);
}

// Every kind of vote of 3 x 3 nodes can become every other.
TEST(Transition, GoesFromKindToKind) {
  const auto nine = [](const std::string& kind, int weight) {
    std::string yaml = "cluster: c\nquorum: " + kind + "\nregions:\n";
    for (const std::string name : {"a", "b", "c"}) {
      yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: { n1: { address: " + name +
              "1, weight: " + std::to_string(weight) + " }, n2: " + name + "2, n3: " + name +
              "3 } }\n";
    }
    return parsed(yaml);
  };
  const std::vector<Topology> all = {nine("majority", 1), nine("hierarchical", 1),
                                     nine("weighted", 3)};
  for (const Topology& before : all) {
    for (const Topology& after : all) {
      const Transition transition = plan_transition(before, after);
      ASSERT_FALSE(transition.steps.empty());
      const Topology* last = &before;
      for (const Topology& step : transition.steps) {
        EXPECT_TRUE(always_meet(*last, step));
        last = &step;
      }
      EXPECT_EQ(vote_changes(*last, after), Names{});
    }
  }
}

// Nothing in common: no way but to stop.
TEST(Transition, ToOtherNodesAltogetherHasSteps) {
  const Topology before = parsed(
      "cluster: c\nregions:\n  a: { gateways: { g: a0 }, nodes: { n1: a1, n2: a2, n3: a3 } }\n");
  const Topology after = parsed(
      "cluster: c\nregions:\n  b: { gateways: { g: b0 }, nodes: { n1: b1, n2: b2, n3: b3 } }\n");
  EXPECT_FALSE(quorums_meet(before, after).always);
  const Transition transition = plan_transition(before, after);
  const Topology* last = &before;
  for (const Topology& step : transition.steps) {
    EXPECT_TRUE(always_meet(*last, step));
    last = &step;
  }
}

}  // namespace
}  // namespace regent
