#include "topology/flaws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>

#include "tests/unit/topology/small_topologies.h"
#include "topology/analysis.h"
#include "topology/parse.h"

// Against the definitions, and each proposed change by making it.
namespace regent {
namespace {

using Weights = std::vector<std::uint64_t>;

bool has(const std::vector<Flaw>& flaws, FlawKind kind, const std::string& name) {
  return std::any_of(flaws.begin(), flaws.end(), [&](const Flaw& flaw) {
    return flaw.kind == kind && flaw.name == name;
  });
}

bool wins(const Weights& weights, std::size_t set) {
  std::uint64_t won = 0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    total += weights[i];
    if ((set >> i & 1) != 0) won += weights[i];
  }
  return 2 * won > total;
}

// The weights as the definitions see them.
struct Truth {
  std::vector<bool> decides;  // alone
  std::vector<bool> matters;  // somewhere
  bool tie = false;           // some set and the rest both lose
};

Truth truth_of(const Weights& weights) {
  Truth out{std::vector<bool>(weights.size()), std::vector<bool>(weights.size())};
  const std::size_t all = (std::size_t{1} << weights.size()) - 1;
  for (std::size_t set = 0; set <= all; ++set) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::size_t with = set | std::size_t{1} << i;
      if (wins(weights, with) && !wins(weights, with & ~(std::size_t{1} << i))) {
        out.matters[i] = true;
      }
    }
    if (!wins(weights, set) && !wins(weights, all & ~set)) out.tie = true;
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    out.decides[i] = wins(weights, std::size_t{1} << i);
  }
  return out;
}

// Two voters or more, named, of one group of the topology.
void expect_truth(const std::vector<Flaw>& flaws, const std::vector<std::string>& names,
                  const Weights& weights, const std::string& group) {
  if (weights.size() < 2) return;
  const Truth truth = truth_of(weights);
  const bool decided =
      std::find(truth.decides.begin(), truth.decides.end(), true) != truth.decides.end();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(has(flaws, FlawKind::dictator, names[i]), truth.decides[i]) << names[i];
    const bool dead = !decided && weights[i] > 0 && !truth.matters[i];
    EXPECT_EQ(has(flaws, FlawKind::dead, names[i]), dead) << names[i];
  }
  const bool found = has(flaws, FlawKind::tie, group) ||
                     std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                       return has(flaws, FlawKind::tie, name);
                     });
  const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  EXPECT_EQ(found, total > 0 && !decided && truth.tie) << group;
}

// Regions of which each has one node, so that a change of weights is one of regions.
Topology regions_of(const Weights& weights) {
  Topology out;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    TopologyRegion& region = out.regions.emplace_back();
    region.name = static_cast<char>('a' + i);
    region.weight = weights[i];
    TopologyNode& node = out.nodes.emplace_back();
    node.region = RegionId{static_cast<std::uint16_t>(i)};
    node.name = "n1";
  }
  return out;
}

// The number in a sentence that is `before`, a number, and `after`.
std::optional<std::uint64_t> number_in(std::string_view sentence, std::string_view before,
                                       std::string_view after = "") {
  if (!sentence.starts_with(before) || !sentence.ends_with(after)) return std::nullopt;
  sentence.remove_prefix(before.size());
  sentence.remove_suffix(std::min(after.size(), sentence.size()));
  if (sentence.empty() || sentence.find_first_not_of("0123456789") != sentence.npos) {
    return std::nullopt;
  }
  return std::stoull(std::string(sentence));
}

// What the sentence says, done to the weights; `name` is whom the flaw is about.
std::vector<Weights> mended(const Weights& weights, const std::string& name,
                            const std::string& mend) {
  Weights out = weights;
  const std::size_t subject = name.size() == 1 ? static_cast<std::size_t>(name[0] - 'a') : 0;
  if (const auto lower = number_in(mend, "lower its weight to ")) {
    out.at(subject) = *lower;
  } else if (const auto more = number_in(mend, "give it ", " or make it weight 0")) {
    out.at(subject) = 0;
    Weights other = weights;
    other.at(subject) = *more;
    return {out, other};
  } else if (const auto to_two = number_in(mend, "give at least two others weight ")) {
    std::size_t given = 0;
    for (std::size_t i = 0; i < out.size() && given < 2; ++i) {
      if (i != subject && ++given > 0) out[i] = *to_two;
    }
    while (given++ < 2) out.push_back(*to_two);
  } else if (mend == "add a witness region with weight 1") {
    out.push_back(1);
  } else if (mend == "add a witness region and give all three weight 1") {
    for (std::uint64_t& weight : out) weight = std::min<std::uint64_t>(weight, 1);
    out.push_back(1);
  } else if (mend.size() > 6) {
    const std::string whom = mend.substr(5, 1);
    const auto weight = number_in(mend, "give " + whom + " weight ");
    EXPECT_TRUE(weight) << "unknown: " << mend;
    if (weight) out.at(static_cast<std::size_t>(whom[0] - 'a')) = *weight;
  } else {
    ADD_FAILURE() << "unknown: " << mend;
  }
  return {out};
}

TEST(Flaws, AreWhatTheDefinitionsSayInAllSmallTopologies) {
  for_each_small_topology([&](const Topology& topology) {
    if (topology.kind != QuorumKind::hierarchical) return true;
    const std::vector<Flaw> flaws = flaws_of(topology);
    std::vector<std::string> names;
    Weights weights;
    for (const TopologyRegion& region : topology.regions) {
      names.push_back(region.name);
      weights.push_back(region.weight);
      std::vector<std::string> node_names;
      Weights node_weights;
      for (const NodeId id : region.nodes) {
        node_names.push_back(node_name(topology, id));
        node_weights.push_back(topology.node(id).weight);
      }
      if (region.zones.empty()) {
        expect_truth(flaws, node_names, node_weights, "region " + region.name);
      }
    }
    expect_truth(flaws, names, weights, "all regions");
    return !testing::Test::HasFailure();
  });
}

TEST(Flaws, AreMendedByWhatIsProposed) {
  std::size_t mends = 0;
  for_each_small_tree([&](const SmallTree& tree) {
    Weights weights;
    for (const Group& child : tree.root.children) {
      if (!child.children.empty()) return false;  // the trees of one group come first
      weights.push_back(child.weight);
    }
    for (const Flaw& flaw : flaws_of(regions_of(weights))) {
      for (const Weights& after : mended(weights, flaw.name, flaw.mend)) {
        ++mends;
        EXPECT_FALSE(has(flaws_of(regions_of(after)), flaw.kind, flaw.name))
            << tree.text() << ": " << flaw.name << " " << warning_text(flaw);
        // Who mends a tie must not make anybody a dictator.
        if (flaw.kind != FlawKind::tie) continue;
        const Truth truth = truth_of(after);
        EXPECT_EQ(std::count(truth.decides.begin(), truth.decides.end(), true), 0)
            << tree.text() << ": " << warning_text(flaw);
      }
    }
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(mends, 1'000U);
}

}  // namespace
}  // namespace regent
