#include "region/tally.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWait = 25ms;

QuorumTree three_nodes() {
  Group root{"r", 1, kNoNode, {}};
  for (std::uint32_t i = 0; i < 3; ++i) root.children.push_back({"n", 1, NodeId{i}, {}});
  return QuorumTree::build(root).value();
}

SignedAnswer answer(std::uint32_t node, Verdict verdict) {
  SignedAnswer given;
  given.answer.node = NodeId{node};
  given.answer.verdict = verdict;
  return given;
}

class TallyTest : public testing::Test {
 protected:
  const QuorumTree tree_ = three_nodes();
  const Instant start_{100s};
};

TEST_F(TallyTest, TellsAsSoonAsTheRegionIsDecided) {
  Tally tally(tree_, true, start_, kWait);
  tally.add(answer(0, Verdict::granted));
  EXPECT_TRUE(tally.take(start_).empty());
  tally.add(answer(1, Verdict::granted));
  EXPECT_EQ(tally.take(start_).size(), 2u);
  EXPECT_TRUE(tally.take(start_).empty());
  tally.add(answer(2, Verdict::granted));
  EXPECT_EQ(tally.take(start_).size(), 1u);  // all have answered: nothing to wait for
}

TEST_F(TallyTest, ALostRegionIsDecidedToo) {
  Tally tally(tree_, true, start_, kWait);
  tally.add(answer(0, Verdict::promised));
  tally.add(answer(1, Verdict::stale));
  EXPECT_EQ(tally.take(start_).size(), 2u);
}

TEST_F(TallyTest, InAFlatTreeWaitsForAllOrForAWhile) {
  Tally tally(tree_, false, start_, kWait);
  tally.add(answer(0, Verdict::granted));
  tally.add(answer(1, Verdict::granted));
  EXPECT_TRUE(tally.take(start_).empty());
  EXPECT_EQ(tally.next_deadline(), start_ + kWait);
  EXPECT_EQ(tally.take(start_ + kWait).size(), 2u);
  EXPECT_EQ(tally.next_deadline(), kNever);
  tally.add(answer(2, Verdict::granted));
  EXPECT_EQ(tally.take(start_ + kWait).size(), 1u);
}

TEST_F(TallyTest, CountsANodeOnce) {
  Tally tally(tree_, true, start_, kWait);
  tally.add(answer(0, Verdict::granted));
  tally.add(answer(0, Verdict::granted));
  EXPECT_TRUE(tally.take(start_).empty());
  EXPECT_EQ(tally.take(start_ + kWait).size(), 1u);
}

}  // namespace
}  // namespace regent
