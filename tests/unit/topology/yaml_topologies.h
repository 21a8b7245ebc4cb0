#pragma once

#include <string>

#include "topology/topology.h"

// Topologies from YAML, and some large ones: regions a, b, …, each with as many nodes n1, n2, … as
// there are regions.
namespace regent {

// What is wrong with it fails the test.
Topology parsed(const std::string& yaml);

// Of any kind, all nodes of weight 1.
std::string square(std::size_t side, const std::string& kind);

// Flat, with weights that have no sums in common, from 1,000 on.
std::string uneven_square(std::size_t side);

// Flat, with weights up to `most`.
Topology nine_times_nine_uneven(int most);

}  // namespace regent
