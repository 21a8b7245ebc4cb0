#include "topology/lost_votes.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "topology/parse.h"

namespace regent {
namespace {

// How often a sum is added to, in lists and in tables.
constexpr std::size_t kMaxSumSteps = 10'000'000;
constexpr std::size_t kMaxTableSteps = 200'000'000;

// The probability that too little weight is up, or nobody may lead, when every region hears every
// other. From lists of all sums: apart those with nobody who may lead so far, and with somebody.
// nullopt: more than kMaxSumSteps.
std::optional<double> lost_by_lists(const std::vector<RegionChances>& regions,
                                    std::uint64_t needed) {
  std::vector<WeightSums::Term> none{{0, 1.0}};
  std::vector<WeightSums::Term> some;
  std::size_t steps = kMaxSumSteps;
  for (const RegionChances& region : regions) {
    std::vector<WeightSums::Term> next_none;
    std::vector<WeightSums::Term> next_some;
    for (const RegionState& state : region) {
      add_shifted(next_some, some, state.weight, state.probability, needed);
      add_shifted(state.leads ? next_some : next_none, none, state.weight, state.probability,
                  needed);
      const std::size_t taken = next_none.size() + next_some.size();
      if (taken > steps) return std::nullopt;
      steps -= taken;
    }
    none = std::move(next_none);
    some = std::move(next_some);
  }
  double lost = 0;
  for (const WeightSums::Term& term : none) lost += term.probability;
  for (const WeightSums::Term& term : some) lost += term.weight < needed ? term.probability : 0;
  return lost;
}

// The same from tables, with weights rounded down to multiples of `unit`. `needed`: in units.
double lost_by_tables(const std::vector<RegionChances>& regions, std::uint64_t needed,
                      std::uint64_t unit) {
  using Table = std::vector<double>;  // by sum; the last one: enough
  const auto add = [needed](Table& to, const Table& from, const RegionState& state,
                            std::uint64_t weight) {
    const std::uint64_t shift = std::min(weight, needed);
    for (std::size_t i = 0; i + shift < needed; ++i) to[i + shift] += state.probability * from[i];
    for (std::size_t i = needed - shift; i <= needed; ++i)
      to[needed] += state.probability * from[i];
  };
  Table none(needed + 1, 0.0);
  Table some(needed + 1, 0.0);
  none[0] = 1;
  for (const RegionChances& region : regions) {
    Table next_none(needed + 1, 0.0);
    Table next_some(needed + 1, 0.0);
    for (const RegionState& state : region) {
      add(next_some, some, state, state.weight / unit);
      add(state.leads ? next_some : next_none, none, state, state.weight / unit);
    }
    none = std::move(next_none);
    some = std::move(next_some);
  }
  return std::accumulate(none.begin(), none.end(), 0.0) +
         std::accumulate(some.begin(), some.end() - 1, 0.0);
}

// The probability that less than `needed` is up, node by node, from tables with weights rounded
// down to multiples of `unit`. `needed`: in units.
double lost_by_nodes(const Topology& topology, const Failures& failures, std::uint64_t needed,
                     std::uint64_t unit) {
  std::vector<double> sums(needed, 0.0);  // the probability of each
  std::vector<double> region(needed);     // and while the region at hand is up
  std::vector<double> with_node(needed);
  if (needed > 0) sums[0] = 1;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    region = sums;
    for (const NodeId node : topology.regions[i].nodes) {
      const double down = failures.of_node[node.value];
      const std::uint64_t weight = std::min(voting_weight(topology, node) / unit, needed);
      for (std::size_t k = 0; k < needed; ++k) with_node[k] = down * region[k];
      for (std::size_t k = weight; k < needed; ++k) with_node[k] += (1 - down) * region[k - weight];
      std::swap(region, with_node);
    }
    const double down = failures.of_region[i];
    for (std::size_t k = 0; k < needed; ++k) sums[k] = down * sums[k] + (1 - down) * region[k];
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Whether nodes vote for themselves, and those of regions that do not lead are never enough.
bool winners_lead(const Topology& topology, const std::vector<RegionChances>& regions,
                  std::uint64_t needed) {
  std::uint64_t most = 0;
  for (const RegionChances& region : regions) {
    std::uint64_t here = 0;
    for (const RegionState& state : region) here = std::max(here, state.leads ? 0 : state.weight);
    most += here;
  }
  return topology.kind != QuorumKind::hierarchical && most < needed;
}

}  // namespace

ShareBounds lost_votes(const Topology& topology, const Failures& failures,
                       const std::vector<RegionChances>& regions, std::uint64_t needed) {
  const bool by_nodes = winners_lead(topology, regions, needed);
  const auto lost_with = [&](std::uint64_t enough, std::uint64_t unit) {
    return by_nodes ? lost_by_nodes(topology, failures, enough, unit)
                    : lost_by_tables(regions, enough, unit);
  };
  std::size_t adders = topology.nodes.size();
  if (!by_nodes) {
    adders = 0;
    for (const RegionChances& region : regions) adders += region.size();
  }
  const std::size_t sums = std::clamp<std::size_t>(kMaxTableSteps / adders, 1, kMaxTableSums);
  const std::uint64_t unit = needed / sums + 1;
  if (unit > 1) {
    if (const auto lost = lost_by_lists(regions, needed)) return {*lost, *lost};
  }
  const double most = lost_with((needed + unit - 1) / unit, unit);
  if (unit == 1) return {most, most};
  // A rounded sum lacks at most one unit less one for each addend.
  const std::size_t addends = by_nodes ? topology.nodes.size() : regions.size();
  const std::uint64_t lacking = std::min(needed, addends * (unit - 1));
  return {lost_with((needed - lacking) / unit, unit), most};
}

}  // namespace regent
