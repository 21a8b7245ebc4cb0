#pragma once

#include "quorum/random.h"
#include "region/simulation/network.h"
#include "region/simulation/world.h"
#include "topology/topology.h"

// What a seed stands for: a topology, distances, and how badly the world behaves.
namespace regent::simulation {

// How the clocks' rates are drawn, within the bound of the topology.
enum class Clocks : std::uint8_t {
  any,
  extreme,     // each at one of the limits
  fast_nodes,  // nodes count too fast, so that promises end early; gateways at either limit
};

struct Scenario {
  Topology topology;
  Duration near{};        // between processes of one region, least
  Duration far{};         // between regions, least; differs by pair up to this
  NetworkConditions bad;  // while faults happen
  NetworkConditions good;
  Mischief mischief;       // while faults happen
  Duration fault_every{};  // mean
  Clocks clocks = Clocks::any;
};

// One to five regions of one to five nodes and one or two gateways; flat, weighted or hierarchical,
// with witnesses, zones, observers and uneven weights. At least one region may be primary.
Scenario random_scenario(Random& random);

// One line for the reader of a failed run.
std::string describe(const Topology& topology);

}  // namespace regent::simulation
