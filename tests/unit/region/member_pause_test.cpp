#include <gtest/gtest.h>

#include "member_world.h"

namespace regent {
namespace {

using namespace std::chrono_literals;
using test::World;

constexpr auto kManyLeases = 15s;

class MemberPauseTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.await(5s, [&] { return world_.holds(east_) && world_.holds(sibling_); }));
    world_.run(1s);
  }
  // Makes west primary in epoch 2.
  void switch_to_west() {
    world_.outcome.reset();
    world_.switchover(east_, "west", 10s);
    ASSERT_TRUE(world_.await(5s, [&] { return world_.outcome.has_value(); }));
    ASSERT_EQ(world_.outcome->outcome, SwitchoverOutcome::done) << world_.outcome->message;
    EXPECT_LT(world_.outcome->gap, 100ms) << "the one that is named stands at once";
    world_.run(1s);
    ASSERT_TRUE(world_.holds(west_));
  }
  void pause_at(GatewayId gateway) {
    world_.set_paused(gateway, true);
    world_.run(10ms);
  }
  void expect_none_in(std::initializer_list<GatewayId> gateways, Duration span) {
    EXPECT_FALSE(world_.await(span, [&] {
      return std::any_of(gateways.begin(), gateways.end(),
                         [&](GatewayId id) { return world_.holds(id); });
    }));
  }

  World world_;
  const GatewayId east_ = world_.gateway("east");
  const GatewayId sibling_ = world_.gateway("east", "gw2");
  const GatewayId west_ = world_.gateway("west");
  const GatewayId witness_ = world_.gateway("wit");
};

TEST_F(MemberPauseTest, SpreadsAtOnce) {
  world_.set_paused(witness_, true);
  world_.run(3ms);  // far less than a heartbeat
  for (const GatewayId id : {east_, sibling_, west_, witness_}) {
    EXPECT_EQ(world_.member(id).pause().pause, (Pause{1, true})) << id.value;
    EXPECT_EQ(world_.disks[id].pause, (Pause{1, true})) << id.value;
    EXPECT_EQ(world_.disks[id].last_reign, (Reign{Epoch{1}, false, world_.region("east")}));
  }
  world_.set_paused(west_, false);
  world_.run(3ms);
  for (const GatewayId id : {east_, sibling_, west_, witness_}) {
    EXPECT_EQ(world_.member(id).pause().pause, (Pause{2, false})) << id.value;
  }
}

TEST_F(MemberPauseTest, NoOtherRegionTakesOverUntilResumed) {
  pause_at(west_);
  world_.run(3s);
  EXPECT_TRUE(world_.holds(east_)) << "renewing goes on";
  world_.cut(world_.region("east"));
  expect_none_in({west_}, kManyLeases);
  EXPECT_FALSE(world_.holds(east_));
  world_.set_paused(witness_, false);
  EXPECT_TRUE(world_.await(2s, [&] { return world_.holds(west_); }));
}

TEST_F(MemberPauseTest, TheOldPrimaryReignsAgainWhenItComesBack) {
  pause_at(west_);
  world_.kill(east_);
  world_.kill(sibling_);
  expect_none_in({west_}, kManyLeases);
  world_.start(east_);
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(east_); }));
  world_.cut(world_.region("east"));
  expect_none_in({west_}, kManyLeases);
  world_.heal();
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(east_); }));
}

TEST_F(MemberPauseTest, ASwitchoverWorksAndMovesWhatIsHeld) {
  pause_at(east_);
  switch_to_west();
  world_.cut(world_.region("west"));
  expect_none_in({east_, sibling_}, kManyLeases);
  world_.heal();
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(west_); }));
  EXPECT_TRUE(world_.member(west_).paused());
}

TEST_F(MemberPauseTest, ANamedSuccessorThatFailsAtFirstKeepsTrying) {
  pause_at(east_);
  world_.switchover(east_, "west", 1s);
  ASSERT_TRUE(world_.await(
      1s, [&] { return world_.member(west_).pause().last_reign.region == world_.region("west"); }));
  world_.cut(world_.region("west"));  // its first ask has left, the answers do not come
  expect_none_in({east_, sibling_}, kManyLeases);
  world_.heal();
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(west_); }));
  EXPECT_FALSE(world_.holds(east_));
}

TEST_F(MemberPauseTest, WhoHandedOverDoesNotComeBackByItself) {
  pause_at(east_);
  world_.cut(world_.region("wit"));  // only east and west know of the hand-over
  world_.switchover(east_, "west", 1s);
  const auto knows = [&](GatewayId id) {
    return world_.member(id).pause().last_reign.region == world_.region("west");
  };
  ASSERT_TRUE(world_.await(1s, [&] { return knows(east_) || knows(west_); }));
  EXPECT_TRUE(knows(east_)) << "not only by hearing of it";
  ASSERT_TRUE(world_.await(1s, [&] { return knows(west_); }));
  world_.heal();
  world_.cut(world_.region("west"));
  expect_none_in({east_, sibling_}, kManyLeases);
}

TEST_F(MemberPauseTest, SurvivesARestartOfAllGateways) {
  switch_to_west();
  pause_at(west_);
  for (const GatewayId id : {east_, sibling_, west_, witness_}) world_.kill(id);
  world_.cut(world_.region("west"));
  for (const GatewayId id : {east_, sibling_, west_, witness_}) {
    world_.start(id, world_.disks[id]);
  }
  expect_none_in({east_, sibling_}, kManyLeases);
  world_.heal();
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(west_); }));
}

TEST_F(MemberPauseTest, AGatewayThatWasDownLearnsOfItBeforeItStands) {
  switch_to_west();
  world_.kill(east_);
  world_.kill(sibling_);
  pause_at(witness_);
  world_.cut(world_.region("west"));
  world_.run(5s);
  world_.start(east_);  // the best in rank, and enough nodes are free
  expect_none_in({east_}, kManyLeases);
  EXPECT_EQ(world_.member(east_).pause().pause, (Pause{1, true}));
}

TEST_F(MemberPauseTest, TheNodesRememberAReignThatNoGatewayKnows) {
  switch_to_west();
  for (const GatewayId id : {east_, sibling_, west_, witness_}) world_.kill(id);
  world_.cut(world_.region("west"));
  world_.start(witness_);
  pause_at(witness_);
  world_.start(east_);
  expect_none_in({east_}, kManyLeases);
  EXPECT_FALSE(world_.member(east_).pause().last_reign.known());
  world_.heal();
  world_.start(west_);
  EXPECT_TRUE(world_.await(3s, [&] { return world_.holds(west_); }));
}

// A lost candidacy leaves votes behind that look like a reign.
TEST_F(MemberPauseTest, TheLastReignIsKnownFromTheDisk) {
  pause_at(west_);
  for (const GatewayId id : {east_, sibling_, west_, witness_}) world_.kill(id);
  world_.run(5s);
  world_.vote("wit", "west", Epoch{5});
  world_.cut(world_.region("east"));
  for (const GatewayId id : {west_, witness_}) world_.start(id, world_.disks[id]);
  expect_none_in({west_}, kManyLeases);
}

TEST_F(MemberPauseTest, TheLastReignIsKnownFromOtherGateways) {
  pause_at(west_);
  for (const GatewayId id : {east_, sibling_, west_}) world_.kill(id);
  world_.run(5s);
  world_.vote("wit", "west", Epoch{5});
  world_.start(west_);
  expect_none_in({west_}, kManyLeases);
}

TEST_F(MemberPauseTest, AfterAHealTheHigherVersionCounts) {
  pause_at(east_);
  world_.cut(world_.region("west"));
  world_.set_paused(east_, false);
  world_.set_paused(west_, false);
  world_.set_paused(west_, true);
  world_.run(1s);
  EXPECT_FALSE(world_.member(east_).paused());
  world_.heal();
  world_.run(1s);
  for (const GatewayId id : {east_, sibling_, west_, witness_}) {
    EXPECT_EQ(world_.member(id).pause().pause, (Pause{3, true})) << id.value;
  }
}

TEST_F(MemberPauseTest, OfTwoOrdersAtOncePausingWins) {
  world_.set_paused(east_, true);
  world_.set_paused(west_, false);
  world_.run(10ms);
  for (const GatewayId id : {east_, sibling_, west_, witness_}) {
    EXPECT_EQ(world_.member(id).pause().pause, (Pause{1, true})) << id.value;
  }
}

TEST_F(MemberPauseTest, AnOrderThatCameTooLateChangesNothing) {
  Member& member = world_.member(east_);
  const Pause stale = member.pause().ordered(false);
  pause_at(east_);
  Outbox out;
  EXPECT_FALSE(member.adopt_pause(stale, world_.now(), out));
  EXPECT_FALSE(out.pause_changed);
  EXPECT_TRUE(member.paused());
}

TEST(MemberPauseStartTest, TheFirstPrimaryEverMayBeElected) {
  World world;
  world.set_paused(world.gateway("west"), true);
  EXPECT_TRUE(world.await(5s, [&] { return world.holds(world.gateway("east")); }));
  EXPECT_TRUE(world.member(world.gateway("east")).paused());
}

TEST(MemberPauseStartTest, NoFailbackByItself) {
  World world(std::string(test::kTopology) + "failback: { policy: automatic, hold_down: 1s }\n");
  const GatewayId east = world.gateway("east");
  const GatewayId west = world.gateway("west");
  ASSERT_TRUE(world.await(5s, [&] { return world.holds(east); }));
  world.run(1s);
  world.set_paused(east, true);
  world.run(100ms);
  world.switchover(east, "west", 10s);
  ASSERT_TRUE(world.await(5s, [&] { return world.holds(west); }));
  world.run(kManyLeases);
  EXPECT_TRUE(world.holds(west));
  world.set_paused(west, false);
  EXPECT_TRUE(world.await(5s, [&] { return world.holds(east); }));
}

}  // namespace
}  // namespace regent
