#include "tests/unit/quorum/election_fixture.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

TEST_F(ElectionTest, ProbesBeforeItAsks) {
  election_.set_standing(true, 0, now_);
  const Question probe = next_question();
  EXPECT_EQ(probe.kind, QuestionKind::probe);
  EXPECT_EQ(probe.epoch, Epoch{1});
  EXPECT_EQ(probe.region, kUs);
  EXPECT_EQ(probe.incarnation, kSelf);
  EXPECT_TRUE(answer(granted(probe, 0)).questions.empty());
  const Election::Output output = answer(granted(probe, 1));
  ASSERT_EQ(output.questions.size(), 1U);
  EXPECT_EQ(output.questions[0].kind, QuestionKind::ask);
  EXPECT_EQ(output.questions[0].epoch, Epoch{1});
  EXPECT_NE(output.questions[0].round, probe.round);
  EXPECT_EQ(election_.lease_end(), Instant::min());
}

TEST_F(ElectionTest, FirstAskIsShortAndTheWinnerRenewsAtOnce) {
  become_candidate();
  const Question first = question_;
  EXPECT_EQ(first.lease, kWindow);
  const Instant sent = now_;
  wait(milliseconds(30));
  const Election::Output output = grant(first);
  EXPECT_EQ(election_.role(), Election::Role::holder);
  EXPECT_EQ(election_.lease_end(), sent + kWindow);
  ASSERT_EQ(output.questions.size(), 1U);
  EXPECT_EQ(output.questions[0].kind, QuestionKind::ask);
  EXPECT_EQ(output.questions[0].epoch, first.epoch);
  EXPECT_EQ(output.questions[0].lease, kLease);
}

TEST_F(ElectionTest, LeaseCountsFromTheSending) {
  become_candidate();
  grant(question_);
  const Question renewal = question_;
  const Instant sent = now_;
  wait(milliseconds(200));
  grant(renewal);
  EXPECT_EQ(election_.lease_end(), sent + kLease);
  now_ = sent + kLease - Duration(1);
  EXPECT_TRUE(election_.holds_lease(now_));
  now_ = sent + kLease;
  EXPECT_FALSE(election_.holds_lease(now_));
}

TEST_F(ElectionTest, RenewsEveryFifthOfTheLease) {
  become_holder();
  for (int i = 0; i < 5; ++i) {
    const Instant before = now_;
    const Question renewal = next_question();
    EXPECT_LE(now_ - before, kLease / 5);
    EXPECT_EQ(renewal.kind, QuestionKind::ask);
    EXPECT_EQ(renewal.lease, kLease);
    grant(renewal);
    EXPECT_EQ(election_.lease_end(), now_ + kLease);
  }
}

TEST_F(ElectionTest, AnAnswerThatEchoesAnythingElseCountsForNothing) {
  become_candidate();
  const Question asked = question_;
  std::vector<Question> wrong(6, asked);
  ++wrong[0].round.value;
  ++wrong[1].epoch.value;
  ++wrong[2].incarnation.value;
  wrong[3].lease += Duration(1);
  wrong[4].region = kEu;
  wrong[5].kind = QuestionKind::probe;
  for (Question& question : wrong) {
    for (std::uint32_t node = 0; node < 3; ++node) {
      Answer forged = granted(question, node);
      forged.epoch = asked.epoch;
      answer(forged);
    }
    EXPECT_EQ(election_.role(), Election::Role::candidate);
  }
  EXPECT_EQ(election_.lease_end(), Instant::min());
}

TEST_F(ElectionTest, AnswersOfTwoRoundsAreNotAddedUp) {
  become_holder();
  const Instant end = election_.lease_end();
  const Question first = next_question();
  const Question second = next_question();
  ASSERT_NE(first.round, second.round);
  answer(granted(first, 0));
  answer(granted(second, 1));
  EXPECT_EQ(election_.lease_end(), end);
  // Each by itself does count, also when it comes late.
  answer(granted(first, 1));
  EXPECT_GT(election_.lease_end(), end);
}

TEST_F(ElectionTest, RepeatedAndUnknownAnswersAreNotMoreVotes) {
  become_candidate();
  const Question asked = question_;
  for (int i = 0; i < 3; ++i) answer(granted(asked, 1));
  answer(granted(asked, 3));
  answer(granted(asked, 0xfffffff0));
  EXPECT_EQ(election_.role(), Election::Role::candidate);
}

TEST_F(ElectionTest, AnswersAfterTheWindowGiveNoLease) {
  become_candidate();
  const Question asked = question_;
  wait(kWindow);
  grant(asked);
  EXPECT_NE(election_.role(), Election::Role::holder);
  EXPECT_EQ(election_.lease_end(), Instant::min());
  EXPECT_EQ(question_.kind, QuestionKind::release);
}

TEST_F(ElectionTest, ALostCandidacyIsReleasedAndItsEpochNotAskedAgain) {
  become_candidate();
  const Question asked = question_;
  answer(refused(asked, 0, Verdict::voted, asked.epoch, kEu, kWindow));
  const Election::Output output =
      answer(refused(asked, 1, Verdict::voted, asked.epoch, kEu, kWindow));
  EXPECT_EQ(election_.role(), Election::Role::follower);
  ASSERT_FALSE(output.questions.empty());
  EXPECT_EQ(output.questions[0].kind, QuestionKind::release);
  EXPECT_EQ(output.questions[0].epoch, asked.epoch);
  // Whatever the nodes say about that epoch, only later ones are asked for.
  for (int i = 0; i < 20; ++i) {
    const Question next = next_question();
    if (next.kind != QuestionKind::release) {
      EXPECT_GT(next.epoch, asked.epoch);
    }
    Answer late = granted(next, 1);
    late.epoch = asked.epoch;
    late.supports = kUs;
    answer(late);
  }
}

TEST_F(ElectionTest, ARefusedCandidateDoesNotWaitForTheSilentOnes) {
  become_candidate();
  answer(granted(question_, 0));
  EXPECT_EQ(election_.next_deadline(), now_ + kWindow);
  answer(refused(question_, 1, Verdict::voted, question_.epoch, kEu, Duration::zero()));
  EXPECT_EQ(election_.role(), Election::Role::candidate);  // the third node may still decide
  EXPECT_LE(election_.next_deadline(), now_ + kLease / 10);
  now_ = election_.next_deadline();
  tick();
  EXPECT_EQ(election_.role(), Election::Role::follower);
}

// One refuses at once, whatever it is asked; the two that win are further away than a stagger.
TEST_F(ElectionTest, ARefusalFromNearDoesNotCutOffTheGrantsFromFar) {
  election_.set_standing(true, 0, now_);
  const Question probe = next_question();
  answer(refused(probe, 1, Verdict::failed, Epoch{}, kNoRegion, Duration::zero()));
  const Duration round_trip = kLease / 5;
  wait(round_trip);
  grant(probe);
  ASSERT_EQ(election_.role(), Election::Role::candidate);
  const Question asked = question_;
  answer(refused(asked, 1, Verdict::failed, Epoch{}, kNoRegion, Duration::zero()));
  EXPECT_GT(election_.next_deadline(), now_ + round_trip);
  wait(round_trip);
  grant(asked);
  EXPECT_EQ(election_.role(), Election::Role::holder);
}

// Two that always lose to each other part in time: what they draw from is wider than the way.
TEST_F(ElectionTest, LosersFarFromEachOtherComeBackFurtherApart) {
  const Duration round_trip = kWindow - milliseconds(1);
  const Instant start = now_;
  std::vector<Instant> returns;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Election election{{kUs, kSelf, kLease, kWindow, DriftBound{}}, tree_, seed, start};
    election.set_standing(true, 0, start);
    const Question probe = election.tick(start).questions.at(0);
    const std::vector<Answer> won{granted(probe, 0), granted(probe, 2)};
    const Question asked = election.answers(won, start + round_trip).questions.at(0);
    ASSERT_EQ(asked.kind, QuestionKind::ask);
    const std::vector<Answer> lost{refused(asked, 0, Verdict::voted, asked.epoch, kEu, kWindow),
                                   refused(asked, 1, Verdict::voted, asked.epoch, kEu, kWindow)};
    election.answers(lost, start + round_trip);
    ASSERT_EQ(election.role(), Election::Role::follower);
    returns.push_back(election.next_deadline());
  }
  const auto [earliest, latest] = std::minmax_element(returns.begin(), returns.end());
  EXPECT_GT(*latest - *earliest, round_trip);
}

TEST_F(ElectionTest, AFollowerComesBackAtItsTurnThoughSomebodyIsSilent) {
  election_.set_standing(true, 0, now_);
  const Question probe = next_question();
  const Duration left = milliseconds(100);
  answer(granted(probe, 0));
  answer(refused(probe, 1, Verdict::promised, Epoch{}, kNoRegion, left));
  const Instant free = now_ + left;
  now_ = election_.next_deadline();  // when it looks at what has come
  EXPECT_LE(now_, free);
  EXPECT_TRUE(tick().questions.empty());
  EXPECT_GE(election_.next_deadline(), free);
  EXPECT_LE(election_.next_deadline(), free + kLease / 30);  // not a third of the lease
}

TEST_F(ElectionTest, ACandidateGivesUpAfterTheWindow) {
  become_candidate();
  const Epoch epoch = question_.epoch;
  EXPECT_EQ(election_.next_deadline(), now_ + kWindow);
  wait(kWindow);
  tick();
  EXPECT_EQ(election_.role(), Election::Role::follower);
  EXPECT_EQ(question_.kind, QuestionKind::release);
  EXPECT_EQ(question_.epoch, epoch);
}

TEST_F(ElectionTest, AHigherEpochEndsTheReignAtOnce) {
  become_holder();
  const Question renewal = next_question();
  const Election::Output output =
      answer(refused(renewal, 1, Verdict::stale, Epoch{9}, kEu, kLease));
  EXPECT_TRUE(output.changed);
  EXPECT_EQ(election_.role(), Election::Role::follower);
  EXPECT_FALSE(election_.holds_lease(now_));
  EXPECT_EQ(election_.epoch(), Epoch{9});
  // Writes may be under way still: the promises are left to run out.
  for (const Question& question : output.questions) {
    EXPECT_NE(question.kind, QuestionKind::release);
    EXPECT_NE(question.kind, QuestionKind::close);
  }
}

TEST_F(ElectionTest, AHigherEpochInAPeersViewEndsTheReignToo) {
  become_holder();
  take(election_.heard_view({Epoch{3}, kEu, now_ + kLease}, now_));
  EXPECT_FALSE(election_.holds_lease(now_));
  EXPECT_EQ(election_.view().primary, kEu);
  EXPECT_EQ(election_.view().epoch, Epoch{3});
}

TEST_F(ElectionTest, AWonRoundDoesNotCountBesideAHigherEpoch) {
  become_candidate();
  const Question asked = question_;
  const Answer answers[] = {granted(asked, 0), granted(asked, 1),
                            refused(asked, 2, Verdict::stale, Epoch{8}, kEu, kLease)};
  take(election_.answers(answers, now_));
  EXPECT_EQ(election_.role(), Election::Role::follower);
  EXPECT_EQ(election_.lease_end(), Instant::min());
}

TEST_F(ElectionTest, AnEpochThatNobodyCanHaveReachedIsIgnored) {
  become_holder();
  const Question renewal = next_question();
  answer(refused(renewal, 1, Verdict::stale, Epoch{~0ULL}, kEu, kLease));
  EXPECT_TRUE(election_.holds_lease(now_));
  EXPECT_EQ(election_.epoch(), Epoch{1});
}

TEST_F(ElectionTest, TheLeaseEndsWhereNobodyAnswers) {
  become_holder();
  const Instant end = election_.lease_end();
  while (now_ < end) {
    EXPECT_EQ(election_.role(), Election::Role::holder);
    now_ = election_.next_deadline();
    tick();
  }
  EXPECT_EQ(now_, end);
  EXPECT_FALSE(election_.holds_lease(now_));
  EXPECT_NE(election_.role(), Election::Role::holder);
  // The last renewal may still be answered, but not for longer than an election takes.
  now_ = election_.next_deadline();
  EXPECT_LE(now_, end + kWindow);
  EXPECT_TRUE(tick().questions.empty());  // no release: its writes may be on their way
  EXPECT_EQ(election_.role(), Election::Role::follower);
  const Question again = next_question();
  EXPECT_EQ(again.kind, QuestionKind::probe);
  EXPECT_EQ(again.epoch, Epoch{1});  // its own, which a sibling may serve in
}

// Over a distance of which the first, short lease leaves no time for another round trip.
TEST_F(ElectionTest, ALateRenewalBringsTheLeaseBack) {
  become_candidate();
  const Instant sent = now_;
  now_ = sent + kWindow * 3 / 4;
  grant(question_);  // the short ask
  const Question renewal = question_;
  EXPECT_EQ(renewal.lease, kLease);
  const Instant renewed = now_;
  now_ = election_.next_deadline();
  EXPECT_EQ(now_, sent + kWindow);
  tick();
  EXPECT_FALSE(election_.holds_lease(now_));
  EXPECT_EQ(election_.role(), Election::Role::candidate);
  now_ = renewed + kWindow * 3 / 4;
  grant(renewal);
  EXPECT_EQ(election_.role(), Election::Role::holder);
  EXPECT_EQ(election_.lease_end(), renewed + kLease);
}

TEST_F(ElectionTest, ASiblingJoinsTheEpochOfItsRegion) {
  election_.set_standing(true, 0, now_);
  const Question probe = next_question();
  for (std::uint32_t node = 0; node < 3; ++node) {
    answer(refused(probe, node, Verdict::stale, Epoch{5}, kUs, kLease));
  }
  const Question join = question_.kind == QuestionKind::probe && question_.epoch == Epoch{5}
                            ? question_
                            : next_question();
  EXPECT_EQ(join.kind, QuestionKind::probe);
  EXPECT_EQ(join.epoch, Epoch{5});
  grant(join);
  EXPECT_EQ(question_.kind, QuestionKind::ask);
  EXPECT_EQ(question_.epoch, Epoch{5});
  EXPECT_EQ(question_.lease, kWindow);
  grant(question_);
  EXPECT_TRUE(election_.holds_lease(now_));
  EXPECT_EQ(election_.view().epoch, Epoch{5});
}

// A lost message must not make a sibling a standby for the rest of the reign.
TEST_F(ElectionTest, ASiblingThatCouldNotJoinTriesAgain) {
  election_.set_standing(true, 0, now_);
  answer(refused(next_question(), 0, Verdict::stale, Epoch{5}, kUs, kLease));
  while (question_.epoch != Epoch{5}) next_question();
  grant(question_);
  ASSERT_EQ(question_.kind, QuestionKind::ask);
  now_ += kWindow;
  tick();
  EXPECT_EQ(election_.role(), Election::Role::follower);
  Question again = next_question();
  EXPECT_EQ(again.kind, QuestionKind::probe);
  EXPECT_EQ(again.epoch, Epoch{5});
  grant(again);
  grant(question_);
  EXPECT_TRUE(election_.holds_lease(now_));
}

// What was refused when nobody was in that epoch says nothing about joining it.
TEST_F(ElectionTest, ARefusedProbeOfANewEpochDoesNotKeepFromJoiningIt) {
  election_.set_standing(true, 0, now_);
  const Question probe = next_question();
  ASSERT_EQ(probe.epoch, Epoch{1});
  answer(refused(probe, 0, Verdict::promised, Epoch{}, kNoRegion, kLease));
  now_ += kWindow;
  election_.heard_view({Epoch{1}, kUs, now_ + kLease}, now_);  // a sibling has won it
  const Question join = next_question();
  EXPECT_EQ(join.epoch, Epoch{1});
  grant(join);
  EXPECT_EQ(question_.kind, QuestionKind::ask);
  EXPECT_EQ(question_.epoch, Epoch{1});
}

// One refuses and the others are silent: joining cannot be won, a new epoch perhaps can.
TEST_F(ElectionTest, JoiningInVainIsGivenUp) {
  election_.set_standing(true, 0, now_);
  answer(refused(next_question(), 0, Verdict::stale, Epoch{5}, kUs, Duration::zero()));
  while (question_.epoch != Epoch{5}) next_question();
  answer(refused(question_, 1, Verdict::voted, Epoch{5}, kEu, Duration::zero()));
  EXPECT_EQ(next_question().epoch, Epoch{6});
}

TEST_F(ElectionTest, ASiblingDoesNotJoinAClosedEpoch) {
  election_.set_standing(true, 0, now_);
  Question probe = next_question();
  for (std::uint32_t node = 0; node < 3; ++node) {
    answer(refused(probe, node, Verdict::stale, Epoch{5}, kUs, Duration::zero()));
  }
  for (int i = 0; i < 5 && question_.epoch != Epoch{6}; ++i) {
    probe = question_.round == probe.round ? next_question() : question_;
    for (std::uint32_t node = 0; node < 3; ++node) {
      answer(refused(probe, node, Verdict::closed, Epoch{5}, kUs, Duration::zero()));
    }
    next_question();
  }
  EXPECT_EQ(question_.kind, QuestionKind::probe);
  EXPECT_EQ(question_.epoch, Epoch{6});
}

TEST_F(ElectionTest, ALivePrimaryIsNeverDisturbed) {
  election_.set_standing(true, 0, now_);
  for (int i = 0; i < 50; ++i) {
    const Question question = next_question();
    EXPECT_EQ(question.kind, QuestionKind::probe);
    refuse_promised(question, kLease);
  }
  EXPECT_EQ(election_.epoch(), Epoch{1});
  EXPECT_EQ(election_.role(), Election::Role::follower);
}

TEST_F(ElectionTest, ALeaseHeardOfIsWaitedFor) {
  election_.set_standing(true, 0, now_);
  const Instant until = now_ + kLease;
  take(election_.heard_view({Epoch{1}, kEu, until}, now_));
  while (now_ < until) {
    const Question question = next_question();
    if (now_ >= until) break;
    EXPECT_EQ(question.kind, QuestionKind::probe);
    grant(question);
    EXPECT_EQ(election_.role(), Election::Role::follower);
  }
}

class ElectionTurn : public ElectionTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(ElectionTurn, ComesByRank) {
  const unsigned rank = GetParam();
  election_.set_standing(true, rank, now_);
  refuse_promised(next_question(), milliseconds(400));
  const Instant free_at = now_ + milliseconds(400);
  while (election_.role() == Election::Role::follower) {
    const Question question = next_question();
    if (now_ < free_at) {
      refuse_promised(question, free_at - now_);
    } else {
      grant(question);
    }
    ASSERT_LT(now_, free_at + kLease * 2);
  }
  const Duration stagger = kLease / 10;
  const Duration jitter = kLease / 30;
  EXPECT_GE(now_ - free_at, stagger * rank);
  EXPECT_LE(now_ - free_at, stagger * rank + jitter);
}

INSTANTIATE_TEST_SUITE_P(Ranks, ElectionTurn, ::testing::Values(0U, 1U, 2U, 5U));

TEST_F(ElectionTest, WhoMayNotStandOnlyProbes) {
  election_.set_standing(false, 0, now_);
  for (int i = 0; i < 20; ++i) {
    const Question question = next_question();
    EXPECT_EQ(question.kind, QuestionKind::probe);
    grant(question);
  }
  EXPECT_TRUE(election_.quorum_reachable(now_));
}

TEST_F(ElectionTest, AFailedNodeIsNoVote) {
  become_candidate();
  const Question asked = question_;
  answer(granted(asked, 0));
  answer(refused(asked, 1, Verdict::failed, Epoch{}, kNoRegion, Duration::zero()));
  EXPECT_EQ(election_.role(), Election::Role::candidate);
  answer(refused(asked, 2, Verdict::failed, Epoch{}, kNoRegion, Duration::zero()));
  EXPECT_EQ(election_.role(), Election::Role::follower);
}

TEST_F(ElectionTest, QuorumIsReachableWhileAWinningSetAnswers) {
  const Question probe = next_question();
  EXPECT_FALSE(election_.quorum_reachable(now_));
  // A refusal is an answer.
  answer(refused(probe, 0, Verdict::promised, Epoch{1}, kEu, kLease));
  EXPECT_FALSE(election_.quorum_reachable(now_));
  answer(refused(probe, 1, Verdict::promised, Epoch{1}, kEu, kLease));
  EXPECT_TRUE(election_.quorum_reachable(now_));
  wait(2 * kLease);
  EXPECT_FALSE(election_.quorum_reachable(now_));
}

}  // namespace
}  // namespace regent
