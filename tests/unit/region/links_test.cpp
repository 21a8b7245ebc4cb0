#include "region/links.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBeat = 250ms;
const GatewayId kA{0};
const GatewayId kB{1};

// Two gateways and the ways between them, each of which can be cut and has a delay.
class LinksTest : public testing::Test {
 protected:
  // Runs heartbeats of both sides for a while.
  void run(Duration span, bool a_to_b, bool b_to_a) {
    const Instant end = now_ + span;
    while (now_ < end) {
      now_ += kBeat;
      Heartbeat of_a;
      Heartbeat of_b;
      a_.stamp(kB, of_a, now_);
      b_.stamp(kA, of_b, now_);
      if (a_to_b) b_.heard(kA, of_a, now_ + delay_);
      if (b_to_a) a_.heard(kB, of_b, now_ + delay_);
    }
  }

  LinkState seen_by_a() const { return a_.state(kB, now_ + delay_); }
  LinkState seen_by_b() const { return b_.state(kA, now_ + delay_); }

  Instant now_{100s};
  Duration delay_ = 10ms;
  Links a_{2, kA, kBeat, DriftBound{1000}, "h"};
  Links b_{2, kB, kBeat, DriftBound{1000}, "h"};
};

TEST_F(LinksTest, IsDownBeforeTheFirstWord) {
  EXPECT_EQ(seen_by_a(), LinkState::down);
  EXPECT_TRUE(a_.suspect(kB, now_));
}

TEST_F(LinksTest, IsUpWhileBothHearEachOther) {
  run(2s, true, true);
  EXPECT_EQ(seen_by_a(), LinkState::up);
  EXPECT_EQ(seen_by_b(), LinkState::up);
  ASSERT_TRUE(a_.round_trip(kB).has_value());
  // Both ways of 10 ms; what the peer held our word for is taken off, up to the drift.
  EXPECT_NEAR(std::chrono::duration<double>(*a_.round_trip(kB)).count(), 0.020, 0.001);
}

TEST_F(LinksTest, GoesDownThroughSlowWhenSilent) {
  run(3s, true, true);
  now_ += 2 * kBeat + 1ms;
  EXPECT_EQ(a_.state(kB, now_ + delay_), LinkState::slow);
  EXPECT_TRUE(a_.suspect(kB, now_ + delay_));
  now_ += 2 * kBeat;
  EXPECT_EQ(seen_by_a(), LinkState::down);
}

TEST_F(LinksTest, HearingWithoutBeingHeardIsOneWay) {
  run(3s, true, true);
  run(2s, false, true);
  EXPECT_EQ(seen_by_a(), LinkState::one_way);
  EXPECT_EQ(seen_by_b(), LinkState::down);
  run(1s, true, true);
  EXPECT_EQ(seen_by_a(), LinkState::up);
  EXPECT_EQ(seen_by_b(), LinkState::up);
}

TEST_F(LinksTest, APeerJustStartedIsNotOneWay) {
  run(5s, false, false);
  run(kBeat, true, true);
  EXPECT_EQ(seen_by_a(), LinkState::up);
}

TEST_F(LinksTest, IgnoresRepeatedAndLateHeartbeats) {
  run(1s, true, true);
  Heartbeat old;
  old.sequence = 1;
  EXPECT_FALSE(a_.heard(kB, old, now_ + 10s));
  Heartbeat reborn;
  reborn.sequence = 1;
  reborn.incarnation = Incarnation{7};
  EXPECT_TRUE(a_.heard(kB, reborn, now_ + 10s));
}

TEST_F(LinksTest, KnowsTheLeaseNeverLongerThanItRuns) {
  run(1s, true, true);
  now_ += kBeat;
  Heartbeat heartbeat;
  heartbeat.lease_left = 1s;
  b_.stamp(kA, heartbeat, now_);
  a_.heard(kB, heartbeat, now_ + delay_);
  const Instant truly_ends = now_ + 1s;  // b's clock is a's clock here
  EXPECT_LE(a_.lease_until(kB), truly_ends);
  EXPECT_GE(a_.lease_until(kB), truly_ends - delay_ - 5ms);
}

TEST_F(LinksTest, DoesNotBelieveAnEchoOfWhatWasNeverSent) {
  Heartbeat heartbeat;
  heartbeat.sequence = 1;
  heartbeat.heard_sequence = 99;
  heartbeat.lease_left = 1h;
  ASSERT_TRUE(a_.heard(kB, heartbeat, now_));
  EXPECT_EQ(a_.lease_until(kB), Instant::min());
}

TEST_F(LinksTest, ReportsEachChangeAndSuspicionOnce) {
  run(1s, true, true);
  const Links::Report up = a_.report(now_ + delay_);
  ASSERT_EQ(up.changes.size(), 1u);
  EXPECT_EQ(up.changes[0].to, LinkState::up);
  EXPECT_TRUE(a_.report(now_ + delay_).changes.empty());
  now_ += 3 * kBeat;
  EXPECT_TRUE(a_.report(now_).newly_suspect);
  EXPECT_FALSE(a_.report(now_).newly_suspect);
}

TEST_F(LinksTest, TellsPeersOfAnotherTopologyApart) {
  Heartbeat heartbeat;
  heartbeat.sequence = 1;
  heartbeat.quorum_hash = "h";
  a_.heard(kB, heartbeat, now_);
  EXPECT_TRUE(a_.quorum_match(kB));
  heartbeat.sequence = 2;
  heartbeat.quorum_hash = "other";
  a_.heard(kB, heartbeat, now_);
  EXPECT_FALSE(a_.quorum_match(kB));
}

TEST_F(LinksTest, AnOutageIsNoHabit) {
  run(20 * kBeat, true, true);
  now_ += 10s;
  run(10 * kBeat, true, true);
  EXPECT_EQ(seen_by_a(), LinkState::up);
  now_ += 8 * kBeat;
  EXPECT_EQ(seen_by_a(), LinkState::down);
}

TEST_F(LinksTest, ReportsWhatChangesBySilenceAlone) {
  run(20 * kBeat, true, true);
  EXPECT_EQ(a_.report(now_ + delay_).changes.size(), 1U);  // up
  EXPECT_TRUE(a_.report(now_ + delay_ + kBeat).changes.empty());
  const Links::Report slow = a_.report(now_ + delay_ + 2 * kBeat + 1ms);
  ASSERT_EQ(slow.changes.size(), 1U);
  EXPECT_EQ(slow.changes[0].to, LinkState::slow);
  EXPECT_TRUE(slow.newly_suspect);
  const Links::Report down = a_.report(now_ + delay_ + 5 * kBeat);
  ASSERT_EQ(down.changes.size(), 1U);
  EXPECT_EQ(down.changes[0].to, LinkState::down);
  EXPECT_FALSE(down.newly_suspect);
}

TEST(PhiEstimateTest, IsPatientWithTheUnsteadyOnly) {
  PhiEstimate steady(kBeat);
  PhiEstimate unsteady(kBeat);
  for (int i = 0; i < 64; ++i) {
    steady.heard_after(kBeat);
    unsteady.heard_after(i % 2 == 0 ? kBeat / 5 : kBeat * 3);
  }
  EXPECT_EQ(steady.patience(), PhiEstimate::kMostBeats * kBeat);
  EXPECT_GT(unsteady.patience(), 8 * kBeat);
}

}  // namespace
}  // namespace regent
