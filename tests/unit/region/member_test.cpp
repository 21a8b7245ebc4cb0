#include "region/member.h"

#include <gtest/gtest.h>

#include "member_world.h"

namespace regent {
namespace {

using namespace std::chrono_literals;
using test::World;

class MemberTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.await(5s, [&] { return world_.holds(east_) && world_.holds(sibling_); }));
    world_.run(1s);
  }

  World world_;
  const GatewayId east_ = world_.gateway("east");
  const GatewayId sibling_ = world_.gateway("east", "gw2");
  const GatewayId west_ = world_.gateway("west");
};

TEST_F(MemberTest, BothGatewaysOfThePreferredRegionServeInOneEpoch) {
  EXPECT_EQ(world_.epoch(east_), Epoch{1});
  EXPECT_EQ(world_.epoch(sibling_), Epoch{1});
  EXPECT_FALSE(world_.holds(west_));
  EXPECT_EQ(world_.member(west_).election().view().primary, world_.region("east"));
}

TEST_F(MemberTest, ARestartedGatewayJoinsItsOwnEpoch) {
  world_.kill(east_);
  world_.kill(sibling_);
  world_.run(100ms);
  world_.start(east_);
  ASSERT_TRUE(world_.await(1s, [&] { return world_.holds(east_); }));
  EXPECT_EQ(world_.epoch(east_), Epoch{1});
}

TEST_F(MemberTest, FailsOverOnlyAfterTheLeaseHasRunOut) {
  world_.cut(world_.region("east"));
  ASSERT_TRUE(world_.await(3s, [&] {
    EXPECT_FALSE((world_.holds(east_) || world_.holds(sibling_)) && world_.holds(west_));
    return world_.holds(west_);
  }));
  EXPECT_EQ(world_.epoch(west_), Epoch{2});
  world_.run(3s);
  EXPECT_FALSE(world_.holds(east_));
  world_.heal();
  ASSERT_TRUE(world_.await(2s, [&] { return world_.epoch(east_) == Epoch{2}; }));
  world_.run(5s);
  EXPECT_TRUE(world_.holds(west_));  // nothing is taken back when the lost region returns
}

TEST_F(MemberTest, SwitchoverAsksTheSiblingToDrainToo) {
  world_.switchover(west_, "west", 10s);  // at a gateway that has to pass it on
  ASSERT_TRUE(world_.await(5s, [&] { return world_.outcome.has_value(); }));
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  EXPECT_EQ(world_.outcome->epoch, Epoch{2});
  EXPECT_LT(world_.outcome->gap, 100ms);
  EXPECT_TRUE(world_.holds(west_));
  EXPECT_FALSE(world_.holds(east_));
  EXPECT_FALSE(world_.holds(sibling_));
}

TEST_F(MemberTest, TheSuccessorStandsBeforeTheNodesHaveConfirmedTheClose) {
  world_.kill(sibling_);
  world_.run(3s);  // its promises have run out
  world_.switchover(east_, "west", 10s);
  const auto stands = [&] {
    return world_.member(west_).election().role() == Election::Role::candidate;
  };
  ASSERT_TRUE(world_.await(1s, stands));
  EXPECT_EQ(world_.member(east_).election().role(), Election::Role::releasing);
  ASSERT_TRUE(world_.await(1s, [&] { return world_.outcome.has_value(); }));
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  EXPECT_TRUE(world_.holds(west_));
  EXPECT_EQ(world_.epoch(west_), Epoch{2});
}

TEST_F(MemberTest, GivesNothingBackWhileAWriteIsInFlight) {
  world_.writes_in_flight = 1;
  world_.switchover(east_, "west", 500ms);
  world_.run(400ms);
  EXPECT_TRUE(world_.member(east_).draining());
  EXPECT_TRUE(world_.holds(east_));
  EXPECT_FALSE(world_.holds(west_));
  ASSERT_TRUE(world_.await(2s, [&] { return world_.outcome.has_value(); }));
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::timed_out);
  world_.run(3s);
  EXPECT_TRUE(world_.holds(east_));
  EXPECT_EQ(world_.epoch(east_), Epoch{1});
}

TEST_F(MemberTest, RefusesAWitnessAndARegionThatIsNotHeard) {
  world_.switchover(east_, "wit", 1s);
  ASSERT_TRUE(world_.outcome.has_value());
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::unsafe);
  world_.outcome.reset();
  world_.cut(world_.region("west"));
  world_.run(2s);
  world_.switchover(east_, "west", 1s);
  ASSERT_TRUE(world_.outcome.has_value());
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::not_possible);
  EXPECT_TRUE(world_.holds(east_));
}

TEST_F(MemberTest, ARegionWithoutBackendsDoesNotStand) {
  world_.member(west_).set_backends({false, 0});
  world_.run(1s);
  world_.kill(east_);
  world_.kill(sibling_);
  world_.run(5s);
  EXPECT_FALSE(world_.holds(west_));
  world_.member(west_).set_backends({true, 1});
  EXPECT_TRUE(world_.await(2s, [&] { return world_.holds(west_); }));
}

TEST_F(MemberTest, ARoundIsPassedOnForTheAskersOwnRegionAndUnderOurTopology) {
  std::uint64_t number = 0;
  const auto passed_on = [&](const std::string& region, const std::string& quorum_hash) {
    RoundMessage round;
    round.question.region = world_.region(region);
    round.question.round = RoundId{++number};
    round.quorum_hash = quorum_hash;
    Outbox out;
    world_.member(east_).from_gateway(west_, 9, round, world_.now(), out);
    return out.to_nodes.size();
  };
  EXPECT_EQ(passed_on("west", world_.quorum_hash()), 1U);
  EXPECT_EQ(passed_on("east", world_.quorum_hash()), 0U) << "it speaks for another region";
  EXPECT_EQ(passed_on("west", "another"), 0U);
}

TEST_F(MemberTest, AnswersUnderAnotherTopologyDoNotCount) {
  world_.nodes_hash = "another";
  EXPECT_TRUE(world_.await(2s, [&] { return !world_.holds(east_) && !world_.holds(sibling_); }));
  EXPECT_FALSE(world_.member(east_).node_matches(NodeId{0}));
  world_.nodes_hash.reset();
  EXPECT_TRUE(world_.await(10s, [&] { return world_.holds(east_); }));
  EXPECT_TRUE(world_.member(east_).node_matches(NodeId{0}));
}

}  // namespace
}  // namespace regent
