#include "topology/smallest_sets.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <set>

#include "tests/unit/topology/small_trees.h"

// Against brute force: every set of leaves of every small tree is put to the real Ballot.
namespace regent {
namespace {

struct Answer {
  bool possible = false;
  std::size_t size = 0;
  std::set<std::uint32_t> sets;  // of that size, as bits
};

// `reaches` says of each set of leaves whether it reaches the goal.
Answer brute_force(unsigned leaves, const std::function<bool(std::uint32_t)>& reaches) {
  Answer answer;
  answer.size = leaves + 1;
  for (std::uint32_t set = 0; set < 1U << leaves; ++set) {
    if (!reaches(set)) continue;
    const auto size = static_cast<std::size_t>(std::popcount(set));
    if (size < answer.size) answer = {true, size, {}};
    if (size == answer.size) answer.sets.insert(set);
  }
  return answer;
}

std::uint32_t bits(const std::vector<NodeId>& nodes) {
  std::uint32_t out = 0;
  for (const NodeId node : nodes) out |= 1U << node.value;
  return out;
}

void expect_same(const SmallTree& tree, Goal goal, std::uint32_t down, const Answer& expected) {
  Ballot ballot(tree.tree);
  for (std::uint32_t i = 0; i < tree.leaves; ++i) {
    ballot.set(NodeId{i}, (down >> i & 1) != 0 ? Vote::refused : Vote::granted);
  }
  const auto found = smallest_sets(Explanation::of(tree.tree, ballot), goal, 1000);
  ASSERT_EQ(found.has_value(), expected.possible) << tree.text();
  if (!found) return;
  EXPECT_EQ(found->size, expected.size) << tree.text();
  EXPECT_EQ(found->count, expected.sets.size()) << tree.text();
  std::set<std::uint32_t> sets;
  for (const std::vector<NodeId>& example : found->examples) sets.insert(bits(example));
  EXPECT_EQ(found->examples.size(), sets.size()) << "twice: " << tree.text();
  EXPECT_EQ(sets, expected.sets) << tree.text();
}

TEST(SmallestSets, AgreeWithBruteForceOnAllSmallTrees) {
  std::size_t trees = 0;
  for_each_small_tree([&](const SmallTree& tree) {
    ++trees;
    const std::uint32_t all = (1U << tree.leaves) - 1;
    // Half of the leaves of every seventh tree are down already.
    const std::uint32_t down = trees % 7 == 0 ? 0x55 & all : 0;
    expect_same(tree, Goal::win, down, brute_force(tree.leaves, [&](std::uint32_t set) {
                  return (set & down) == 0 && tree.wins(set);
                }));
    expect_same(tree, Goal::stop, down, brute_force(tree.leaves, [&](std::uint32_t set) {
                  return (set & down) == 0 && !tree.wins(all & ~set & ~down);
                }));
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(trees, 10'000U);
}

}  // namespace
}  // namespace regent
