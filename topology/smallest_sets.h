#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quorum/tree.h"

// The smallest sets of leaves that win a quorum tree, and the smallest whose loss stops it. Pure.
//
// Dynamic programming from the leaves up. A group's cheapest set is made of cheapest sets of some
// of its children, and costs the others nothing, so each group is a covering knapsack over
// (weight, cost): which children reach the weight it takes at the least cost (Kellerer, Pferschy,
// Pisinger, "Knapsack Problems", 2004, chapter 13). The table is indexed by cost, of which a tree
// of n leaves has at most n, so the size is exact whatever the weights. The same table bounds a
// depth-first search through all smallest sets, which therefore never enters a dead end.
namespace regent {

enum class Goal : std::uint8_t {
  win,   // all of the set grants, whatever the others do: the group is won
  stop,  // all of the set is lost: the group cannot be won
};

struct SmallestSets {
  std::size_t size = 0;
  // How many sets of this size reach the goal. None when that is beyond 64 bits, or takes more than
  // kMaxCountSteps to count.
  std::optional<std::uint64_t> count;
  std::vector<std::vector<NodeId>> examples;  // in tree order, as many as were asked for
};

inline constexpr std::size_t kMaxCountSteps = 1'000'000;

// `group` is a tree in which the leaves whose outcome is `lost` are lost already: they cost nothing
// to stop and can win nothing. nullopt: no set reaches the goal. Size 0: it is reached already.
std::optional<SmallestSets> smallest_sets(const Explanation& group, Goal goal,
                                          std::size_t examples);

}  // namespace regent
