#include "gateway/drill/fault_rules.h"

#include <gtest/gtest.h>

#include "gateway/drill/fault_order.h"
#include "topology/load.h"

namespace regent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// 2026-11-26 is a Thursday.
std::chrono::system_clock::time_point thursday(int hour, int minute = 0) {
  return std::chrono::system_clock::from_time_t(1795651200 + hour * 3600 + minute * 60);
}

constexpr const char* kThreeRegions = R"(
cluster: shop
regions:
  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  us-east: { priority: 9, gateways: { gw1: 10.0.1.10 }, nodes: { n1: 10.0.1.11 } }
  us-west: { gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
)";

// The three regions as their gateway us-east.gw1 sees them: all is well, us-east is primary.
class FaultRules : public ::testing::Test {
 protected:
  FaultRules() {
    status_.region = "us-east";
    status_.gateway = "gw1";
    status_.primary = "us-east";
    status_.lease_end = now_ + seconds(1);
    for (const TopologyRegion& region : topology_.regions) {
      RegionStatus shown;
      shown.name = region.name;
      shown.nodes = {{"n1", 1, true, true, 1, "us-east"}};
      status_.quorum.regions.push_back(shown);
      if (region.name == "us-east") continue;
      LinkStatus link;
      link.region = region.name;
      link.gateway = "gw1";
      link.state = "up";
      link.eligible = true;
      status_.links.push_back(link);
    }
    order_.length = seconds(10);
  }

  // The rule that refuses, "" when none does, and what it says.
  std::string rule() const { return refusal().rule; }
  FaultRefusal refusal() const {
    const FaultScene scene{status_, running_, aborted_, true, now_, wall_};
    return judge_faults(topology_, settings_, order_, scene).value_or(FaultRefusal{});
  }
  void cut(std::vector<std::string> regions) {
    order_.drop_to = regions;
    order_.drop_from = std::move(regions);
  }

  const Topology topology_ = parse_topology(kThreeRegions, "shop.yaml").topology;
  const Instant now_{seconds(100)};
  std::chrono::system_clock::time_point wall_ = thursday(12);
  GatewayStatus status_;
  FaultsStatus running_;
  std::string aborted_;
  FaultSettings settings_{true, std::nullopt};
  FaultOrder order_;
};

TEST_F(FaultRules, WhatWasEndedIsNotContinued) {
  cut({"eu"});
  order_.drill = "loss";
  order_.continues = true;
  EXPECT_EQ(refusal().rule, "ended");
  EXPECT_EQ(refusal().message, "drill loss is over: it does not run at this gateway");
  running_.last_end = "an operator ended it at us-east.gw1, from 10.0.0.5";
  EXPECT_EQ(refusal().message,
            "drill loss is over: an operator ended it at us-east.gw1, from 10.0.0.5");
  running_.running = true;
  running_.order.drill = "another";
  EXPECT_EQ(rule(), "ended");
  running_.order.drill = "loss";
  EXPECT_EQ(rule(), "");
  aborted_ = "us-west.gw1 ended it: 51 writes have failed";
  EXPECT_EQ(rule(), "aborted");
  running_ = {};
  EXPECT_EQ(rule(), "aborted") << "which says more";
  aborted_.clear();
  order_.continues = false;
  EXPECT_EQ(rule(), "") << "it begins anew";
}

TEST_F(FaultRules, OneRegionMayBeCutOff) {
  for (const char* region : {"eu", "us-west"}) {
    cut({region});
    EXPECT_EQ(rule(), "") << region;
  }
  cut({});
  order_.drill = "loss";
  EXPECT_EQ(rule(), "") << "an announcement";
}

TEST_F(FaultRules, ARegionMayCutItselfOffButCannotWatchTheQuorumThen) {
  cut({"eu", "us-west"});
  EXPECT_EQ(rule(), "");
  order_.min_margin = 0;
  EXPECT_EQ(rule(), "margin");
}

TEST_F(FaultRules, SomebodyMustBeLeftToTakeOver) {
  cut({"eu"});
  status_.links[1].eligible = false;  // us-west
  EXPECT_EQ(rule(), "spare_region");
  cut({"us-west"});
  EXPECT_EQ(rule(), "") << "eu is left";
  status_.links[0].eligible = false;
  EXPECT_EQ(rule(), "spare_region");
  cut({"eu", "us-west"});
  EXPECT_EQ(rule(), "spare_region") << "neither can take over from this region";
}

TEST_F(FaultRules, TheStatedMarginMustBeLeft) {
  cut({"eu"});
  order_.min_margin = 0;
  EXPECT_EQ(rule(), "");
  order_.min_margin = 1;
  EXPECT_EQ(rule(), "margin");
  cut({});
  order_.drop_redis = true;
  EXPECT_EQ(rule(), "") << "Redis does not vote";
  order_.drop_nodes = {"n1"};
  EXPECT_EQ(rule(), "margin") << "a node does";
}

TEST_F(FaultRules, NotDuringAnIncident) {
  cut({"eu"});
  const GatewayStatus well = status_;
  status_.quorum.regions[2].nodes[0].reachable = false;
  EXPECT_EQ(rule(), "incident") << "a node";
  for (const char* state : {"down", "one-way"}) {
    status_ = well;
    status_.links[1].state = state;
    EXPECT_EQ(rule(), "incident") << state;
  }
  status_ = well;
  status_.links[1].state = "slow";
  EXPECT_EQ(rule(), "") << "slow is not broken";
  status_.lease_end = now_;
  EXPECT_EQ(rule(), "incident") << "no primary";
  status_ = well;
  status_.pause.paused = true;
  EXPECT_EQ(rule(), "incident") << "paused";
}

TEST_F(FaultRules, ADrillThatWasLetInMayGoOn) {
  order_.drill = "loss";
  cut({"eu"});
  running_ = {true, true, order_, now_ + seconds(5), ""};
  status_.links[0].state = "down";
  status_.links[0].eligible = false;
  EXPECT_EQ(rule(), "");
  cut({"eu", "us-west"});
  status_.quorum.regions[2].nodes[0].reachable = false;
  EXPECT_EQ(rule(), "spare_region") << "the other rules still hold";
}

TEST_F(FaultRules, OneDrillAtATime) {
  cut({"eu"});
  running_ = {true, true, order_, now_ + seconds(5), ""};
  EXPECT_EQ(rule(), "") << "faults of no drill are replaced";
  order_.drill = "mine";
  EXPECT_EQ(rule(), "drill_running");
  running_ = {};
  status_.links[1].drill = "mine";
  EXPECT_EQ(rule(), "");
  status_.links[1].drill = "theirs";
  EXPECT_EQ(rule(), "drill_running");
}

// Faults of no drill may be ordered at one gateway after the other, too.
TEST_F(FaultRules, WhatGoesOnElsewhereIsNoIncident) {
  cut({"eu"});
  status_.links[0].state = "down";
  EXPECT_EQ(rule(), "incident");
  status_.links[1].drill = kNoDrill;
  EXPECT_EQ(rule(), "");
  status_.links[1].drill = "theirs";
  EXPECT_EQ(rule(), "drill_running");
}

TEST_F(FaultRules, NotAgainRightAfterARuleEndedIt) {
  order_.drill = "loss";
  cut({"eu"});
  aborted_ = "us-west.gw1 ended it: 51 writes have failed";
  EXPECT_EQ(rule(), "aborted");
}

TEST_F(FaultRules, ForTenMinutesAtMost) {
  cut({"eu"});
  order_.length = minutes(10);
  EXPECT_EQ(rule(), "");
  order_.length += std::chrono::milliseconds(1);
  EXPECT_EQ(rule(), "length");
}

TEST_F(FaultRules, WhoseProcessesAreTakenCountsAsLost) {
  order_.min_margin = 0;
  order_.stop = {"us-west/gw1"};
  EXPECT_EQ(rule(), "") << "the only gateway of its region; two regions are left";
  order_.min_margin = 1;
  EXPECT_EQ(rule(), "margin");
  order_.min_margin = 0;
  order_.pause = {"eu/n1"};
  EXPECT_EQ(rule(), "spare_region") << "one region has no gateway, one no node";
  order_.pause = {"eu/gw1"};
  EXPECT_EQ(rule(), "spare_region") << "two regions have no gateway";
  order_.stop = {};
  cut({"us-west"});
  EXPECT_EQ(rule(), "spare_region") << "one has no gateway, one is cut off";
  cut({});
  order_.pause = {"us-west/n1"};
  EXPECT_EQ(rule(), "");
  order_.min_margin = 1;
  EXPECT_EQ(rule(), "margin") << "its only node";
}

TEST_F(FaultRules, OnlyInTheWindow) {
  cut({"eu"});
  settings_.window = parse_fault_window("mon-fri 09:00-17:00").value();
  EXPECT_EQ(rule(), "");
  wall_ = thursday(17);
  EXPECT_EQ(rule(), "window");
}

TEST(FaultWindow, KnowsDaysAndMidnight) {
  const auto open = [](const std::string& text, int hour, int minute = 0) {
    return parse_fault_window(text).value().open_at(thursday(hour, minute));
  };
  EXPECT_TRUE(open("09:00-17:00", 9));
  EXPECT_TRUE(open("09:00-17:00", 16, 59));
  EXPECT_FALSE(open("09:00-17:00", 8, 59));
  EXPECT_FALSE(open("09:00-17:00", 17));
  EXPECT_TRUE(open("thu 00:00-24:00", 23, 59));
  EXPECT_FALSE(open("fri-wed 00:00-24:00", 12));
  EXPECT_TRUE(open("sat-thu 00:00-24:00", 12));
  EXPECT_TRUE(open("thu 22:00-04:00", 23));
  EXPECT_FALSE(open("thu 22:00-04:00", 3)) << "that is the night from Wednesday";
  EXPECT_TRUE(open("wed 22:00-04:00", 3));
  EXPECT_EQ(parse_fault_window("mon-fri 09:00-17:30").value().text(), "mon-fri 09:00-17:30 UTC");
  for (const char* bad : {"", "9-17", "09:00", "09:60-10:00", "25:00-26:00", "moon 09:00-17:00",
                          "24:00-02:00", "09:00-17:00 "}) {
    EXPECT_FALSE(parse_fault_window(bad).ok()) << bad;
  }
}

TEST(FaultOrder, IsReadFromJson) {
  const auto order = parse_fault_order(
      R"({"drop_to":["eu"],"drop_from":["eu","us-west"],"for":"10s","drill":"x-1",)"
      R"("min_margin":1,"delay_to":["eu"],"delay":"200ms","drop_redis":true,)"
      R"("no_primary_for":"15s","failed_writes":50,"continues":true})");
  ASSERT_TRUE(order.ok()) << order.error().message;
  EXPECT_EQ(order->drop_to, std::vector<std::string>{"eu"});
  EXPECT_EQ(order->drop_from.size(), 2U);
  EXPECT_EQ(order->length, seconds(10));
  EXPECT_EQ(order->delay, std::chrono::milliseconds(200));
  EXPECT_EQ(order->drill, "x-1");
  EXPECT_EQ(order->min_margin, 1U);
  EXPECT_EQ(order->abort.no_primary_for, seconds(15));
  EXPECT_EQ(order->abort.failed_writes, 50U);
  EXPECT_TRUE(order->drop_redis);
  EXPECT_TRUE(order->continues);
}

TEST(FaultOrder, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not a JSON object"},
      {R"({"drop_to":["eu"]})", "'for' is missing"},
      {R"({"for":"10s"})", "nothing to break"},
      {R"({"drop_to":["eu"],"for":10})", "must be a duration"},
      {R"({"drop_to":["eu"],"for":"0s"})", "not a duration"},
      {R"({"drop_to":"eu","for":"1s"})", "must be a list of names"},
      {R"({"drop_to":[1],"for":"1s"})", "must be a list of names"},
      {R"({"drop":["eu"],"for":"1s"})", "unknown key 'drop'"},
      {R"({"delay_to":["eu"],"for":"1s"})", "belong together"},
      {R"({"drop_redis":true,"for":"1s","min_margin":-1})", "0 or more"},
      {R"({"drop_redis":true,"for":"1s","failed_writes":-1})",
       "'failed_writes' must be a whole number, 0 or more"},
      {R"({"drop_redis":true,"for":"1s","failed_writes":"5"})", "'failed_writes' must be"},
      {R"({"drop_redis":true,"for":"1s","no_primary_for":5})",
       "'no_primary_for' must be a duration"},
      {R"({"drop_redis":true,"for":"1s","no_primary_for":"11m"})", "is at most 600s"},
      {R"({"drop_redis":true,"for":"1s","drill":"two words"})", "must be a word"},
      {R"({"drop_redis":1,"for":"1s"})", "'drop_redis' must be true or false"},
      {R"({"drop_redis":true,"for":"1s","continues":"x"})", "'continues' must be true or false"},
  };
  for (const auto& [body, problem] : cases) {
    const auto order = parse_fault_order(body);
    ASSERT_FALSE(order.ok()) << body;
    EXPECT_NE(order.error().message.find(problem), std::string::npos) << order.error().message;
  }
}

}  // namespace
}  // namespace regent
