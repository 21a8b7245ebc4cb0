#include "topology/analysis.h"

#include <algorithm>
#include <tuple>

namespace regent {
namespace {

Error unknown(std::string_view word, const std::string& what) {
  return {ErrorCode::invalid, "'" + std::string(word) + "': " + what};
}

// Appends the nodes one word of the list stands for.
Status find_word(const Topology& topology, std::string_view word, std::vector<NodeId>& out) {
  const std::size_t slash = word.find('/');
  const std::string region_name(word.substr(0, slash));
  const auto region_id = topology.find_region(region_name);
  if (!region_id) return unknown(word, "there is no region '" + region_name + "'");
  const TopologyRegion& region = topology.region(*region_id);
  if (slash == std::string_view::npos) {
    out.insert(out.end(), region.nodes.begin(), region.nodes.end());
    return Done{};
  }
  const std::string name(word.substr(slash + 1));
  if (const auto node = topology.find_node(*region_id, name)) {
    out.push_back(*node);
    return Done{};
  }
  const bool is_zone = std::any_of(region.zones.begin(), region.zones.end(),
                                   [&](const TopologyZone& zone) { return zone.name == name; });
  if (!is_zone) {
    return unknown(word, "region " + region_name + " has no node (or zone) '" + name + "'");
  }
  const std::vector<NodeId> nodes = zone_nodes(topology, region, name);
  out.insert(out.end(), nodes.begin(), nodes.end());
  return Done{};
}

}  // namespace

Ballot ballot_without(const Topology& topology, const std::vector<NodeId>& down) {
  Ballot ballot(topology.tree);
  for (const NodeId id : all_nodes(topology)) ballot.set(id, Vote::granted);
  for (const NodeId id : down) ballot.set(id, Vote::refused);
  return ballot;
}

std::vector<NodeId> all_nodes(const Topology& topology) {
  std::vector<NodeId> out;
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) out.push_back(NodeId{i});
  return out;
}

std::vector<NodeId> zone_nodes(const Topology& topology, const TopologyRegion& region,
                               std::string_view zone) {
  std::vector<NodeId> out;
  for (const NodeId id : region.nodes) {
    if (topology.node(id).zone == zone) out.push_back(id);
  }
  return out;
}

std::string node_name(const Topology& topology, NodeId id) {
  const TopologyNode& node = topology.node(id);
  return topology.region(node.region).name + "/" + node.name;
}

std::vector<RegionId> standing_order(const Topology& topology) {
  std::vector<RegionId> out;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    if (topology.regions[i].may_be_primary() && !topology.regions[i].nodes.empty()) {
      out.push_back(RegionId{static_cast<std::uint16_t>(i)});
    }
  }
  // Ids are in the order of names, so a stable sort leaves equals sorted by name.
  std::stable_sort(out.begin(), out.end(), [&](RegionId a, RegionId b) {
    const TopologyRegion& left = topology.region(a);
    const TopologyRegion& right = topology.region(b);
    return std::tie(left.priority, left.weight) > std::tie(right.priority, right.weight);
  });
  return out;
}

Result<std::vector<NodeId>> find_nodes(const Topology& topology, std::string_view list) {
  std::vector<NodeId> out;
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    if (word.empty()) return unknown(word, "an empty name: write REGION or REGION/NODE");
    if (const Status found = find_word(topology, word, out); !found) return found.error();
  }
  return out;
}

}  // namespace regent
