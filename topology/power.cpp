#include "topology/power.h"

#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/parse.h"
#include "topology/sampling.h"
#include "topology/weight_sums.h"

namespace regent {
namespace {

// Leaves of `group` get their power in `power` (by NodeId); `reach` is the probability that the
// group decides what is above it.
bool add_power(const Explanation& group, double reach, std::vector<double>& power) {
  const std::vector<double> evenly(power.size(), 0.5);
  std::vector<Chance> chances;
  for (const Explanation& child : group.children) {
    const std::optional<Chance> chance = chance_of(child, evenly);
    if (!chance) return false;
    chances.push_back(*chance);
  }
  std::vector<double> swings;
  if (!swing_probabilities(group, chances, swings)) return false;
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

// One draw of all votes: who won each child of each group, and so who swings.
class VoteDraw {
 public:
  VoteDraw(const Explanation& tree, std::vector<double>& swings) : tree_(tree), swings_(swings) {}

  void take(Random& random) {
    won_.clear();
    won(tree_, random);
    std::size_t next = 0;
    count(tree_, true, next);
  }

 private:
  // Into won_: the item, then all below it.
  bool won(const Explanation& item, Random& random) {
    const std::size_t place = won_.size();
    won_.push_back(false);
    bool is_won = false;
    if (item.leaf != kNoNode) {
      is_won = happens(0.5, random);
    } else {
      std::uint64_t weight = 0;
      for (const Explanation& child : item.children) {
        weight += won(child, random) ? child.own_weight : 0;
      }
      is_won = weight >= item.needed;
    }
    won_[place] = is_won;
    return is_won;
  }

  // `decides`: the item decides the whole vote.
  void count(const Explanation& item, bool decides, std::size_t& next) {
    const std::size_t place = next++;
    if (item.leaf != kNoNode) {
      swings_[item.leaf.value] += decides ? 1 : 0;
      return;
    }
    std::uint64_t weight = 0;
    std::size_t at = place + 1;
    for (const Explanation& child : item.children) {
      weight += won_[at] ? child.own_weight : 0;
      at += size_of(child);
    }
    for (const Explanation& child : item.children) {
      const std::uint64_t others = weight - (won_[next] ? child.own_weight : 0);
      const bool swings = others < item.needed && others + child.own_weight >= item.needed;
      count(child, decides && swings, next);
    }
  }

  static std::size_t size_of(const Explanation& item) {
    std::size_t size = 1;
    for (const Explanation& child : item.children) size += size_of(child);
    return size;
  }

  const Explanation& tree_;
  std::vector<double>& swings_;  // by NodeId
  std::vector<bool> won_;        // in tree order
};

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

std::vector<double> sampled_leaf_power(const Explanation& tree, std::size_t nodes) {
  std::vector<double> swings(nodes, 0.0);
  VoteDraw draw(tree, swings);
  Random random;
  for (std::size_t i = 0; i < kPowerDraws; ++i) draw.take(random);
  for (double& count : swings) count /= static_cast<double>(kPowerDraws);
  return swings;
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
  fill(out.regions,
       of_regions ? *of_regions : sampled_leaf_power(regions, topology.regions.size() + 1));
  fill(out.nodes, of_nodes ? *of_nodes : sampled_leaf_power(all.tree(), topology.nodes.size()));
  return out;
}

}  // namespace regent
