#include <utility>

#include "topology/parse.h"

namespace regent {
namespace {

Group leaf(std::string name, std::uint64_t weight, NodeId id) {
  return {std::move(name), weight, id, {}};
}

Group region_group(const Topology& topology, const TopologyRegion& region) {
  Group group{region.name, region.weight, kNoNode, {}};
  for (const TopologyZone& zone : region.zones) {
    group.children.push_back({zone.name, zone.weight, kNoNode, {}});
  }
  for (const NodeId id : region.nodes) {
    const TopologyNode& node = topology.node(id);
    std::size_t zone = 0;
    while (zone < region.zones.size() && region.zones[zone].name != node.zone) ++zone;
    Group& parent = zone < region.zones.size() ? group.children[zone] : group;
    parent.children.push_back(leaf(node.name, node.weight, id));
  }
  return group;
}

}  // namespace

Result<QuorumTree> build_tree(const Topology& topology) {
  Group root;
  root.name = topology.cluster;
  for (const TopologyRegion& region : topology.regions) {
    if (topology.kind == QuorumKind::hierarchical) {
      root.children.push_back(region_group(topology, region));
      continue;
    }
    for (const NodeId id : region.nodes) {
      const TopologyNode& node = topology.node(id);
      const std::uint64_t weight = topology.kind == QuorumKind::majority ? 1 : node.weight;
      root.children.push_back(leaf(region.name + "/" + node.name, weight, id));
    }
  }
  return QuorumTree::build(root);
}

}  // namespace regent
