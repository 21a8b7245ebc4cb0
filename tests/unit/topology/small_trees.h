#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <string>

#include "quorum/tree.h"

// All small quorum trees with the sets of nodes that win each, found by putting every set to the
// real Ballot: the dumb oracle beside the analyses.
namespace regent {

inline constexpr unsigned kMostLeaves = 8;

struct SmallTree {
  Group root;
  QuorumTree tree;  // of root, its nodes numbered from 0
  unsigned leaves = 0;
  std::bitset<1U << kMostLeaves> won;  // by set of nodes, as bits

  bool wins(std::uint32_t set) const { return won[set]; }
  std::string text() const;  // weights, groups in parentheses: "(1(1 1) 2(1))"
};

// Calls `visit` with each of these trees, once up to the order of siblings, until it says false:
//   - up to 8 nodes in one group, weights 0 to 5;
//   - up to 8 nodes in groups, weights 1 and 2, and up to 6 with weights 0 to 2;
//   - up to 8 nodes in groups of groups (regions, zones), all of weight 1, and up to 5 of 1 and 2.
void for_each_small_tree(const std::function<bool(const SmallTree&)>& visit);

}  // namespace regent
