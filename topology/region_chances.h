#pragma once

#include <optional>
#include <vector>

#include "topology/availability.h"
#include "topology/weight_sums.h"

// What each region brings to the vote, with its probability. Internal to the analysis of
// availability.
namespace regent {

struct RegionState {
  std::uint64_t weight = 0;  // that it brings
  bool leads = false;        // it may be primary, and its own nodes are quorate
  double probability = 0;
};
// All states that can be, apart in weight or leads.
using RegionChances = std::vector<RegionState>;

// By RegionId. In the flat kinds a region brings the weight of its nodes that are up, in the
// hierarchical kind its own or nothing. nullopt: too many different sums.
std::optional<std::vector<RegionChances>> region_chances(const Topology& topology,
                                                         const Failures& failures);

}  // namespace regent
