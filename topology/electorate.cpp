#include "topology/electorate.h"

#include "topology/parse.h"

namespace regent {

QuorumTree own_tree(const Topology& topology, RegionId id) {
  Group root = region_group(topology, topology.region(id));
  root.weight = 0;  // it may have observers only, and is never won then
  Result<QuorumTree> tree = QuorumTree::build(root);
  CHECK(tree.ok());  // a part of a checked tree
  return std::move(tree).value();
}

Turnout::Turnout(const Topology& topology, const std::vector<NodeId>& down)
    : topology_(topology), vote_(topology.tree) {
  own_trees_.reserve(topology.regions.size());
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    own_trees_.push_back(own_tree(topology, RegionId{i}));
    own_votes_.emplace_back(own_trees_.back());
  }
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) set(NodeId{i}, true);
  set(down, false);
}

void Turnout::set(NodeId node, bool up) {
  const Vote vote = up ? Vote::granted : Vote::refused;
  vote_.set(node, vote);
  own_votes_[topology_.node(node).region.value].set(node, vote);
}

void Turnout::set(const std::vector<NodeId>& nodes, bool up) {
  for (const NodeId node : nodes) set(node, up);
}

Explanation Turnout::own(RegionId region) const {
  return Explanation::of(own_trees_.at(region.value), own_votes_.at(region.value));
}

bool Turnout::quorate(RegionId region) const {
  return own_votes_.at(region.value).outcome() == Outcome::won;
}

bool Turnout::may_lead(RegionId region) const {
  return topology_.region(region).may_be_primary() && quorate(region);
}

bool Turnout::somebody_may_lead() const {
  for (std::uint16_t i = 0; i < topology_.regions.size(); ++i) {
    if (may_lead(RegionId{i})) return true;
  }
  return false;
}

Explanation regions_as_voters(const Topology& topology, const Turnout& turnout) {
  const Explanation tree = turnout.tree();
  Explanation out;
  out.needed = tree.needed;
  out.total = tree.total;
  Explanation down;
  down.leaf = NodeId{static_cast<std::uint32_t>(topology.regions.size())};
  down.outcome = Outcome::lost;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    Explanation& voter = out.children.emplace_back();
    voter.leaf = NodeId{static_cast<std::uint32_t>(i)};
    voter.outcome = Outcome::won;
    if (topology.kind == QuorumKind::hierarchical) {
      voter.own_weight = region.weight;
      voter.outcome = tree.children.at(i).outcome;
      continue;
    }
    for (const NodeId id : region.nodes) {
      (turnout.up(id) ? voter : down).own_weight += voting_weight(topology, id);
    }
    if (voter.own_weight == 0) voter.outcome = Outcome::lost;
  }
  out.children.push_back(std::move(down));
  return out;
}

}  // namespace regent
