#include "topology/timing_advice.h"

#include <gtest/gtest.h>

#include "topology/load.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

Topology parsed(const std::string& timing) {
  LoadedTopology loaded = parse_topology(
      "cluster: c\n" + timing +
          "regions:\n"
          "  a: { priority: 9, gateways: { g: a0 }, nodes: { n1: a1 } }\n"
          "  b: { priority: 8, gateways: { g: b0 }, nodes: { n1: b1 } }\n"
          "  c: { priority: 7, gateways: { g: c0 }, nodes: { n1: c1 } }\n",
      "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

RoundTrips trips_of(const Topology& topology, const std::vector<std::string>& words) {
  RoundTrips trips = RoundTrips::unknown(topology);
  for (const std::string& word : words) EXPECT_TRUE(trips.set(topology, word)) << word;
  trips.assume_longest();
  return trips;
}

std::vector<std::string> problems(const std::string& timing,
                                  const std::vector<std::string>& words) {
  const Topology topology = parsed(timing);
  std::vector<std::string> out;
  for (const TimingProblem& problem : timing_advice(topology, trips_of(topology, words)).problems) {
    out.push_back(problem.path);
  }
  return out;
}

TEST(Timing, TheNearestThatAreEnoughDecide) {
  const Topology topology = parsed("");
  const RoundTrips trips = trips_of(topology, {"a~b=60ms", "a~c=80ms", "b~c=140ms"});
  const RegionId a{0};
  const RegionId b{1};
  const RegionId c{2};
  EXPECT_EQ(winning_round_trip(topology, trips, a, kNoRegion), milliseconds(60));
  EXPECT_EQ(winning_round_trip(topology, trips, a, b), milliseconds(80));
  EXPECT_EQ(winning_round_trip(topology, trips, c, kNoRegion), milliseconds(80));
  EXPECT_EQ(winning_round_trip(topology, trips, c, a), milliseconds(140));
  const TimingAdvice advice = timing_advice(topology, trips);
  EXPECT_EQ(advice.longest_to_win, milliseconds(140));
  EXPECT_EQ(advice.longest, milliseconds(140));
}

// Lease 1500 ms and a drift of 1000 ppm: promises of 1503.003… ms.
TEST(Timing, AFailoverWaitsForThePromise) {
  const Topology topology = parsed("timing: { lease: 1500ms }\n");
  const auto ms = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  const FailoverTime near =
      failover_time(topology, topology.timing, RoundTrips::unknown(topology), RegionId{0});
  EXPECT_EQ(near.successor, RegionId{1});
  EXPECT_NEAR(ms(near.least), 1203, 0.01);
  EXPECT_NEAR(ms(near.typical), 1378, 0.01);
  EXPECT_NEAR(ms(near.most), 1553, 0.01);
  // b needs c, 100 ms away: two and a half round trips of it, and half of a's own to b.
  const RoundTrips trips = trips_of(topology, {"a~b=40ms", "b~c=100ms", "a~c=90ms"});
  const FailoverTime far = failover_time(topology, topology.timing, trips, RegionId{0});
  EXPECT_NEAR(ms(far.least), 1203 + 250 + 20, 0.01);
}

TEST(Timing, NobodyFollowsWithoutAQuorum) {
  const LoadedTopology loaded = parse_topology(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { gateways: { g: b0 }, nodes: { n1: b1 } }\n",
      "t.yaml");
  const Topology& topology = loaded.topology;
  const FailoverTime failover =
      failover_time(topology, topology.timing, RoundTrips::unknown(topology), RegionId{0});
  EXPECT_EQ(failover.successor, kNoRegion);
}

TEST(Timing, SettingsThatDoNotSuitAreNamed) {
  using Paths = std::vector<std::string>;
  const std::string usual = "timing: { lease: 1500ms, heartbeat: 250ms }\n";
  EXPECT_EQ(problems(usual, {}), Paths{});
  EXPECT_EQ(problems(usual, {"100ms"}), Paths{});
  // A window of 375 ms and a round trip that is as long.
  EXPECT_EQ(problems(usual, {"374ms"}), Paths{});
  EXPECT_EQ(problems(usual, {"375ms"}), Paths{"timing.election_window"});
  EXPECT_EQ(problems("timing: { lease: 400ms, heartbeat: 100ms, election_window: 200ms }\n",
                     {"39ms"}),
            Paths{});
  EXPECT_EQ(problems("timing: { lease: 400ms, heartbeat: 100ms, election_window: 200ms }\n",
                     {"41ms"}),
            Paths{"timing.lease"});
  EXPECT_EQ(problems("timing: { lease: 1s, heartbeat: 50ms }\n", {"10ms"}),
            Paths{"timing.heartbeat"});
  EXPECT_EQ(problems("timing: { lease: 10s, heartbeat: 250ms }\n", {"10ms"}),
            Paths{"timing.lease"});
}

// Whatever the distance, what is proposed has no problem itself, and its file is valid.
TEST(Timing, WhatIsProposedSuits) {
  for (const int trip : {1, 10, 80, 150, 300, 700, 3000}) {
    const std::string word = std::to_string(trip) + "ms";
    const Topology topology = parsed("timing: { lease: 1s, heartbeat: 100ms }\n");
    const Timing better = timing_advice(topology, trips_of(topology, {word})).better;
    const auto text = [](Duration duration) {
      return std::to_string(std::chrono::ceil<milliseconds>(duration).count()) + "ms";
    };
    const std::string timing = "timing: { lease: " + text(better.lease) +
                               ", heartbeat: " + text(better.heartbeat) + " }\n";
    EXPECT_EQ(problems(timing, {word}), std::vector<std::string>{}) << timing << word;
  }
}

TEST(RoundTripWords, AreReadAndChecked) {
  const Topology topology = parsed("");
  RoundTrips trips = RoundTrips::unknown(topology);
  const auto problem = [&](const std::string& word) {
    const Status status = trips.set(topology, word);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(problem("a~b=1.5ms"), "");
  EXPECT_EQ(trips.between[1][0], std::chrono::microseconds(1500));
  EXPECT_EQ(problem("2s"), "");
  EXPECT_EQ(trips.between[0][1], std::chrono::seconds(2));
  EXPECT_EQ(problem("a=1ms"), "'a=1ms': write DURATION or REGION~REGION=DURATION");
  EXPECT_EQ(problem("a~x=1ms"), "'a~x=1ms': these are not two regions of the topology");
  EXPECT_EQ(problem("a~a=1ms"), "'a~a=1ms': these are not two regions of the topology");
  for (const char* word : {"80", "-1ms", "ms", "61s", "a~b=", "nanms", ""}) {
    EXPECT_NE(problem(word).find("a round trip is a duration"), std::string::npos) << word;
  }
}

TEST(RoundTripWords, AreReadInAnyOrder) {
  const Topology topology = parsed("");
  for (const auto& words : {std::vector<std::string>{"2s", "a~b=1ms"}, {"a~b=1ms", "2s"}}) {
    RoundTrips trips = RoundTrips::unknown(topology);
    EXPECT_TRUE(trips.set(topology, words));
    EXPECT_EQ(trips.between[0][1], milliseconds(1));
    EXPECT_EQ(trips.between[0][2], std::chrono::seconds(2));
  }
}

}  // namespace
}  // namespace regent
