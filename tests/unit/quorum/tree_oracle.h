#pragma once

#include <cstdint>
#include <vector>

#include "quorum/tree.h"

// The definition of a quorum tree, spelled out without any cleverness, and generators of trees to
// compare it with quorum/tree.h on.
namespace regent::oracle {

// Sets of nodes 0..n-1 as bits.
using NodeSet = std::uint32_t;

// Whether the tree is won when exactly these nodes granted and all others refused.
bool wins(const Group& group, NodeSet granted);
// Whether `build` must refuse the tree: some group with weight can never be won.
bool refused(const Group& root);
// The outcome by trying every way in which the pending nodes may still vote.
Outcome outcome(const std::vector<bool>& winning, NodeSet granted, NodeSet pending);
// wins() for every set of `count` nodes.
std::vector<bool> winning_sets(const Group& root, unsigned count);

// Every tree of exactly `leaves` nodes with at most `levels` levels below the root and weights
// 0..max_weight, each once up to the order of siblings. Nodes are numbered from 0 in tree order.
std::vector<Group> all_trees(unsigned leaves, unsigned levels, std::uint64_t max_weight);

}  // namespace regent::oracle
