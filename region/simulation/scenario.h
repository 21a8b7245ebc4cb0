#pragma once

#include <vector>

#include "quorum/random.h"
#include "region/simulation/network.h"
#include "region/simulation/process.h"
#include "topology/topology.h"

// What a seed stands for: a topology, distances, and how badly the world behaves.
namespace regent::simulation {

// How the clocks' rates are drawn.
enum class Clocks : std::uint8_t {
  any,         // within the bound of the topology
  extreme,     // each at one of its limits
  fast_nodes,  // nodes count too fast, so that promises end early; gateways at either limit
  beyond,      // nodes too fast and gateways too slow, far beyond it: no promise can be kept
};

struct Scenario {
  Topology topology;
  std::vector<std::uint16_t> sites;  // by RegionId, into the latency matrix
  Duration within{};                 // least delay between processes of one region
  NetworkConditions bad;             // while faults happen
  NetworkConditions good;
  Mischief mischief;       // while faults happen
  Duration fault_every{};  // mean
  Clocks clocks = Clocks::any;
};

// One to seven regions of one to five nodes and one to three gateways; flat, weighted or
// hierarchical, with witnesses, zones, observers and uneven weights. At least one region may be
// primary.
Scenario random_scenario(Random& random);
// The same for a given topology, which must be valid.
Scenario random_scenario(Topology topology, Random& random);

// Least time one way between regions: half of the round trip of their sites.
std::vector<std::vector<Duration>> delays(const Scenario& scenario);

// One line for the reader of a failed run.
std::string describe(const Scenario& scenario);

}  // namespace regent::simulation
