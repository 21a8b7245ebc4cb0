#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "quorum/tree.h"

// All small quorum trees, and whether any two won sets of nodes share a node in each.
namespace regent::exhaustive {

inline constexpr unsigned kMaxLeaves = 6;

struct TreeBounds {
  unsigned leaves = kMaxLeaves;  // at most
  unsigned levels = 2;           // below the root, at most
  std::uint64_t max_weight = 3;
  // Whether groups with the same number of nodes that are won by the same sets of nodes (up to
  // their names) are looked at once only when they stand inside a tree. What a tree makes of a
  // group depends on nothing but its weight and whether it is won.
  bool merge = false;
};

// Calls `visit` with every tree that the topology rules allow, once up to the order of siblings,
// its nodes numbered from 0, and with the number of trees it stands for.
void for_each_tree(const TreeBounds& bounds,
                   const std::function<void(const Group&, unsigned leaves, std::uint64_t)>& visit);

// The won sets of a tree by the real Ballot: bit s is set when exactly the nodes in s granting
// wins.
std::uint64_t won_sets(const Group& root, unsigned leaves);
// Whether granting more never loses a won tree.
bool monotone(std::uint64_t won, unsigned leaves);
// Whether any two won sets share a node. With monotone(): no set wins together with the set of all
// other nodes.
bool intersecting(std::uint64_t won, unsigned leaves);

}  // namespace regent::exhaustive
