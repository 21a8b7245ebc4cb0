#include "region/simulation/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regent::simulation {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr Instant kSent{std::chrono::seconds(100)};   // on every clock
constexpr TrueInstant kNow{std::chrono::seconds(7)};  // the same moment
constexpr Duration kLease = milliseconds(1000);

// Three regions of one node and one gateway each; ids are the same numbers everywhere.
Topology three_regions() {
  Topology topology;
  topology.cluster = "sim";
  for (std::uint16_t i = 0; i < 3; ++i) {
    TopologyRegion region;
    region.name = std::string(1, static_cast<char>('a' + i));
    region.nodes = {NodeId{i}};
    region.gateways = {GatewayId{i}};
    topology.regions.push_back(region);
    TopologyNode node;
    node.region = RegionId{i};
    node.name = "n1";
    topology.nodes.push_back(node);
    TopologyGateway gateway;
    gateway.region = RegionId{i};
    gateway.name = "g1";
    topology.gateways.push_back(gateway);
  }
  return topology;
}

class CheckerTest : public ::testing::Test {
 protected:
  static Incarnation life(std::uint16_t gateway) { return Incarnation{100ULL + gateway}; }

  Question ask(std::uint16_t gateway, std::uint64_t epoch) {
    return {QuestionKind::ask, Epoch{epoch}, RegionId{gateway},
            life(gateway),     kLease,       RoundId{next_round_++}};
  }

  void grant(std::uint32_t node, const Question& question, Duration after = Duration::zero()) {
    checker_.answered(
        {NodeId{node}, question, Verdict::granted, question.epoch, question.region, 2 * kLease},
        kSent + after);
  }

  void lease(std::uint16_t gateway, std::uint64_t epoch, Duration length = kLease) {
    checker_.leased(GatewayId{gateway}, life(gateway), Epoch{epoch}, kSent + length, kNow,
                    kNow + length);
  }

  // A whole election of one gateway by nodes 0 and 1.
  void elect(std::uint16_t gateway, std::uint64_t epoch) {
    const Question question = ask(gateway, epoch);
    checker_.asked(GatewayId{gateway}, question, kSent);
    grant(0, question);
    grant(1, question);
    lease(gateway, epoch);
  }

  // The gateway gives its epoch back, and the nodes hear of it.
  void give_back(std::uint16_t gateway, std::uint64_t epoch) {
    Question question = ask(gateway, epoch);
    question.kind = QuestionKind::close;
    checker_.asked(GatewayId{gateway}, question, kSent);
    checker_.lease_ended(GatewayId{gateway});
    grant(0, question);
    grant(1, question);
  }

  std::string violation() const { return checker_.violation().value_or("none"); }

  Topology topology_ = three_regions();
  Checker checker_{topology_};
  std::uint64_t next_round_ = 1;
};

TEST_F(CheckerTest, AcceptsElectionsOneAfterAnother) {
  elect(0, 1);
  EXPECT_EQ(checker_.holder(kNow)->gateway, GatewayId{0});
  give_back(0, 1);
  EXPECT_FALSE(checker_.holder(kNow));
  elect(1, 2);
  checker_.wrote(GatewayId{1}, Epoch{2}, kNow);
  EXPECT_EQ(violation(), "none");
  EXPECT_EQ(checker_.leases(), 2U);
  EXPECT_EQ(checker_.changes(), 2U);
  EXPECT_EQ(checker_.writes(), 1U);
}

TEST_F(CheckerTest, SeesTwoRegionsWithLeases) {
  elect(0, 1);
  Question question = ask(2, 2);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(1, question, 2 * kLease);
  grant(2, question);
  lease(2, 2);
  EXPECT_THAT(violation(), HasSubstr("two regions hold leases: a/g1 in epoch 1 and c/g1"));
}

TEST_F(CheckerTest, SeesLeasesMeetWhenAClockBecomesSlow) {
  elect(0, 1);
  Question question = ask(2, 2);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(1, question, 2 * kLease);
  grant(2, question, 2 * kLease);
  const TrueInstant later = kNow + kLease;
  checker_.leased(GatewayId{2}, life(2), Epoch{2}, kSent + kLease, later, later + kLease);
  EXPECT_EQ(violation(), "none");
  checker_.lease_moved(GatewayId{0}, kNow, later + Duration(1));
  EXPECT_THAT(violation(), HasSubstr("two regions hold leases"));
}

TEST_F(CheckerTest, SeesABrokenPromise) {
  elect(0, 1);
  const Question question = ask(2, 2);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(1, question, kLease - Duration(1));
  EXPECT_THAT(violation(), HasSubstr("b/n1 enters epoch 2 although its promise in epoch 1"));
}

TEST_F(CheckerTest, WantsPromisesToOutlastSlowClocks) {
  topology_.timing.clock_drift_ppm = 100'000;
  elect(0, 1);
  const Question question = ask(2, 2);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(1, question, milliseconds(1222));  // 1000 * 1.1 / 0.9 = 1222.2
  EXPECT_THAT(violation(), HasSubstr("b/n1 enters epoch 2"));
}

TEST_F(CheckerTest, AReleaseFreesNoSibling) {
  elect(0, 1);
  Question sibling = ask(0, 1);
  sibling.incarnation = Incarnation{77};
  checker_.asked(GatewayId{0}, sibling, kSent);
  grant(1, sibling);
  give_back(0, 1);
  const Question question = ask(2, 2);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(0, question);
  EXPECT_EQ(violation(), "none");
  grant(1, question);
  EXPECT_THAT(violation(), HasSubstr("b/n1 enters epoch 2"));
}

TEST_F(CheckerTest, SeesAnAnswerThatHidesAPromise) {
  elect(0, 1);
  Question probe = ask(2, 2);
  probe.kind = QuestionKind::probe;
  const Answer honest{NodeId{1}, probe, Verdict::promised, Epoch{1}, RegionId{0}, kLease * 3 / 4};
  checker_.answered(honest, kSent + kLease / 2);
  EXPECT_EQ(violation(), "none");
  checker_.answered(honest, kSent + kLease / 8);
  EXPECT_THAT(violation(), HasSubstr("b/n1 says it is free sooner than its promise in epoch 1"));
}

TEST_F(CheckerTest, SeesGrantsInAClosedEpoch) {
  elect(0, 1);
  give_back(0, 1);
  Question sibling = ask(0, 1);
  sibling.incarnation = Incarnation{77};
  checker_.asked(GatewayId{0}, sibling, kSent);
  grant(1, sibling);
  EXPECT_THAT(violation(), HasSubstr("b/n1 grants more in epoch 1, which it was told to close"));
}

TEST_F(CheckerTest, SeesAHolderFreeItsVotes) {
  elect(0, 1);
  Question release = ask(0, 1);
  release.kind = QuestionKind::release;
  checker_.asked(GatewayId{0}, release, kSent + kLease);
  EXPECT_EQ(violation(), "none");
  release.round = RoundId{999};
  checker_.asked(GatewayId{0}, release, kSent + kLease / 2);
  EXPECT_THAT(violation(), HasSubstr("a/g1 frees its votes"));
}

TEST_F(CheckerTest, AHolderThatIsDrainedMayFreeItsVotes) {
  elect(0, 1);
  Question release = ask(0, 1);
  release.kind = QuestionKind::release;
  checker_.asked(GatewayId{0}, release, kSent + kLease / 2, true);
  EXPECT_EQ(violation(), "none");
  checker_.asked(GatewayId{0}, ask(0, 1), kSent + kLease / 2);
  EXPECT_THAT(violation(), HasSubstr("after it gave it back"));
}

TEST_F(CheckerTest, WhoAsksInAHigherEpochNeedsNoOlderPromise) {
  elect(0, 1);
  checker_.asked(GatewayId{0}, ask(0, 2), kSent);
  const Question question = ask(2, 3);
  checker_.asked(GatewayId{2}, question, kSent);
  grant(1, question);
  EXPECT_EQ(violation(), "none");
}

TEST_F(CheckerTest, SeesALeaseLongerThanItsRoundGives) {
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  grant(0, question);
  grant(1, question);
  lease(0, 1, kLease + Duration(1));
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesALeaseOfAMinority) {
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  grant(0, question);
  lease(0, 1);
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesALeaseMadeOfTwoRounds) {
  const Question first = ask(0, 1);
  const Question second = ask(0, 1);
  checker_.asked(GatewayId{0}, first, kSent);
  checker_.asked(GatewayId{0}, second, kSent);
  grant(0, first);
  grant(1, second);
  lease(0, 1);
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesAnEpochWithTwoRegions) {
  elect(0, 1);
  const Question question = ask(2, 1);
  checker_.asked(GatewayId{2}, question, kSent);
  checker_.answered(
      {NodeId{2}, question, Verdict::granted, Epoch{1}, RegionId{2}, Duration::zero()}, kSent);
  grant(1, question);
  EXPECT_THAT(violation(), HasSubstr("b/n1 supports two regions in epoch 1"));
}

TEST_F(CheckerTest, SeesAnEpochGoingBack) {
  elect(0, 2);
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  for (std::uint32_t node : {0U, 1U}) {
    checker_.answered(
        {NodeId{node}, question, Verdict::granted, Epoch{2}, RegionId{0}, Duration::zero()}, kSent);
  }
  lease(0, 1);
  EXPECT_THAT(violation(), HasSubstr("epoch 1 after epoch 2"));
}

TEST_F(CheckerTest, SeesANodeGoingBack) {
  const Question question = ask(0, 2);
  checker_.answered({NodeId{0}, question, Verdict::stale, Epoch{3}, RegionId{0}, {}}, kSent);
  checker_.answered({NodeId{0}, question, Verdict::stale, Epoch{2}, RegionId{0}, {}}, kSent);
  EXPECT_THAT(violation(), HasSubstr("a/n1 went back from epoch 3"));
}

TEST_F(CheckerTest, SeesAGivenBackEpochAskedForAgain) {
  Question question = ask(0, 4);
  question.kind = QuestionKind::close;
  checker_.asked(GatewayId{0}, question, kSent);
  checker_.asked(GatewayId{0}, ask(0, 4), kSent);
  EXPECT_THAT(violation(), HasSubstr("after it gave it back"));
}

TEST_F(CheckerTest, SeesWritesOutOfOrder) {
  elect(0, 1);
  give_back(0, 1);
  elect(1, 2);
  checker_.wrote(GatewayId{1}, Epoch{2}, kNow);
  checker_.wrote(GatewayId{0}, Epoch{1}, kNow);
  EXPECT_THAT(violation(), HasSubstr("after one in epoch 2"));
}

TEST_F(CheckerTest, SeesAWriteInAnEpochOfAnother) {
  elect(0, 1);
  checker_.wrote(GatewayId{2}, Epoch{1}, kNow);
  EXPECT_THAT(violation(), HasSubstr("c/g1 takes a write in epoch 1 without a live lease"));
}

TEST_F(CheckerTest, SeesAWriteAfterTheLease) {
  elect(0, 1);
  checker_.wrote(GatewayId{0}, Epoch{1}, kNow + kLease);
  EXPECT_THAT(violation(), HasSubstr("without a live lease"));
}

TEST_F(CheckerTest, AddsUpWeightsByGroups) {
  topology_.regions[2].weight = 5;
  Checker checker(topology_);
  const Question question = ask(0, 1);
  checker.asked(GatewayId{0}, question, kSent);
  for (std::uint32_t node : {0U, 1U}) {
    checker.answered({NodeId{node}, question, Verdict::granted, Epoch{1}, RegionId{0}, {}}, kSent);
  }
  checker.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease, kNow, kNow + kLease);
  EXPECT_THAT(checker.violation().value_or("none"), HasSubstr("no won round"));
}

}  // namespace
}  // namespace regent::simulation
