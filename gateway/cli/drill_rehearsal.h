#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/drill/rehearsed_figures.h"
#include "quorum/result.h"
#include "topology/timing_advice.h"
#include "topology/topology.h"

// A drill in simulated time: the simulation's runs as records that are judged as live ones are.
namespace regent::cli {

struct RehearsalSettings {
  std::uint64_t first_seed = 1;
  std::uint64_t runs = 1000;
  RegionId primary = kNoRegion;  // when the drill begins; kNoRegion: the first that stands
  RoundTrips round_trips;        // not `given`: drawn for each run
  unsigned threads = 1;
};

// Errors: with some region as primary the drill has a step that nobody can play a part in.
Status check_bindable(const Drill& drill, const Topology& topology);

// All runs. The drill is bindable.
RehearsedFigures rehearse_drill(const Drill& drill, const Topology& topology,
                                const RehearsalSettings& settings);

struct TracedRun {
  DrillRecord record;
  std::vector<std::string> trace;  // the last things that happened, one a line
};
// One run, of settings.first_seed, with everything that is known of it.
TracedRun trace_rehearsal(const Drill& drill, const Topology& topology,
                          const RehearsalSettings& settings);

// "us-east~us-west 0.4 ms, …"
std::string round_trips_text(const Topology& topology, const RoundTrips& trips);

}  // namespace regent::cli
