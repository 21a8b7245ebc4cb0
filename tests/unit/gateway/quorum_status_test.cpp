#include "gateway/quorum_status.h"

#include <gtest/gtest.h>

#include <sstream>

#include "topology/analysis.h"
#include "topology/load.h"

namespace regent {
namespace {

Topology parsed(const std::string& kind) {
  LoadedTopology loaded =
      parse_topology("cluster: c\nquorum: " + kind +
                         "\nregions:\n"
                         "  a: { weight: 2, gateways: { g: a0 }, nodes: { n1: a1, n2: a2,\n"
                         "       n3: { address: a3, weight: 2 } } }\n"
                         "  b: { weight: 1, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
                         "  c: { weight: 1, gateways: { g: c0 }, nodes: { n1: c1 } }\n",
                     "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

std::vector<NodeStatus> known(const Topology& topology, const std::string& supports) {
  std::vector<NodeStatus> nodes(topology.nodes.size());
  for (NodeStatus& node : nodes) {
    node.reachable = true;
    node.epoch = 7;
    node.supports = supports;
  }
  return nodes;
}

TEST(DescribeQuorum, HierarchicalSumsAreThoseOfTheTree) {
  const Topology topology = parsed("hierarchical");
  const Ballot ballot = ballot_without(topology, *find_nodes(topology, "a/n1,c"));
  const QuorumStatus status = describe_quorum(topology, ballot, known(topology, "a"));
  EXPECT_EQ(status.kind, "hierarchical");
  EXPECT_EQ(status.outcome, Outcome::won);
  EXPECT_EQ(status.weight, 3U);
  EXPECT_EQ(status.needed, 3U);
  EXPECT_EQ(status.total, 4U);
  EXPECT_EQ(status.margin, 0);
  ASSERT_EQ(status.regions.size(), 3U);
  EXPECT_EQ(status.regions[0].outcome, Outcome::won);
  EXPECT_EQ(status.regions[0].weight, 2U);
  EXPECT_EQ(status.regions[0].node_weight, 3U);
  EXPECT_EQ(status.regions[0].node_needed, 3U);
  EXPECT_EQ(status.regions[0].node_total, 4U);
  EXPECT_EQ(status.regions[0].nodes.at(2).name, "n3");
  EXPECT_EQ(status.regions[0].nodes.at(2).weight, 2U);
  EXPECT_EQ(status.regions[0].nodes.at(2).supports, "a");
  EXPECT_EQ(status.regions[2].outcome, Outcome::lost);
}

TEST(DescribeQuorum, FlatKindsAddUpTheNodesOfEachRegion) {
  const Topology weighted = parsed("weighted");
  QuorumStatus status = describe_quorum(
      weighted, ballot_without(weighted, *find_nodes(weighted, "a/n3")), known(weighted, ""));
  EXPECT_EQ(status.outcome, Outcome::won);
  EXPECT_EQ(status.weight, 4U);
  EXPECT_EQ(status.needed, 4U);
  EXPECT_EQ(status.total, 6U);
  EXPECT_EQ(status.regions[0].outcome, Outcome::lost);
  EXPECT_EQ(status.regions[0].node_weight, 2U);
  EXPECT_EQ(status.regions[0].node_total, 4U);

  const Topology majority = parsed("majority");
  status = describe_quorum(majority, ballot_without(majority, *find_nodes(majority, "a/n3")),
                           known(majority, ""));
  EXPECT_EQ(status.weight, 4U);
  EXPECT_EQ(status.total, 5U);
  EXPECT_EQ(status.regions[0].outcome, Outcome::won);
  EXPECT_EQ(status.regions[0].node_needed, 2U);
  EXPECT_EQ(status.regions[0].nodes.at(2).weight, 1U);
}

TEST(DescribeQuorum, UnheardNodesArePendingAndUnreachable) {
  const Topology topology = parsed("weighted");
  const Ballot ballot(topology.tree);
  const QuorumStatus status = describe_quorum(topology, ballot, {});
  EXPECT_EQ(status.outcome, Outcome::pending);
  EXPECT_EQ(status.margin, -4);
  EXPECT_EQ(status.regions[0].outcome, Outcome::pending);
  ASSERT_EQ(status.regions[0].nodes.size(), 3U);
  EXPECT_FALSE(status.regions[0].nodes[0].reachable);
}

TEST(QuorumJson, HasTheKeysOfTheStatus) {
  const Topology topology = parsed("hierarchical");
  const Ballot ballot = ballot_without(topology, *find_nodes(topology, "a,b"));
  std::vector<NodeStatus> nodes = known(topology, "");
  nodes.back().supports = "a";
  std::ostringstream out;
  quorum_json(describe_quorum(topology, ballot, nodes))->stringify(out);
  const std::string json = out.str();
  EXPECT_TRUE(
      json.starts_with("{\"kind\":\"hierarchical\",\"outcome\":\"lost\",\"weight\":1,"
                       "\"needed\":3,\"total\":4,\"margin\":-2,\"regions\":[{\"name\":"
                       "\"a\",\"weight\":2,\"outcome\":\"lost\",\"node_weight\":0,"
                       "\"node_needed\":3,\"node_total\":4,\"nodes\":[{\"name\":\"n1\","))
      << json;
  EXPECT_TRUE(
      json.ends_with("{\"name\":\"n1\",\"weight\":1,\"reachable\":true,"
                     "\"topology_match\":true,\"epoch\":7,\"supports\":\"a\"}]}]}"))
      << json;
  EXPECT_NE(json.find("\"supports\":null"), std::string::npos);
}

TEST(QuorumJson, SaysWhichNodesWereNotAskedAndWhenTheOthersWere) {
  const Topology topology = parsed("hierarchical");
  std::vector<NodeStatus> nodes = known(topology, "");
  nodes.front().reachable = false;
  nodes.front().not_asked = true;
  nodes.back().last_heard_ms = 12.34;
  std::ostringstream out;
  quorum_json(describe_quorum(topology, Ballot(topology.tree), nodes))->stringify(out);
  const std::string json = out.str();
  EXPECT_NE(json.find("\"weight\":1,\"reachable\":false,\"asked\":false,\"topology_match\""),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"reachable\":true,\"last_heard_ms\":12.3,\"topology_match\""),
            std::string::npos)
      << json;
}

}  // namespace
}  // namespace regent
