#include "tests/unit/quorum/election_fixture.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

TEST_F(ElectionTest, ReleaseStopsServingFirstAndHandsOverWhenNodesAreFree) {
  become_holder();
  const Epoch epoch = election_.view().epoch;
  Election::Output output = take(election_.release(kEu, now_));
  EXPECT_EQ(election_.role(), Election::Role::releasing);
  EXPECT_FALSE(election_.holds_lease(now_));
  ASSERT_EQ(output.questions.size(), 1U);
  EXPECT_EQ(output.questions[0].kind, QuestionKind::close);
  EXPECT_EQ(output.questions[0].epoch, epoch);
  EXPECT_FALSE(output.hand_over);
  EXPECT_FALSE(answer(granted(question_, 0)).hand_over);
  output = answer(granted(question_, 1));
  ASSERT_TRUE(output.hand_over);
  EXPECT_EQ(output.hand_over->epoch, epoch);
  EXPECT_EQ(output.hand_over->successor, kEu);
  // Nothing is asked in that epoch any more, and the successor has the first turn.
  const Instant released = now_;
  while (now_ < released + kLease * 9 / 10) {
    const Question question = next_question();
    EXPECT_EQ(question.kind, QuestionKind::probe);
    EXPECT_GT(question.epoch, epoch);
    if (now_ < released + kLease) {
      grant(question);
    }
  }
}

TEST_F(ElectionTest, ReleaseWithoutALeaseDoesNothing) {
  EXPECT_TRUE(election_.release(kEu, now_).questions.empty());
  become_holder();
  now_ = election_.lease_end();
  EXPECT_TRUE(election_.release(kEu, now_).questions.empty());
}

TEST_F(ElectionTest, TheSuccessorStandsAtOnce) {
  election_.set_standing(true, 3, now_);
  refuse_promised(next_question(), kLease);
  const Election::Output output = take(election_.handed_over(Epoch{1}, kUs, now_));
  ASSERT_EQ(output.questions.size(), 1U);
  EXPECT_EQ(output.questions[0].kind, QuestionKind::ask);
  EXPECT_EQ(output.questions[0].epoch, Epoch{2});
  grant(question_);
  EXPECT_TRUE(election_.holds_lease(now_));
}

TEST_F(ElectionTest, OthersLeaveTheSuccessorTheFirstTurn) {
  election_.set_standing(true, 0, now_);
  refuse_promised(next_question(), kLease);
  take(election_.handed_over(Epoch{1}, kEu, now_));
  const Instant told = now_;
  while (election_.role() == Election::Role::follower) {
    grant(next_question());
    ASSERT_LT(now_, told + 3 * kLease);
  }
  EXPECT_GE(now_ - told, kLease);
}

TEST_F(ElectionTest, AnOldHandOverIsIgnored) {
  election_.set_standing(true, 0, now_);
  take(election_.heard_view({Epoch{4}, kEu, now_ + kLease}, now_));
  EXPECT_TRUE(election_.handed_over(Epoch{3}, kUs, now_).questions.empty());
  EXPECT_EQ(election_.role(), Election::Role::follower);
}

}  // namespace
}  // namespace regent
