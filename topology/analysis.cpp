#include "topology/analysis.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace regent {
namespace {

// Whether a region's own nodes are quorate: only then it can stand. In the flat kinds a region is
// no group of the tree, so its nodes are added up by the same rule. Counts in one pass, since a
// large topology asks this once for each of its nodes.
class Quorate {
 public:
  explicit Quorate(const Topology& topology) : topology_(topology), zone_(topology.nodes.size()) {
    for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
      const TopologyNode& node = topology.nodes[i];
      const std::vector<TopologyZone>& zones = topology.region(node.region).zones;
      const auto found = std::lower_bound(
          zones.begin(), zones.end(), node.zone,
          [](const TopologyZone& zone, const std::string& name) { return zone.name < name; });
      zone_[i] = static_cast<std::size_t>(found - zones.begin());
    }
  }

  bool operator()(const TopologyRegion& region, const Ballot& ballot) {
    const bool zoned = topology_.kind == QuorumKind::hierarchical && !region.zones.empty();
    sums_.assign(zoned ? region.zones.size() : 1, {});
    for (const NodeId id : region.nodes) {
      const std::uint64_t weight =
          topology_.kind == QuorumKind::majority ? 1 : topology_.node(id).weight;
      Sum& sum = sums_[zoned ? zone_[id.value] : 0];
      sum.total += weight;
      if (ballot.vote(id) == Vote::granted) sum.granted += weight;
    }
    if (!zoned) return sums_[0].won();
    Sum region_sum;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      region_sum.total += region.zones[i].weight;
      if (sums_[i].won()) region_sum.granted += region.zones[i].weight;
    }
    return region_sum.won();
  }

 private:
  struct Sum {
    std::uint64_t granted = 0;
    std::uint64_t total = 0;
    bool won() const { return 2 * granted > total; }
  };
  const Topology& topology_;
  std::vector<std::size_t> zone_;  // by NodeId: index in the region's zones
  std::vector<Sum> sums_;          // kept for its memory
};

// `ballot` is one in which all grant, and is so again afterwards.
std::optional<FatalLoss> fatal(const Topology& topology, Quorate& quorate, Ballot& ballot,
                               const std::vector<NodeId>& down, std::string name) {
  for (const NodeId id : down) ballot.set(id, Vote::refused);
  const bool won = ballot.outcome() == Outcome::won;
  const bool somebody = std::any_of(topology.regions.begin(), topology.regions.end(),
                                    [&](const TopologyRegion& region) {
                                      return region.may_be_primary() && quorate(region, ballot);
                                    });
  for (const NodeId id : down) ballot.set(id, Vote::granted);
  if (!won) return FatalLoss{std::move(name), true};
  if (!somebody) return FatalLoss{std::move(name), false};
  return std::nullopt;
}

std::vector<NodeId> zone_nodes(const Topology& topology, const TopologyRegion& region,
                               std::string_view zone) {
  std::vector<NodeId> out;
  for (const NodeId id : region.nodes) {
    if (topology.node(id).zone == zone) out.push_back(id);
  }
  return out;
}

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
  for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
    ballot.set(NodeId{static_cast<std::uint32_t>(i)}, Vote::granted);
  }
  for (const NodeId id : down) ballot.set(id, Vote::refused);
  return ballot;
}

Survival survival_of(const Topology& topology) {
  Survival out;
  Ballot ballot = ballot_without(topology, {});
  Quorate quorate(topology);
  for (const TopologyRegion& region : topology.regions) {
    if (auto loss = fatal(topology, quorate, ballot, region.nodes, region.name))
      out.regions.push_back(*loss);
    for (const TopologyZone& zone : region.zones) {
      const std::vector<NodeId> nodes = zone_nodes(topology, region, zone.name);
      if (auto loss = fatal(topology, quorate, ballot, nodes, region.name + "/" + zone.name)) {
        out.zones.push_back(*loss);
      }
    }
    for (const NodeId id : region.nodes) {
      if (auto loss =
              fatal(topology, quorate, ballot, {id}, region.name + "/" + topology.node(id).name)) {
        out.nodes.push_back(*loss);
      }
    }
  }
  return out;
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
