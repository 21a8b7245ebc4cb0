#include "gateway/cli/drill_rehearsal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "topology/load.h"

namespace regent::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTopology = R"(
cluster: shop
version: 1
quorum: hierarchical
timing: { heartbeat: 250ms, lease: 1500ms, clock_drift_ppm: 1000 }
regions:
  east:
    priority: 3
    gateways: { gw1: 10.0.1.10 }
    nodes: { n1: 10.0.1.11, n2: 10.0.1.12, n3: 10.0.1.13 }
  west:
    priority: 2
    gateways: { gw1: 10.0.2.10 }
    nodes: { n1: 10.0.2.11, n2: 10.0.2.12, n3: 10.0.2.13 }
  eu:
    priority: 1
    gateways: { gw1: 10.0.3.10 }
    nodes: { n1: 10.0.3.11, n2: 10.0.3.12, n3: 10.0.3.13 }
services:
  orders:
    port: 8080
    hold: 5s
    backends: { east: [10.0.1.21:9000], west: [10.0.2.21:9000], eu: [10.0.3.21:9000] }
)";

class DrillRehearsalTest : public ::testing::Test {
 protected:
  DrillRehearsalTest() {
    LoadedTopology loaded = parse_topology(kTopology, "shop.yaml");
    for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
    topology_ = std::move(loaded.topology);
    settings_.runs = 60;
    settings_.round_trips = RoundTrips::unknown(topology_);
    EXPECT_TRUE(settings_.round_trips.set(topology_, "10ms").ok());
  }
  Drill drill(const std::string& text) const {
    LoadedDrill loaded = parse_drill("name: test\n" + text, "test.yaml", &topology_);
    for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
    return loaded.drill;
  }
  RehearsedFigures rehearse(const std::string& text) const {
    return rehearse_drill(drill(text), topology_, settings_);
  }

  Topology topology_;
  RehearsalSettings settings_;
};

TEST_F(DrillRehearsalTest, ALostPrimaryIsReplacedWithinALeaseAndAVote) {
  const auto figures = rehearse(
      "steps: [ isolate: $primary, await_primary: { not: $primary, within: 5s }, wait: 2s ]\n"
      "expect: { gap: 2s, failed_writes: 0, minority_refuses: true }");
  EXPECT_EQ(figures.runs, 60U);
  EXPECT_TRUE(figures.failed.empty()) << figures.failed.front().second;
  ASSERT_EQ(figures.failover.count(), 60U) << "every run has one";
  EXPECT_GT(figures.failover.min(), 1.1) << "most of a lease had to run out";
  EXPECT_LT(figures.failover.max(), 2.5);
  EXPECT_LT(figures.gap.max(), figures.failover.min())
      << "the old primary took writes while its lease ran";
}

TEST_F(DrillRehearsalTest, ExpectationsThatAreNotMetFailTheRun) {
  const auto late = rehearse(
      "steps: [ isolate: $primary, await_primary: { not: $primary, within: 1s } ]");
  EXPECT_EQ(late.failed.size(), late.runs) << "no lease runs out so soon";
  EXPECT_NE(late.failed.front().second.find("it did not come"), std::string::npos);
  const auto gap = rehearse("steps: [ wait: 1s ]\nexpect: { gap: 1ms }");
  EXPECT_EQ(gap.failed.size(), gap.runs);
  // Both lose their quorum, so nobody takes writes for longer than they are held.
  const auto dark = rehearse(
      "steps: [ isolate: $standby, isolate: $other, wait: 8s, heal: all ]\n"
      "expect: { gap: 5s, failed_writes: 0 }");
  EXPECT_EQ(dark.failed.size(), dark.runs);
  EXPECT_NE(dark.failed.front().second.find("failed writes"), std::string::npos)
      << dark.failed.front().second;
}

TEST_F(DrillRehearsalTest, ARunThatTakesLongerThanItsMaxLengthFails) {
  const std::string steps =
      "steps: [ isolate: $primary, await_primary: { not: $primary, within: 5s }, wait: 1s ]";
  EXPECT_TRUE(rehearse(steps + "\nmax_length: 5s").failed.empty());
  const auto late = rehearse(steps + "\nmax_length: 2s");
  ASSERT_EQ(late.failed.size(), late.runs) << "a lease and a vote take more than a second";
  EXPECT_NE(late.failed.front().second.find("max_length"), std::string::npos);
}

TEST_F(DrillRehearsalTest, ASeedGivesTheSameRunInAnyThread) {
  const std::string text =
      "steps: [ switchover: $standby, wait: 1s, cut: { from: $standby, to: $other }, wait: 2s ]";
  const auto one = rehearse(text);
  settings_.threads = 4;
  const auto four = rehearse(text);
  for (const double share : {0.0, 0.3, 0.5, 0.9, 1.0}) {
    EXPECT_EQ(one.failover.at(share), four.failover.at(share));
    EXPECT_EQ(one.gap.at(share), four.gap.at(share));
  }
  settings_.first_seed = one.failover.seed_of_max();
  const TracedRun run = trace_rehearsal(drill(text), topology_, settings_);
  EXPECT_EQ(judge_drill(run.record).phases.first_write, one.failover.max());
  EXPECT_TRUE(std::ranges::any_of(run.trace, [](const std::string& line) {
    return line.find("is told to switch over to") != std::string::npos;
  }));
}

TEST_F(DrillRehearsalTest, NothingOvertakesOnALink) {
  // Or else a successor might be told to stand before nodes hear that they are free.
  settings_.runs = 300;
  settings_.round_trips = RoundTrips::unknown(topology_);  // drawn for each run
  const auto figures =
      rehearse("steps: [ switchover: $standby, wait: 1s ]\nexpect: { gap: 500ms }");
  EXPECT_TRUE(figures.failed.empty()) << figures.failed.front().second;
  EXPECT_LT(figures.failover.max(), 0.4) << "a few round trips, and no pause of a loser";
}

TEST_F(DrillRehearsalTest, BothEndsOfACutHoldTheirWritesUntilItHeals) {
  settings_.runs = 1;
  const auto failures = [&](const std::string& cut, const std::string& span) {
    const TracedRun run = trace_rehearsal(
        drill("steps: [ cut: {" + cut + ", both: true }, wait: " + span + " ]"), topology_,
        settings_);
    std::vector<ProbeAnswer> failed;
    std::ranges::copy_if(run.record.probes, std::back_inserter(failed),
                         [](const ProbeAnswer& probe) { return !probe.acknowledged(); });
    return failed;
  };
  const std::string by_primary = "from: $primary, to: $standby";
  EXPECT_TRUE(failures("from: $standby, to: $primary", "4s").empty()) << "who makes the cut";
  EXPECT_TRUE(failures(by_primary, "4s").empty()) << "who is refused by the other end";
  const auto failed = failures(by_primary, "8s");
  EXPECT_GE(failed.size(), 1U) << "the service holds none for longer than 5 s";
  for (const ProbeAnswer& probe : failed) {
    EXPECT_EQ(probe.region, "west");
    EXPECT_GE(probe.answered - probe.sent, 5);
    EXPECT_EQ(probe.code, probe.unknown ? 502 : 503);
  }
  EXPECT_LE(std::ranges::count_if(failed, &ProbeAnswer::unknown), 1)
      << "at most the one that was on its way when the cut was made";
}

TEST_F(DrillRehearsalTest, BeginsWithTheGivenPrimary) {
  settings_.primary = *topology_.find_region("eu");
  settings_.runs = 1;
  const TracedRun run = trace_rehearsal(
      drill("steps: [ isolate: $primary, await_primary: { not: $primary, within: 5s } ]"),
      topology_, settings_);
  EXPECT_EQ(run.record.events.front().text, "isolate eu");
  EXPECT_TRUE(judge_drill(run.record).passed);
  const Isolation& cut_off = run.record.isolations.front();
  EXPECT_NEAR(cut_off.from, 1, 0.01) << "after the lead-in";
  EXPECT_GT(cut_off.until, cut_off.from + 1.1) << "until everything was healed";
  EXPECT_LT(cut_off.until, run.record.length - 0.5);
}

TEST_F(DrillRehearsalTest, NamesTheDistances) {
  EXPECT_EQ(round_trips_text(topology_, settings_.round_trips),
            "east~eu 10.0 ms, east~west 10.0 ms, eu~west 10.0 ms");
}

}  // namespace
}  // namespace regent::cli
