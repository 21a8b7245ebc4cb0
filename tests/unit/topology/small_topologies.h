#pragma once

#include "tests/unit/topology/small_trees.h"
#include "topology/topology.h"

namespace regent {

// Topologies made of the small trees: groups become regions (named a, b, …), groups in them zones,
// nodes n1, n2, …. A tree of one group becomes the weighted kind, with two nodes a region. Every
// third region is a witness, but never the first. Trees that are no topology are left out.
void for_each_small_topology(const std::function<bool(const Topology&)>& visit);

// Fills in ids and the tree from regions' names, weights, zones and nodes' places. False: no tree.
bool finish_topology(Topology& topology);

}  // namespace regent
