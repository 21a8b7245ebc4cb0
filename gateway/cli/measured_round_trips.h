#pragma once

#include <string>

#include "topology/timing_advice.h"
#include "topology/topology.h"

namespace regent::cli {

// What the gateways measured between the regions: of each pair the shortest that any of its links
// tells of. Pairs that nobody measured count as the longest.
// Not `given` when no gateway answered.
RoundTrips measured_round_trips(const Topology& topology, const std::string& certs);

}  // namespace regent::cli
