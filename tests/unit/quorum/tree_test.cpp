#include "quorum/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/quorum/tree_oracle.h"

namespace regent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Group leaf(const std::string& name, std::uint32_t id, std::uint64_t weight = 1) {
  return {.name = name, .weight = weight, .leaf = NodeId{id}, .children = {}};
}

Group group(const std::string& name, std::vector<Group> children, std::uint64_t weight = 1) {
  return {.name = name, .weight = weight, .leaf = kNoNode, .children = std::move(children)};
}

QuorumTree built(const Group& root) {
  Result<QuorumTree> tree = QuorumTree::build(root);
  EXPECT_TRUE(tree.ok()) << tree.error().message;
  return tree.value();
}

std::string build_error(const Group& root) {
  const Result<QuorumTree> tree = QuorumTree::build(root);
  if (tree.ok()) return "built";
  EXPECT_EQ(tree.error().code, ErrorCode::invalid);
  return tree.error().message;
}

std::string describe(const Group& root) {
  std::string text = std::to_string(root.weight);
  if (root.leaf != kNoNode) return text;
  text += "(";
  for (const Group& child : root.children) text += describe(child) + " ";
  return text + ")";
}

// Compares a ballot with the oracle under every combination of votes, each reached from the one
// before by changing votes, never by starting anew.
void compare_all_votes(const Group& root, unsigned count) {
  const std::vector<bool> winning = oracle::winning_sets(root, count);
  const QuorumTree tree = built(root);
  Ballot ballot(tree);
  const oracle::NodeSet all = (1U << count) - 1;
  for (oracle::NodeSet granted = 0; granted <= all; ++granted) {
    const oracle::NodeSet others = all & ~granted;
    for (oracle::NodeSet pending = others;; pending = (pending - 1) & others) {
      for (unsigned node = 0; node < count; ++node) {
        const Vote vote = (granted >> node & 1) != 0   ? Vote::granted
                          : (pending >> node & 1) != 0 ? Vote::pending
                                                       : Vote::refused;
        ballot.set(NodeId{node}, vote);
      }
      ASSERT_EQ(ballot.outcome(), oracle::outcome(winning, granted, pending))
          << describe(root) << " granted " << granted << " pending " << pending;
      if (pending == 0) break;
    }
  }
}

// Whether any two won sets of nodes share a node, by looking at all pairs.
bool won_sets_intersect(const std::vector<bool>& winning) {
  for (oracle::NodeSet one = 0; one < winning.size(); ++one) {
    for (oracle::NodeSet two = 0; winning[one] && two < winning.size(); ++two) {
      if (winning[two] && (one & two) == 0) return false;
    }
  }
  return true;
}

struct Size {
  unsigned leaves;
  unsigned levels;
  std::uint64_t max_weight;
};

class AllTrees : public ::testing::TestWithParam<Size> {};

TEST_P(AllTrees, MatchTheOracleAndIntersect) {
  const Size size = GetParam();
  std::size_t compared = 0;
  for (const Group& root : oracle::all_trees(size.leaves, size.levels, size.max_weight)) {
    const bool refused = oracle::refused(root);
    ASSERT_EQ(QuorumTree::build(root).ok(), !refused) << describe(root);
    if (refused) continue;
    compare_all_votes(root, size.leaves);
    ASSERT_TRUE(won_sets_intersect(oracle::winning_sets(root, size.leaves))) << describe(root);
    if (HasFatalFailure()) return;
    ++compared;
  }
  RecordProperty("trees", static_cast<int>(compared));
  EXPECT_GT(compared, 0U);
}

// The largest sizes need minutes under a sanitizer, which finds no more in them than in smaller.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr Size kLargest[] = {{4, 3, 1}, {5, 2, 1}};
#else
constexpr Size kLargest[] = {{4, 3, 2}, {5, 2, 3}, {5, 3, 1}};
#endif

std::vector<Size> sizes() {
  std::vector<Size> all = {{1, 3, 3}, {2, 3, 3}, {3, 3, 3}, {4, 2, 3},
                           {6, 2, 1}, {6, 1, 3}, {8, 1, 2}};
  all.insert(all.end(), std::begin(kLargest), std::end(kLargest));
  return all;
}

INSTANTIATE_TEST_SUITE_P(Sizes, AllTrees, ::testing::ValuesIn(sizes()), [](const auto& test) {
  return "Leaves" + std::to_string(test.param.leaves) + "Levels" +
         std::to_string(test.param.levels) + "Weights" + std::to_string(test.param.max_weight);
});

Group random_tree(std::mt19937_64& random, unsigned levels, std::uint32_t& nodes) {
  Group root = group("g", {}, random() % 8);
  const unsigned children = 1 + random() % 4;
  for (unsigned i = 0; i < children; ++i) {
    if (levels > 1 && random() % 2 == 0) {
      root.children.push_back(random_tree(random, levels - 1, nodes));
    } else {
      root.children.push_back(leaf("n", nodes++, random() % 8));
    }
  }
  return root;
}

TEST(Tree, RandomLargerTreesMatchTheOracle) {
  std::mt19937_64 random(7);
  unsigned compared = 0;
  for (int i = 0; i < 4000; ++i) {
    std::uint32_t nodes = 0;
    const Group root = random_tree(random, 4, nodes);
    if (nodes > 7 || oracle::refused(root)) continue;
    compare_all_votes(root, nodes);
    if (HasFatalFailure()) return;
    ++compared;
  }
  EXPECT_GT(compared, 100U);
}

TEST(Tree, EmptyTreeIsNeverWon) {
  const QuorumTree none;
  EXPECT_EQ(Ballot(none).outcome(), Outcome::lost);
  const QuorumTree tree = built(group("cluster", {}));
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::lost);
  const Explanation explanation = Explanation::of(tree, ballot);
  EXPECT_EQ(explanation.outcome, Outcome::lost);
  EXPECT_EQ(explanation.needed, 1U);
  EXPECT_EQ(explanation.margin, -1);
  EXPECT_THAT(explanation.missing(), IsEmpty());
}

TEST(Tree, SingleNodeIsATree) {
  const QuorumTree tree = built(leaf("n1", 3));
  Ballot ballot(tree);
  EXPECT_EQ(tree.leaf_count(), 1U);
  EXPECT_EQ(tree.node_limit(), 4U);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  EXPECT_THAT(Explanation::of(tree, ballot).missing(), ElementsAre("n1"));
  ballot.set(NodeId{3}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
}

TEST(Tree, HalfIsNotAMajority) {
  const QuorumTree tree = built(group("cluster", {leaf("a", 0), leaf("b", 1)}));
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  ballot.set(NodeId{1}, Vote::refused);
  EXPECT_EQ(ballot.outcome(), Outcome::lost);
}

TEST(Tree, UnknownNodesAreIgnored) {
  const QuorumTree tree = built(group("cluster", {leaf("a", 1), leaf("b", 4)}));
  Ballot ballot(tree);
  for (const std::uint32_t unknown : {0U, 2U, 3U, 5U, 0xfffffffeU, kNoNode.value}) {
    ballot.set(NodeId{unknown}, Vote::granted);
    EXPECT_EQ(ballot.vote(NodeId{unknown}), Vote::pending);
  }
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  ballot.set(NodeId{1}, Vote::granted);
  EXPECT_EQ(ballot.vote(NodeId{1}), Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
}

TEST(Tree, ObserversAreNeverCounted) {
  const QuorumTree tree =
      built(group("cluster", {leaf("a", 0), leaf("watcher", 1, 0), group("lab", {leaf("b", 2)}, 0),
                              group("idle", {leaf("c", 3, 0)}, 0)}));
  Ballot ballot(tree);
  for (const std::uint32_t observer : {1U, 2U, 3U}) ballot.set(NodeId{observer}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  ballot.set(NodeId{0}, Vote::refused);
  EXPECT_EQ(ballot.outcome(), Outcome::lost);
  for (const std::uint32_t observer : {1U, 2U, 3U}) ballot.set(NodeId{observer}, Vote::refused);
  ballot.set(NodeId{0}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
}

TEST(Tree, ResetForgetsAllVotes) {
  const QuorumTree tree =
      built(group("cluster", {leaf("a", 0), group("idle", {leaf("b", 1, 0)}, 0)}));
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  ballot.set(NodeId{1}, Vote::granted);
  ballot.reset();
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  EXPECT_EQ(ballot.vote(NodeId{0}), Vote::pending);
  EXPECT_EQ(Explanation::of(tree, ballot).children[1].outcome, Outcome::lost);
}

TEST(Tree, RegionsDecideByTheirWeightNotByTheirNodes) {
  std::vector<Group> crowd;
  for (std::uint32_t i = 0; i < 50; ++i) crowd.push_back(leaf("n" + std::to_string(i), i));
  const QuorumTree tree =
      built(group("cluster", {group("big", crowd), group("eu", {leaf("n1", 50)}),
                              group("us", {leaf("n1", 51)})}));
  Ballot ballot(tree);
  for (std::uint32_t i = 0; i < 50; ++i) ballot.set(NodeId{i}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  for (std::uint32_t i = 0; i < 50; ++i) ballot.set(NodeId{i}, Vote::refused);
  ballot.set(NodeId{50}, Vote::granted);
  ballot.set(NodeId{51}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
}

TEST(Tree, LargestWeightsAddUpIn64Bits) {
  constexpr std::uint32_t kCount = 10'000;
  std::vector<Group> leaves;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    leaves.push_back(leaf("n" + std::to_string(i), i, kMaxWeight));
  }
  const QuorumTree tree = built(group("cluster", leaves));
  Ballot ballot(tree);
  for (std::uint32_t i = 0; i < kCount / 2; ++i) ballot.set(NodeId{i}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::pending);
  ballot.set(NodeId{kCount / 2}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
  const Explanation explanation = Explanation::of(tree, ballot);
  EXPECT_EQ(explanation.total, 10'000'000'000U);
  EXPECT_EQ(explanation.needed, 5'000'000'001U);
  EXPECT_EQ(explanation.weight, 5'001'000'000U);
  EXPECT_EQ(explanation.margin, 999'999);
}

TEST(Tree, DepthIsNotLimited) {
  Group root = group("g0", {leaf("n", 0)});
  for (int i = 0; i < 2000; ++i) root = group("g", {std::move(root)});
  const QuorumTree tree = built(root);
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::won);
}

TEST(TreeBuild, RefusesWeightAboveTheLimit) {
  const std::string error =
      build_error(group("cluster", {group("eu", {leaf("n1", 0), leaf("n2", 1, kMaxWeight + 1)})}));
  EXPECT_THAT(error, HasSubstr("eu/n2: weight 1000001"));
  EXPECT_THAT(error, HasSubstr("limit of 1000000"));
}

TEST(TreeBuild, RefusesANodeInTwoPlaces) {
  const std::string error = build_error(
      group("cluster", {group("eu", {group("a", {leaf("n1", 7)})}), group("us", {leaf("n9", 7)})}));
  EXPECT_THAT(error, HasSubstr("eu/a/n1"));
  EXPECT_THAT(error, HasSubstr("us/n9"));
}

TEST(TreeBuild, RefusesAGroupThatCouldNeverBeWon) {
  EXPECT_THAT(build_error(group("cluster", {leaf("n1", 0), group("eu", {leaf("n2", 1, 0)}, 3)})),
              HasSubstr("eu: has weight 3"));
  EXPECT_THAT(build_error(group("cluster", {leaf("n1", 0), group("void", {}, 2)})),
              HasSubstr("void: has weight 2"));
  EXPECT_THAT(build_error(group("cluster", {leaf("n1", 0, 0)})), HasSubstr("cluster: has weight"));
  EXPECT_EQ(build_error(group("cluster", {leaf("n1", 0), group("eu", {leaf("n2", 1, 0)}, 0)})),
            "built");
}

TEST(Tree, OfObserversOnlyIsNeverWon) {
  const QuorumTree tree = built(group("lab", {leaf("n1", 0, 0)}, 0));
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  EXPECT_EQ(tree.leaf_count(), 1U);
  EXPECT_EQ(ballot.vote(NodeId{0}), Vote::granted);
  EXPECT_EQ(ballot.outcome(), Outcome::lost);
}

TEST(TreeBuild, RefusesALeafWithChildren) {
  Group both = leaf("n1", 0);
  both.children.push_back(leaf("n2", 1));
  EXPECT_THAT(build_error(group("cluster", {both})), HasSubstr("n1: is a node and has children"));
}

TEST(TreeBuild, RefusesNodeIdsThatWouldExhaustMemory) {
  EXPECT_THAT(build_error(group("cluster", {leaf("n1", kMaxNodes)})), HasSubstr("n1: node id"));
}

TEST(Explanation, ShowsTheArithmeticOfEachGroup) {
  const QuorumTree tree =
      built(group("shop", {group("us", {leaf("n1", 0), leaf("n2", 1), leaf("n3", 2, 2)}, 2),
                           group("eu", {leaf("n1", 3)}), group("lab", {leaf("n1", 4)}, 0)}));
  Ballot ballot(tree);
  ballot.set(NodeId{0}, Vote::granted);
  ballot.set(NodeId{2}, Vote::granted);
  ballot.set(NodeId{1}, Vote::refused);
  const Explanation shop = Explanation::of(tree, ballot);
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(shop.outcome, Outcome::won);
  EXPECT_EQ(shop.weight, 2U);
  EXPECT_EQ(shop.needed, 2U);
  EXPECT_EQ(shop.total, 3U);
  EXPECT_EQ(shop.margin, 0);
  ASSERT_EQ(shop.children.size(), 3U);
  const Explanation& us = shop.children[0];
  EXPECT_EQ(us.name, "us");
  EXPECT_EQ(us.own_weight, 2U);
  EXPECT_EQ(us.weight, 3U);
  EXPECT_EQ(us.needed, 3U);
  EXPECT_EQ(us.total, 4U);
  EXPECT_EQ(us.margin, 0);
  const Explanation& granted = us.children[2];
  EXPECT_EQ(granted.leaf, NodeId{2});
  EXPECT_EQ(granted.outcome, Outcome::won);
  EXPECT_EQ(granted.weight, 2U);
  EXPECT_EQ(granted.margin, 0);
  EXPECT_EQ(us.children[1].outcome, Outcome::lost);
  EXPECT_EQ(us.children[1].margin, -1);
  EXPECT_EQ(shop.children[1].outcome, Outcome::pending);
  EXPECT_EQ(shop.children[1].margin, -1);
  // The observer region is not missed.
  EXPECT_THAT(shop.missing(), ElementsAre("us/n2", "eu/n1"));
}

}  // namespace
}  // namespace regent
