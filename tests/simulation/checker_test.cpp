#include "region/simulation/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regent::simulation {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr Instant kSent{std::chrono::seconds(100)};
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

  void grant(std::uint32_t node, const Question& question) {
    checker_.answered({NodeId{node}, question, Verdict::granted, question.epoch, question.region,
                       Duration::zero()});
  }

  // A whole election of one gateway by nodes 0 and 1.
  void elect(std::uint16_t gateway, std::uint64_t epoch) {
    const Question question = ask(gateway, epoch);
    checker_.asked(GatewayId{gateway}, question, kSent);
    grant(0, question);
    grant(1, question);
    checker_.leased(GatewayId{gateway}, life(gateway), Epoch{epoch}, kSent + kLease);
  }

  std::string violation() const { return checker_.violation().value_or("none"); }

  Topology topology_ = three_regions();
  Checker checker_{topology_};
  std::uint64_t next_round_ = 1;
};

TEST_F(CheckerTest, AcceptsElectionsOneAfterAnother) {
  elect(0, 1);
  elect(1, 2);
  const Checker::Holder holder{GatewayId{1}, Epoch{2}};
  checker_.holders({&holder, 1});
  checker_.wrote(GatewayId{1}, Epoch{2});
  EXPECT_EQ(violation(), "none");
  EXPECT_EQ(checker_.leases(), 2U);
  EXPECT_EQ(checker_.changes(), 2U);
  EXPECT_EQ(checker_.writes(), 1U);
}

TEST_F(CheckerTest, SeesTwoRegionsWithLeases) {
  const Checker::Holder holders[] = {{GatewayId{0}, Epoch{1}}, {GatewayId{2}, Epoch{2}}};
  checker_.holders(holders);
  EXPECT_THAT(violation(), HasSubstr("two regions hold leases: a/g1"));
}

TEST_F(CheckerTest, SeesALeaseLongerThanItsRoundGives) {
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  grant(0, question);
  grant(1, question);
  checker_.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease + Duration(1));
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesALeaseOfAMinority) {
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  grant(0, question);
  checker_.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease);
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesALeaseMadeOfTwoRounds) {
  const Question first = ask(0, 1);
  const Question second = ask(0, 1);
  checker_.asked(GatewayId{0}, first, kSent);
  checker_.asked(GatewayId{0}, second, kSent);
  grant(0, first);
  grant(1, second);
  checker_.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease);
  EXPECT_THAT(violation(), HasSubstr("no won round"));
}

TEST_F(CheckerTest, SeesAnEpochWithTwoRegions) {
  elect(0, 1);
  const Question question = ask(2, 1);
  checker_.asked(GatewayId{2}, question, kSent);
  checker_.answered(
      {NodeId{2}, question, Verdict::granted, Epoch{1}, RegionId{2}, Duration::zero()});
  grant(1, question);
  EXPECT_THAT(violation(), HasSubstr("b/n1 supports two regions in epoch 1"));
}

TEST_F(CheckerTest, SeesAnEpochGoingBack) {
  elect(0, 2);
  const Question question = ask(0, 1);
  checker_.asked(GatewayId{0}, question, kSent);
  for (std::uint32_t node : {0U, 1U}) {
    checker_.answered(
        {NodeId{node}, question, Verdict::granted, Epoch{2}, RegionId{0}, Duration::zero()});
  }
  checker_.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease);
  EXPECT_THAT(violation(), HasSubstr("epoch 1 after epoch 2"));
}

TEST_F(CheckerTest, SeesANodeGoingBack) {
  const Question question = ask(0, 2);
  checker_.answered({NodeId{0}, question, Verdict::stale, Epoch{3}, RegionId{0}, {}});
  checker_.answered({NodeId{0}, question, Verdict::stale, Epoch{2}, RegionId{0}, {}});
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
  elect(1, 2);
  checker_.wrote(GatewayId{1}, Epoch{2});
  checker_.wrote(GatewayId{0}, Epoch{1});
  EXPECT_THAT(violation(), HasSubstr("after one in epoch 2"));
}

TEST_F(CheckerTest, SeesAWriteInAnEpochOfAnother) {
  elect(0, 1);
  checker_.wrote(GatewayId{2}, Epoch{1});
  EXPECT_THAT(violation(), HasSubstr("does not lead"));
}

TEST_F(CheckerTest, AddsUpWeightsByGroups) {
  topology_.regions[2].weight = 5;
  Checker checker(topology_);
  const Question question = ask(0, 1);
  checker.asked(GatewayId{0}, question, kSent);
  for (std::uint32_t node : {0U, 1U}) {
    checker.answered({NodeId{node}, question, Verdict::granted, Epoch{1}, RegionId{0}, {}});
  }
  checker.leased(GatewayId{0}, life(0), Epoch{1}, kSent + kLease);
  EXPECT_THAT(checker.violation().value_or("none"), HasSubstr("no won round"));
}

}  // namespace
}  // namespace regent::simulation
