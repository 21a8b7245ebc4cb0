#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "quorum/tree.h"
#include "topology/topology.h"

// Who stands when, and what people call the nodes. Pure.
namespace regent {

// The ballot of a cluster in which exactly `down` do not answer and all others grant. The topology
// must outlive it.
Ballot ballot_without(const Topology& topology, const std::vector<NodeId>& down);

// The regions that may be primary, in the order in which they stand: by priority, weight, name.
std::vector<RegionId> standing_order(const Topology& topology);

std::vector<NodeId> all_nodes(const Topology& topology);
// The region's nodes in this zone.
std::vector<NodeId> zone_nodes(const Topology& topology, const TopologyRegion& region,
                               std::string_view zone);

// "us-east/n1"
std::string node_name(const Topology& topology, NodeId id);

// The nodes of a comma-separated list of REGION, REGION/NODE and REGION/ZONE. Errors name the word
// that is no such thing.
Result<std::vector<NodeId>> find_nodes(const Topology& topology, std::string_view list);

}  // namespace regent
