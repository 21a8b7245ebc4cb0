#include "topology/analysis.h"

#include <gtest/gtest.h>

#include "tests/unit/topology/topology_cases.h"
#include "tests/unit/topology/yaml_topologies.h"
#include "topology/load.h"

namespace regent {
namespace {

using Names = std::vector<std::string>;

TEST(StandingOrder, ByPriorityThenWeightThenName) {
  const Topology topology = parsed(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { weight: 2, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
      "  c: { witness: true, gateways: { g: c0 }, nodes: { n1: c1 } }\n"
      "  d: { priority: 0, gateways: { g: d0 }, nodes: { n1: d1 } }\n"
      "  e: { priority: 9, gateways: { g: e0 }, nodes: { n1: e1 } }\n"
      "  f: { gateways: { g: f0 }, nodes: { n1: f1 } }\n");
  Names order;
  for (const RegionId id : standing_order(topology)) order.push_back(topology.region_name(id));
  EXPECT_EQ(order, (Names{"e", "b", "a", "f"}));
}

TEST(FindNodes, TakesRegionsZonesAndNodes) {
  const Topology topology = parsed(read_case("example.yaml"));
  const auto found = [&](const std::string& list) {
    Names out;
    const auto nodes = find_nodes(topology, list);
    if (!nodes) return Names{nodes.error().message};
    for (const NodeId id : *nodes) {
      out.push_back(topology.region_name(topology.node(id).region) + "/" + topology.node(id).name);
    }
    return out;
  };
  EXPECT_EQ(found(""), Names{});
  EXPECT_EQ(found("us-east,eu/n1"), (Names{"us-east/n1", "us-east/n2", "us-east/n3", "eu/n1"}));
  EXPECT_EQ(found("us-west/b"), (Names{"us-west/n2"}));
  EXPECT_EQ(found("us"), (Names{"'us': there is no region 'us'"}));
  EXPECT_EQ(found("eu/n1,eu/n2"), (Names{"'eu/n2': region eu has no node (or zone) 'n2'"}));
  EXPECT_EQ(found("eu,,us-east"), (Names{"'': an empty name: write REGION or REGION/NODE"}));
}

}  // namespace
}  // namespace regent
