#pragma once

#include "topology/availability.h"
#include "topology/sampling.h"

namespace regent {

// The share of the time without a primary from draws of every part, for topologies whose weights
// have too many sums for anything else. Fewer draws of larger ones: a draw costs as much as there
// are regions times nodes. Internal to the analysis of availability.
SampledShare sampled_unavailability(const Topology& topology, const Failures& failures);

}  // namespace regent
