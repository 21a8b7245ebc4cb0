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

// The probability of each sum, by sum; sums for which there is no place are left out.
using Table = std::vector<double>;

void add(Table& to, const Table& from, std::uint64_t weight, double probability) {
  for (std::size_t i = weight; i < to.size(); ++i) to[i] += probability * from[i - weight];
}

// Tables of the sums of regions' weights, each rounded down to a multiple of `unit`.
class RoundedSums {
 public:
  RoundedSums(std::uint64_t size, std::uint64_t unit) : unit_(unit), sums_(size, 0.0) {
    if (size > 0) sums_[0] = 1;
  }

  // One more region, by its nodes. down: the share of the time for the region.
  void add_nodes(const Topology& topology, const TopologyRegion& region, double down,
                 const std::vector<double>& node_down) {
    Table up = sums_;
    Table next(sums_.size());
    for (const NodeId node : region.nodes) {
      const double without = node_down[node.value];
      const std::size_t weight = std::min(voting_weight(topology, node) / unit_, next.size());
      for (std::size_t i = 0; i < weight; ++i) next[i] = without * up[i];
      for (std::size_t i = weight; i < next.size(); ++i) {
        next[i] = without * up[i] + (1 - without) * up[i - weight];
      }
      std::swap(up, next);
    }
    for (double& sum : sums_) sum *= down;
    add(sums_, up, 0, 1 - down);
  }

  // By its states: all of them, or those in which it does not lead.
  void add_states(const RegionChances& region, bool leading) {
    Table next(sums_.size(), 0.0);
    for (const RegionState& state : region) {
      if (leading || !state.leads) add(next, sums_, state.weight / unit_, state.probability);
    }
    sums_ = std::move(next);
  }

  double total() const { return std::accumulate(sums_.begin(), sums_.end(), 0.0); }

 private:
  const std::uint64_t unit_;
  Table sums_;
};

class LostVotes {
 public:
  LostVotes(const Topology& topology, const Failures& failures,
            const std::vector<RegionChances>& regions, std::uint64_t needed)
      : topology_(topology), failures_(failures), regions_(regions), needed_(needed) {}

  ShareBounds run() const {
    if (needed_ > kMaxTableSums) {
      if (const auto lost = lost_by_lists(regions_, needed_)) return {*lost, *lost};
    }
    const ShareBounds few = too_few_up(Who::anybody);
    const ShareBounds idle = nobody_leads();
    return {few.least + idle.least, few.most + idle.most};
  }

 private:
  // Whose weight counts: that of all that are up, or only when none of them leads.
  enum class Who : std::uint8_t { anybody, nobody_who_leads };

  // Although enough is up.
  ShareBounds nobody_leads() const {
    std::uint64_t weight = 0;  // the most without a leader
    double nobody = 1;
    for (const RegionChances& region : regions_) {
      std::uint64_t most = 0;
      double idle = 0;
      for (const RegionState& state : region) {
        if (state.leads) continue;
        most = std::max(most, state.weight);
        idle += state.probability;
      }
      weight += most;
      nobody *= idle;
    }
    if (weight < needed_ || nobody == 0) return {0, 0};
    const ShareBounds few = too_few_up(Who::nobody_who_leads);
    return {std::max(0.0, nobody - few.most), std::max(0.0, nobody - few.least)};
  }

  // That less than needed is up.
  ShareBounds too_few_up(Who who) const {
    std::size_t steps = 0;
    std::size_t addends = 0;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      const bool nodes = by_nodes(i, who);
      steps += nodes ? topology_.regions[i].nodes.size() + 1 : regions_[i].size();
      addends += nodes ? topology_.regions[i].nodes.size() : 1;
    }
    const std::size_t sums = std::clamp<std::size_t>(kMaxTableSteps / steps, 1, kMaxTableSums);
    const std::uint64_t unit = needed_ / sums + 1;
    const double most = rounded_too_few_up(who, (needed_ + unit - 1) / unit, unit);
    if (unit == 1) return {most, most};
    // A rounded sum lacks at most one unit less one for each addend.
    const std::uint64_t lacking = std::min(needed_, addends * (unit - 1));
    return {rounded_too_few_up(who, (needed_ - lacking) / unit, unit), most};
  }

  // `needed`: in units.
  double rounded_too_few_up(Who who, std::uint64_t needed, std::uint64_t unit) const {
    RoundedSums sums(needed, unit);
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      if (by_nodes(i, who)) {
        sums.add_nodes(topology_, topology_.regions[i], failures_.of_region[i], failures_.of_node);
      } else {
        sums.add_states(regions_[i], who == Who::anybody);
      }
    }
    return sums.total();
  }

  // Nodes vote for themselves, and it does not matter whether their region leads.
  bool by_nodes(std::size_t region, Who who) const {
    return topology_.kind != QuorumKind::hierarchical &&
           (who == Who::anybody || !topology_.regions[region].may_be_primary());
  }

  const Topology& topology_;
  const Failures& failures_;
  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
};

}  // namespace

ShareBounds lost_votes(const Topology& topology, const Failures& failures,
                       const std::vector<RegionChances>& regions, std::uint64_t needed) {
  return LostVotes(topology, failures, regions, needed).run();
}

}  // namespace regent
