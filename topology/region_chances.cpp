#include "topology/region_chances.h"

#include "topology/electorate.h"
#include "topology/parse.h"

namespace regent {
namespace {

// A region whose nodes vote for themselves: its sums, and from which on it may lead.
bool add_flat(const Topology& topology, const TopologyRegion& region, const Explanation& own,
              const Failures& failures, double region_down, RegionChances& out) {
  WeightSums sums(UINT64_MAX);
  for (const NodeId id : region.nodes) {
    const Chance chance = Chance::of_loss(failures.of_node[id.value]);
    if (!sums.add(voting_weight(topology, id), chance)) return false;
  }
  for (const WeightSums::Term& term : sums.terms()) {
    const bool leads = region.may_be_primary() && term.weight >= own.needed;
    out.push_back({term.weight, leads, term.probability * (1 - region_down)});
  }
  out.push_back({0, false, region_down});
  return true;
}

}  // namespace

std::optional<std::vector<RegionChances>> region_chances(const Topology& topology,
                                                         const Failures& failures) {
  const Turnout all(topology);
  std::vector<RegionChances> out;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    const Explanation own = all.own(RegionId{i});
    const Chance alone = Chance::of_loss(failures.of_region[i]);
    RegionChances& chances = out.emplace_back();
    if (topology.kind != QuorumKind::hierarchical) {
      if (!add_flat(topology, region, own, failures, alone.lost, chances)) return std::nullopt;
      continue;
    }
    const std::optional<Chance> nodes = chance_of(own, failures.of_node);
    if (!nodes) return std::nullopt;
    chances.push_back({region.weight, region.may_be_primary(), nodes->won * alone.won});
    chances.push_back({0, false, alone.lost + alone.won * nodes->lost});
  }
  return out;
}

}  // namespace regent
