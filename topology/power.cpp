#include "topology/power.h"

#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/parse.h"
#include "topology/weight_sums.h"

namespace regent {
namespace {

// Leaves of `group` get their power in `power` (by NodeId); `reach` is the probability that the
// group decides what is above it.
bool add_power(const Explanation& group, double reach, std::vector<double>& power) {
  const std::vector<double> evenly(power.size(), 0.5);
  std::vector<double> won;
  for (const Explanation& child : group.children) {
    won.push_back(won_probability(child, evenly));
    if (won.back() < 0) return false;
  }
  std::vector<double> swings;
  if (!swing_probabilities(group, won, swings)) return false;
  for (std::size_t i = 0; i < group.children.size(); ++i) {
    const Explanation& child = group.children[i];
    if (child.leaf != kNoNode) {
      power[child.leaf.value] = reach * swings[i];
    } else if (!add_power(child, reach * swings[i], power)) {
      return false;
    }
  }
  return true;
}

void fill(std::vector<Voice>& voices, const std::vector<double>& power) {
  double sum = 0;
  for (std::size_t i = 0; i < voices.size(); ++i) sum += power[i];
  for (std::size_t i = 0; i < voices.size(); ++i) {
    voices[i].power = power[i];
    voices[i].index = sum > 0 ? power[i] / sum : 0;
  }
}

}  // namespace

std::optional<std::vector<double>> leaf_power(const Explanation& tree, std::size_t nodes) {
  std::vector<double> power(nodes);
  if (!add_power(tree, 1, power)) return std::nullopt;
  return power;
}

Power power_of(const Topology& topology) {
  Power out;
  const Turnout all(topology);
  const Explanation regions = regions_as_voters(topology, all);
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    out.regions.push_back({topology.regions[i].name, regions.children[i].own_weight});
  }
  for (const NodeId id : all_nodes(topology)) {
    out.nodes.push_back({node_name(topology, id), voting_weight(topology, id)});
  }
  // One leaf more: those that are down, of whom there is nobody here.
  const auto of_regions = leaf_power(regions, topology.regions.size() + 1);
  const auto of_nodes = leaf_power(all.tree(), topology.nodes.size());
  out.exact = of_regions && of_nodes;
  if (!out.exact) return out;
  fill(out.regions, *of_regions);
  fill(out.nodes, *of_nodes);
  return out;
}

}  // namespace regent
