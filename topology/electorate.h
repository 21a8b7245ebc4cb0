#pragma once

#include <vector>

#include "quorum/tree.h"
#include "topology/topology.h"

// The two questions every analysis asks of a set of nodes: does it win the vote, and does it leave
// a region that may lead? Both are answered by the quorum tree itself, so that no analysis has a
// rule of its own. Pure; one thread.
namespace regent {

// The vote of one region's own nodes, by the rule that lets its gateways stand: its group of the
// tree, and in the flat kinds, where it has none, the same rule over its nodes. Leaves are NodeIds.
QuorumTree own_tree(const Topology& topology, RegionId region);

// Who is up. The topology must outlive it.
class Turnout {
 public:
  explicit Turnout(const Topology& topology, const std::vector<NodeId>& down = {});
  Turnout(const Turnout&) = delete;
  Turnout& operator=(const Turnout&) = delete;

  void set(NodeId node, bool up);
  void set(const std::vector<NodeId>& nodes, bool up);

  bool quorum() const { return vote_.outcome() == Outcome::won; }
  bool up(NodeId node) const { return vote_.vote(node) == Vote::granted; }
  // The sums of the whole tree, and of a region's own nodes.
  Explanation tree() const { return Explanation::of(topology_.tree, vote_); }
  Explanation own(RegionId region) const;
  // More than half of the region's own nodes, by weight and group, are up.
  bool quorate(RegionId region) const;
  // It may be primary, and is quorate: its gateways would stand.
  bool may_lead(RegionId region) const;
  bool somebody_may_lead() const;

 private:
  const Topology& topology_;
  std::vector<QuorumTree> own_trees_;  // by RegionId; the ballots point into it
  std::vector<Ballot> own_votes_;
  Ballot vote_;
};

// The vote with each region as one voter: its leaves are RegionIds. In the flat kinds a region
// weighs what its nodes do; those that are down already are one voter more, which is lost.
Explanation regions_as_voters(const Topology& topology, const Turnout& turnout);

}  // namespace regent
