#pragma once

#include "topology/region_chances.h"
#include "topology/sampling.h"

namespace regent {

inline constexpr std::size_t kMaxTableSums = 500'000;

// The share of the time in which too little weight is up, or nobody may lead, when every region
// hears every other. Internal to the analysis of availability.
//
// Exact but for rounding, from all sums of weights: in a table of all that there can be, of up to
// kMaxTableSums, or in a list. Where that takes too many steps, between two bounds from weights
// that are rounded.
// `regions`: region_chances() of the same.
ShareBounds lost_votes(const Topology& topology, const Failures& failures,
                       const std::vector<RegionChances>& regions, std::uint64_t needed);

}  // namespace regent
