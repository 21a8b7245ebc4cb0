#pragma once

#include <string>
#include <vector>

#include "topology/topology.h"

namespace regent {

// The paths of what differs in the part that votes are compared by (all but services and traffic),
// such as "timing.lease" or "regions.eu.nodes.n1"; a region that only one has is one path. Empty
// exactly when the quorum hashes are equal. Pure.
std::vector<std::string> quorum_differences(const Topology& before, const Topology& after);

// The same with both values, one line each ("timing.lease: 1500ms -> 2000ms"); weights last, as
// vote_changes has them.
std::vector<std::string> described_changes(const Topology& before, const Topology& after);

// Whether anything differs that no vote depends on.
bool services_differ(const Topology& before, const Topology& after);

}  // namespace regent
