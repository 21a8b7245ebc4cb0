#include "topology/region_chances.h"

#include "topology/electorate.h"
#include "topology/parse.h"

namespace regent {
namespace {

// A region whose nodes vote for themselves: its sums, and from which on it may lead.
bool add_flat(const Topology& topology, const TopologyRegion& region, const Explanation& own,
              const std::vector<double>& up, double region_up, RegionChances& out) {
  WeightSums sums(UINT64_MAX);
  for (const NodeId id : region.nodes) {
    if (!sums.add(voting_weight(topology, id), up[id.value])) return false;
  }
  for (const WeightSums::Term& term : sums.terms()) {
    const bool leads = region.may_be_primary() && term.weight >= own.needed;
    out.push_back({term.weight, leads, term.probability * region_up});
  }
  out.push_back({0, false, 1 - region_up});
  return true;
}

}  // namespace

std::optional<std::vector<RegionChances>> region_chances(const Topology& topology,
                                                         const Failures& failures) {
  const Turnout all(topology);
  std::vector<double> up;
  for (const double down : failures.of_node) up.push_back(1 - down);
  std::vector<RegionChances> out;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    const Explanation own = all.own(RegionId{i});
    const double region_up = 1 - failures.of_region[i];
    RegionChances& chances = out.emplace_back();
    if (topology.kind != QuorumKind::hierarchical) {
      if (!add_flat(topology, region, own, up, region_up, chances)) return std::nullopt;
      continue;
    }
    const double won = won_probability(own, up);
    if (won < 0) return std::nullopt;
    chances.push_back({region.weight, region.may_be_primary(), won * region_up});
    chances.push_back({0, false, 1 - won * region_up});
  }
  return out;
}

}  // namespace regent
