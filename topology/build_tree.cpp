#include <utility>

#include "topology/parse.h"

namespace regent {
namespace {

Group leaf(std::string name, std::uint64_t weight, NodeId id) {
  return {std::move(name), weight, id, {}};
}

}  // namespace

std::uint64_t voting_weight(const Topology& topology, NodeId id) {
  return topology.kind == QuorumKind::majority ? 1 : topology.node(id).weight;
}

Group region_group(const Topology& topology, const TopologyRegion& region) {
  Group group{region.name, region.weight, kNoNode, {}};
  const bool zoned = topology.kind == QuorumKind::hierarchical;
  for (const TopologyZone& zone : region.zones) {
    if (zoned) group.children.push_back({zone.name, zone.weight, kNoNode, {}});
  }
  for (const NodeId id : region.nodes) {
    const TopologyNode& node = topology.node(id);
    std::size_t zone = zoned ? 0 : region.zones.size();
    while (zone < region.zones.size() && region.zones[zone].name != node.zone) ++zone;
    Group& parent = zone < region.zones.size() ? group.children[zone] : group;
    parent.children.push_back(leaf(node.name, voting_weight(topology, id), id));
  }
  return group;
}

Result<QuorumTree> build_tree(const Topology& topology) {
  Group root;
  root.name = topology.cluster;
  for (const TopologyRegion& region : topology.regions) {
    if (topology.kind == QuorumKind::hierarchical) {
      root.children.push_back(region_group(topology, region));
      continue;
    }
    for (const NodeId id : region.nodes) {
      root.children.push_back(leaf(region.name + "/" + topology.node(id).name,
                                   voting_weight(topology, id), id));
    }
  }
  return QuorumTree::build(root);
}

}  // namespace regent
