#include "tests/unit/topology/small_topologies.h"

#include <algorithm>

#include "topology/parse.h"

namespace regent {
namespace {

bool all_leaves(const Group& group) {
  return std::all_of(group.children.begin(), group.children.end(),
                     [](const Group& child) { return child.children.empty(); });
}

bool no_leaf(const Group& group) {
  return std::none_of(group.children.begin(), group.children.end(),
                      [](const Group& child) { return child.children.empty(); });
}

class Maker {
 public:
  explicit Maker(QuorumKind kind) { topology_.kind = kind; }

  void begin_region(std::uint64_t weight) {
    TopologyRegion& region = topology_.regions.emplace_back();
    region.name = static_cast<char>('a' + topology_.regions.size() - 1);
    region.weight = weight;
    region.witness = topology_.regions.size() % 3 == 0;
    nodes_ = 0;
  }
  void add_zone(std::uint64_t weight) {
    std::vector<TopologyZone>& zones = topology_.regions.back().zones;
    zones.push_back({std::string(1, static_cast<char>('x' + zones.size())), weight});
  }
  void add_node(std::uint64_t weight) {
    TopologyNode& node = topology_.nodes.emplace_back();
    node.region = RegionId{static_cast<std::uint16_t>(topology_.regions.size() - 1)};
    node.name = "n" + std::to_string(++nodes_);
    node.weight = weight;
    const std::vector<TopologyZone>& zones = topology_.regions.back().zones;
    if (!zones.empty()) node.zone = zones.back().name;
  }
  Topology take() { return std::move(topology_); }

 private:
  Topology topology_;
  unsigned nodes_ = 0;
};

Topology flat(const Group& root) {
  Maker maker(QuorumKind::weighted);
  for (std::size_t i = 0; i < root.children.size(); ++i) {
    if (i % 2 == 0) maker.begin_region(1);
    maker.add_node(root.children[i].weight);
  }
  return maker.take();
}

std::optional<Topology> nested(const Group& root) {
  Maker maker(QuorumKind::hierarchical);
  for (const Group& region : root.children) {
    maker.begin_region(region.weight);
    if (all_leaves(region)) {
      for (const Group& node : region.children) maker.add_node(node.weight);
      continue;
    }
    if (!no_leaf(region) || region.children.size() > 3) return std::nullopt;
    for (const Group& zone : region.children) {
      if (!all_leaves(zone)) return std::nullopt;
      maker.add_zone(zone.weight);
      for (const Group& node : zone.children) maker.add_node(node.weight);
    }
  }
  return maker.take();
}

}  // namespace

bool finish_topology(Topology& topology) {
  for (TopologyRegion& region : topology.regions) region.nodes.clear();
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
    topology.regions[topology.nodes[i].region.value].nodes.push_back(NodeId{i});
  }
  Result<QuorumTree> tree = build_tree(topology);
  if (!tree) return false;
  topology.tree = std::move(tree).value();
  return true;
}

void for_each_small_topology(const std::function<bool(const Topology&)>& visit) {
  for_each_small_tree([&](const SmallTree& tree) {
    std::optional<Topology> topology;
    if (all_leaves(tree.root)) {
      topology = flat(tree.root);
    } else if (no_leaf(tree.root)) {
      topology = nested(tree.root);
    }
    if (!topology || !finish_topology(*topology)) return true;
    return visit(*topology);
  });
}

}  // namespace regent
