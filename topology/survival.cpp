#include "topology/survival.h"

#include <algorithm>

#include "topology/analysis.h"
#include "topology/parse.h"

namespace regent {
namespace {

// `turnout` is as before afterwards: all up.
std::optional<FatalLoss> fatal(Turnout& turnout, const std::vector<NodeId>& down,
                               std::string name) {
  turnout.set(down, false);
  const bool quorum = turnout.quorum();
  const bool leader = turnout.somebody_may_lead();
  turnout.set(down, true);
  if (quorum && leader) return std::nullopt;
  return FatalLoss{std::move(name), !quorum};
}

// Somebody who may lead, as a vote that any one of them wins; with its own nodes below each or,
// where regions are lost as a whole, as a leaf.
Explanation leaders_as_voters(const Topology& topology, const Turnout& turnout, bool whole) {
  Explanation out;
  out.needed = 1;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const RegionId id{i};
    if (!topology.region(id).may_be_primary()) continue;
    Explanation& voter = out.children.emplace_back(turnout.own(id));
    if (whole) {
      voter.leaf = NodeId{i};
      voter.children.clear();
    }
    voter.own_weight = 1;
    ++out.total;
  }
  return out;
}

enum class Names : std::uint8_t { regions, nodes };

NamedSets named(const Topology& topology, SmallestSets sets, Names names) {
  NamedSets out{sets.size, sets.count, {}};
  for (const std::vector<NodeId>& set : sets.examples) {
    std::vector<std::string>& words = out.examples.emplace_back();
    for (const NodeId id : set) {
      words.push_back(names == Names::nodes ? node_name(topology, id)
                                            : topology.regions.at(id.value).name);
    }
  }
  return out;
}

NamedSets stopping(const Topology& topology, const Explanation& group, Names names,
                   std::size_t examples) {
  const auto sets = smallest_sets(group, Goal::stop, examples);
  CHECK(sets.has_value());  // losing everything stops every group
  return named(topology, *sets, names);
}

std::optional<NamedSets> winning(const Topology& topology, const Explanation& group, Names names) {
  const auto sets = smallest_sets(group, Goal::win, kShownSets);
  if (!sets) return std::nullopt;
  return named(topology, *sets, names);
}

// In each region the node whose loss hurts most: one that makes it lose its own vote, if there is
// one, else the heaviest. Both lists of a flat tree name the heaviest.
std::optional<FatalLoss> worst_of_each(const Topology& topology, Turnout& turnout) {
  std::vector<NodeId> down;
  std::string name;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const std::vector<NodeId>& nodes = topology.regions[i].nodes;
    if (nodes.empty()) continue;
    const auto harm = [&](NodeId id) {
      turnout.set(id, false);
      const bool lost = !turnout.quorate(RegionId{i});
      turnout.set(id, true);
      return std::pair(lost, voting_weight(topology, id));
    };
    const NodeId worst = *std::max_element(
        nodes.begin(), nodes.end(), [&](NodeId a, NodeId b) { return harm(a) < harm(b); });
    down.push_back(worst);
    name += (name.empty() ? "" : " + ") + node_name(topology, worst);
  }
  return fatal(turnout, down, name);
}

void find_pairs(const Topology& topology, Turnout& turnout, Survival& out) {
  out.pairs_listed = topology.regions.size() <= kMaxPairedRegions;
  if (!out.pairs_listed) return;
  const auto alone = [&](const TopologyRegion& region) {
    return std::any_of(out.regions.begin(), out.regions.end(),
                       [&](const FatalLoss& loss) { return loss.name == region.name; });
  };
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    if (alone(topology.regions[i])) continue;
    for (std::size_t j = i + 1; j < topology.regions.size(); ++j) {
      if (alone(topology.regions[j])) continue;
      std::vector<NodeId> down = topology.regions[i].nodes;
      const std::vector<NodeId>& more = topology.regions[j].nodes;
      down.insert(down.end(), more.begin(), more.end());
      const std::string name = topology.regions[i].name + " + " + topology.regions[j].name;
      if (auto loss = fatal(turnout, down, name)) out.pairs.push_back(*loss);
    }
  }
}

void find_single(const Topology& topology, Turnout& turnout, Survival& out) {
  for (const TopologyRegion& region : topology.regions) {
    if (auto loss = fatal(turnout, region.nodes, region.name)) out.regions.push_back(*loss);
    for (const TopologyZone& zone : region.zones) {
      const std::vector<NodeId> nodes = zone_nodes(topology, region, zone.name);
      if (auto loss = fatal(turnout, nodes, region.name + "/" + zone.name)) {
        out.zones.push_back(*loss);
      }
    }
    for (const NodeId id : region.nodes) {
      if (auto loss = fatal(turnout, {id}, node_name(topology, id))) out.nodes.push_back(*loss);
    }
  }
}

}  // namespace

Losses losses_of(const Topology& topology, const Turnout& turnout, std::size_t examples) {
  const auto stop = [&](const Explanation& group, Names names) {
    return stopping(topology, group, names, examples);
  };
  return {stop(regions_as_voters(topology, turnout), Names::regions),
          stop(turnout.tree(), Names::nodes),
          stop(leaders_as_voters(topology, turnout, true), Names::regions),
          stop(leaders_as_voters(topology, turnout, false), Names::nodes)};
}

Survival survival_of(const Topology& topology) {
  Survival out;
  Turnout turnout(topology);
  find_single(topology, turnout, out);
  find_pairs(topology, turnout, out);
  out.one_in_each = worst_of_each(topology, turnout);
  out.losses = losses_of(topology, turnout, kShownSets);
  out.winning_regions = winning(topology, regions_as_voters(topology, turnout), Names::regions);
  out.winning_nodes = winning(topology, turnout.tree(), Names::nodes);
  return out;
}

}  // namespace regent
