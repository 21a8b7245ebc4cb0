#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "quorum/tree.h"
#include "topology/topology.h"

// What a topology survives, worked out with the tree itself. Pure.
namespace regent {

// The ballot of a cluster in which exactly `down` do not answer and all others grant. The topology
// must outlive it.
Ballot ballot_without(const Topology& topology, const std::vector<NodeId>& down);

// A group of nodes whose loss leaves no quorum, or no region that could take writes.
struct FatalLoss {
  std::string name;          // "eu", "eu/a" for a zone, "eu/n1" for a node
  bool quorum_lost = false;  // else: a quorum, but nobody who may be primary
};

// What cannot be lost alone. Empty lists: any single one can.
struct Survival {
  std::vector<FatalLoss> regions;
  std::vector<FatalLoss> zones;
  std::vector<FatalLoss> nodes;
};
Survival survival_of(const Topology& topology);

// The regions that may be primary, in the order in which they stand: by priority, weight, name.
std::vector<RegionId> standing_order(const Topology& topology);

// The nodes of a comma-separated list of REGION, REGION/NODE and REGION/ZONE. Errors name the word
// that is no such thing.
Result<std::vector<NodeId>> find_nodes(const Topology& topology, std::string_view list);

}  // namespace regent
