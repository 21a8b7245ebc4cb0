#include <gtest/gtest.h>

#include "member_world.h"
#include "region/member.h"

namespace regent {
namespace {

using namespace std::chrono_literals;
using test::World;

class MemberLeaveTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.await(5s, [&] { return world_.holds(east_) && world_.holds(sibling_); }));
    world_.run(1s);
  }
  // The process ends when it has been told how its leaving went.
  void leave_and_end(GatewayId gateway) {
    world_.leave(gateway, 2s);
    ASSERT_TRUE(world_.await(3s, [&] { return world_.outcome.has_value(); }));
    world_.kill(gateway);
  }

  World world_;
  const GatewayId east_ = world_.gateway("east");
  const GatewayId sibling_ = world_.gateway("east", "gw2");
  const GatewayId west_ = world_.gateway("west");
};

TEST_F(MemberLeaveTest, ASiblingGoesOnInTheSameEpoch) {
  leave_and_end(east_);
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  EXPECT_TRUE(world_.holds(sibling_));
  world_.run(5s);
  EXPECT_TRUE(world_.holds(sibling_));
  EXPECT_EQ(world_.epoch(sibling_), Epoch{1});
}

TEST_F(MemberLeaveTest, TheLastGatewayOfTheRegionHandsOver) {
  leave_and_end(sibling_);
  world_.run(500ms);
  ASSERT_TRUE(world_.holds(east_));
  world_.outcome.reset();
  leave_and_end(east_);
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  // Much sooner than the lease of 1.5 s.
  EXPECT_TRUE(world_.await(300ms, [&] { return world_.holds(west_); }));
  EXPECT_EQ(world_.epoch(west_), Epoch{2});
}

TEST_F(MemberLeaveTest, BothGatewaysAtOnceHandOverToo) {
  world_.leave(east_, 2s);
  world_.leave(sibling_, 2s);
  EXPECT_TRUE(world_.await(500ms, [&] { return world_.holds(west_); }));
  EXPECT_FALSE(world_.holds(east_));
  EXPECT_FALSE(world_.holds(sibling_));
}

TEST_F(MemberLeaveTest, NothingIsGivenBackWhileAWriteIsInFlight) {
  world_.writes_in_flight = 1;
  world_.leave(east_, 500ms);
  world_.run(400ms);
  EXPECT_TRUE(world_.member(east_).draining());
  EXPECT_TRUE(world_.holds(east_));
  ASSERT_TRUE(world_.await(1s, [&] { return world_.outcome.has_value(); }));
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::timed_out);
  EXPECT_TRUE(world_.holds(east_));  // and goes on renewing until its process ends
}

TEST_F(MemberLeaveTest, WhilePausedNobodyElseTakesOverAndTheRegionMayComeBack) {
  world_.kill(sibling_);
  world_.set_paused(east_, true);
  world_.run(1s);
  leave_and_end(east_);
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  world_.run(5s);
  EXPECT_FALSE(world_.holds(west_));
  world_.start(east_, world_.disks[east_]);
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(east_); }));
}

TEST_F(MemberLeaveTest, WithNobodyToTakeOverThePromiseIsGivenBackAllTheSame) {
  world_.kill(sibling_);
  world_.member(west_).set_backends({false, 0});
  world_.run(1s);
  leave_and_end(east_);
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  EXPECT_FALSE(world_.holds(west_));
  world_.member(west_).set_backends({true, 1});
  EXPECT_TRUE(world_.await(2s, [&] { return world_.holds(west_); }));
}

TEST_F(MemberLeaveTest, OneThatLeavesDoesNotStandAndIsNoSuccessor) {
  leave_and_end(sibling_);
  world_.leave(west_, 2s);
  world_.run(500ms);
  world_.outcome.reset();
  world_.switchover(east_, "west", 1s);
  ASSERT_TRUE(world_.outcome.has_value());
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::not_possible);
  world_.kill(east_);
  world_.run(5s);
  EXPECT_FALSE(world_.holds(west_));
}

TEST_F(MemberLeaveTest, OtherServicesChangeNothingInTheVote) {
  world_.member(east_).show_topology(1, "sha256:other");
  world_.run(1s);
  EXPECT_FALSE(world_.member(west_).topology_match(east_));
  EXPECT_TRUE(world_.member(west_).links().quorum_match(east_));
  EXPECT_TRUE(world_.member(west_).topology_match(sibling_));
  world_.run(5s);
  EXPECT_EQ(world_.epoch(west_), Epoch{1});
  world_.switchover(east_, "west", 5s);
  ASSERT_TRUE(world_.await(5s, [&] { return world_.outcome.has_value(); }));
  EXPECT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
  world_.switchover(west_, "east", 5s);
  EXPECT_TRUE(world_.await(5s, [&] { return world_.holds(east_); }));
}

}  // namespace
}  // namespace regent
