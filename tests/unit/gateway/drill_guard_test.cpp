#include "gateway/drill/drill_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "gateway/drill/drill_plan.h"
#include "gateway/drill/gateway_faults.h"
#include "topology/load.h"

namespace regent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kThreeRegions = R"(
cluster: shop
timing: { heartbeat: 250ms, lease: 1500ms }
regions:
  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  us-east: { priority: 9, gateways: { gw1: 10.0.1.10 }, nodes: { n1: 10.0.1.11 } }
  us-west: { gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
)";
constexpr Duration kStep = milliseconds(50);

// Three gateways that say to each other what they have to say; us-east serves.
class DrillGuardTest : public ::testing::Test {
 protected:
  struct Gateway {
    std::unique_ptr<GatewayFaults> faults;
    GatewayStatus status{};
    bool silent = false;  // nothing reaches it or comes from it
    bool frozen = false;
  };

  DrillGuardTest() {
    for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
      const RegionId region = topology_.gateway(GatewayId{i}).region;
      gateways_.emplace(topology_.region_name(region), Gateway{fresh(GatewayId{i})});
    }
  }
  std::unique_ptr<GatewayFaults> fresh(GatewayId self) const {
    return std::make_unique<GatewayFaults>(topology_, self, FaultSettings{true, std::nullopt});
  }

  Gateway& at(const std::string& region) { return gateways_.at(region); }
  bool runs(const std::string& region) { return at(region).faults->status().running; }
  std::string end(const std::string& region) { return at(region).faults->status().last_end; }
  std::ptrdiff_t running() const {
    return std::ranges::count_if(
        gateways_, [](const auto& each) { return each.second.faults->status().running; });
  }

  void renew(const std::string& region, Gateway& gateway) {
    const std::uint64_t failed = gateway.status.failed_writes;
    const RegionId own = *topology_.find_region(region);
    gateway.status = healthy_status(topology_, topology_.region(own).gateways.front(), own, now_);
    gateway.status.quorum.margin = margin_;
    gateway.status.serving = region == serving_;
    gateway.status.failed_writes = failed;
  }

  FaultReply order(const std::string& region, const FaultOrder& order) {
    Gateway& gateway = at(region);
    renew(region, gateway);
    return gateway.faults->order(order, {.status = gateway.status,
                                         .running = {},
                                         .aborted = {},
                                         .self_eligible = true,
                                         .now = now_,
                                         .wall_now = {}});
  }
  void announce(const FaultOrder& given) {
    for (const auto& [region, gateway] : gateways_) {
      const FaultReply reply = order(region, given);
      ASSERT_EQ(reply.outcome, FaultReply::Kind::done) << reply.message;
    }
  }
  FaultOrder drill(DrillAborts abort, const std::string& name = "loss") {
    FaultOrder order;
    order.drill = name;
    order.length = std::chrono::minutes(5);
    order.abort = abort;
    return order;
  }
  FaultOrder cut(FaultOrder order, std::vector<std::string> regions) {
    order.drop_to = regions;
    order.drop_from = std::move(regions);
    return order;
  }

  void pass(Duration span) {
    for (const Instant end = now_ + span; now_ < end; now_ += kStep) {
      std::vector<std::pair<GatewayId, std::pair<GatewayId, DrillNotice>>> said;
      for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
        const std::string region = topology_.regions[i].name;
        Gateway& gateway = at(region);
        if (gateway.frozen) continue;
        renew(region, gateway);
        gateway.faults->watch(gateway.status, now_);
        for (auto& notice : gateway.faults->notices(now_)) {
          if (!gateway.silent) said.emplace_back(GatewayId{i}, std::move(notice));
        }
        EXPECT_GT(gateway.faults->next_deadline(), now_) << "it would spin";
      }
      for (auto& [from, notice] : said) {
        Gateway& to = at(topology_.regions[notice.first.value].name);
        if (!to.silent && !to.frozen) to.faults->heard(from, notice.second, now_);
      }
    }
  }

  const Topology topology_ = parse_topology(kThreeRegions, "shop.yaml").topology;
  std::map<std::string, Gateway> gateways_;  // by region
  std::string serving_ = "us-east";
  std::int64_t margin_ = 1;
  Instant now_{seconds(1000)};
};

TEST_F(DrillGuardTest, NoPrimaryEndsItEverywhere) {
  announce(drill({seconds(5), {}}));
  pass(seconds(30));
  EXPECT_EQ(running(), 3) << "there is a primary";
  serving_ = "us-west";
  pass(seconds(30));
  EXPECT_EQ(running(), 3) << "whichever it is";
  serving_ = "";
  pass(seconds(5));
  EXPECT_EQ(running(), 3) << "the last lease was not over before";
  pass(seconds(3));
  EXPECT_EQ(running(), 0);
  EXPECT_THAT(end("eu"), HasSubstr("there was no primary for 5s"));
}

TEST_F(DrillGuardTest, WhoEndsItTellsTheOthersWhy) {
  announce(drill({}));
  order("us-west", drill({seconds(5), {}}));
  serving_ = "";
  pass(seconds(8));
  EXPECT_EQ(end("us-west"), "there was no primary for 5s");
  EXPECT_EQ(end("us-east"), "us-west.gw1 ended it: there was no primary for 5s");
  EXPECT_EQ(end("eu"), "us-west.gw1 ended it: there was no primary for 5s");
}

TEST_F(DrillGuardTest, NoPrimaryCountsFromTheOrderThatFirstSaidSo) {
  announce(drill({}));
  serving_ = "";
  pass(seconds(20));
  announce(drill({seconds(5), {}}));
  pass(seconds(4));
  order("eu", drill({seconds(5), {}}));
  EXPECT_EQ(running(), 3);
  pass(seconds(2));
  EXPECT_EQ(end("eu"), "there was no primary for 5s") << "the next order does not count anew";
}

TEST_F(DrillGuardTest, OneGatewayAloneHearsOfThePrimary) {
  order("eu", drill({seconds(2), {}}));
  pass(seconds(20));
  EXPECT_TRUE(runs("eu")) << "a gateway that runs no drill says that it serves";
  at("us-east").silent = true;
  pass(seconds(4));
  EXPECT_EQ(end("eu"), "there was no primary for 2s") << "it is really cut off from it";
}

TEST_F(DrillGuardTest, AGatewayThatStoodStillHoldsItAgainstNobody) {
  announce(drill({seconds(5), {}}));
  pass(seconds(2));
  at("us-west").frozen = true;
  pass(seconds(20));
  at("us-west").frozen = false;
  pass(seconds(10));
  EXPECT_EQ(running(), 3);
}

TEST_F(DrillGuardTest, FailedWritesAddUp) {
  for (auto& [region, gateway] : gateways_) gateway.status.failed_writes = 1000;
  pass(seconds(1));
  announce(drill({{}, 50}));
  pass(seconds(1));
  at("eu").status.failed_writes += 20;
  at("us-west").status.failed_writes += 30;
  pass(seconds(5));
  EXPECT_EQ(running(), 3) << "50 may fail, and those before it do not count";
  EXPECT_EQ(at("us-east").faults->status().failed_writes, 50U);
  at("eu").silent = true;
  at("us-west").status.failed_writes += 1;
  pass(seconds(5));
  EXPECT_THAT(end("us-east"), HasSubstr("51 writes have failed")) << "what eu said last counts";
  EXPECT_THAT(end("us-west"), HasSubstr("51 writes have failed"));
  EXPECT_TRUE(runs("eu")) << "nobody can tell it";
}

TEST_F(DrillGuardTest, WritesFailWhereNoDrillRunsToo) {
  order("eu", drill({{}, 50}));
  pass(seconds(1));
  at("us-west").status.failed_writes += 51;
  pass(seconds(1));
  EXPECT_EQ(end("eu"), "51 writes have failed, more than 50");
}

TEST_F(DrillGuardTest, AGatewayThatWasStartedAgainCountsOn) {
  order("eu", drill({{}, 50}));
  pass(seconds(1));
  at("us-west").status.failed_writes += 40;
  pass(seconds(1));
  at("us-west").faults = fresh(GatewayId{2});
  at("us-west").status.failed_writes = 0;
  pass(seconds(1));
  at("us-west").status.failed_writes += 6;
  at("eu").status.failed_writes += 5;
  pass(seconds(1));
  EXPECT_EQ(end("eu"), "51 writes have failed, more than 50");
}

TEST_F(DrillGuardTest, NumbersBeyondAllBoundsEndItTheSame) {
  order("eu", drill({{}, 50}));
  at("eu").status.failed_writes += 1;
  pass(seconds(1));
  at("eu").faults->heard(GatewayId{1}, {.drill = "loss", .failed_writes = UINT64_MAX}, now_);
  at("eu").faults->watch(at("eu").status, now_);
  EXPECT_EQ(end("eu"), std::to_string(UINT64_MAX) + " writes have failed, more than 50");
}

TEST_F(DrillGuardTest, NobodyServesForLongerThanALeaseLasts) {
  order("eu", drill({seconds(5), {}}));
  pass(seconds(1));
  const DrillNotice boast{.drill = "loss", .serves_for = std::chrono::hours(1)};
  at("eu").faults->heard(GatewayId{1}, boast, now_);
  EXPECT_LE(at("eu").faults->next_deadline(), now_ + topology_.timing.lease + seconds(6));
  at("us-east").silent = true;
  pass(seconds(8));
  EXPECT_EQ(end("eu"), "there was no primary for 5s");
}

TEST_F(DrillGuardTest, ADrillOfTheSameNameCountsAnew) {
  order("eu", drill({{}, 50}));
  pass(seconds(1));
  at("us-west").status.failed_writes += 40;
  pass(seconds(1));
  at("eu").faults->end("10.0.0.5");
  pass(DrillGuard::kPatience + seconds(1));
  at("us-west").status.failed_writes += 40;
  pass(seconds(1));
  order("eu", drill({{}, 50}));
  pass(seconds(1));
  at("us-west").status.failed_writes += 15;
  at("eu").status.failed_writes += 15;
  pass(seconds(1));
  EXPECT_TRUE(runs("eu"));
  EXPECT_EQ(at("eu").faults->status().failed_writes, 30U);
}

TEST_F(DrillGuardTest, WhoIsCutOffByItRefusesWritesRightly) {
  const FaultOrder given = drill({{}, 50});
  announce(given);
  for (const char* region : {"eu", "us-west"}) order(region, cut(given, {"us-east"}));
  pass(seconds(1));
  at("us-east").status.failed_writes += 100;
  pass(seconds(1));
  EXPECT_EQ(running(), 3);
  for (const char* region : {"eu", "us-west"}) order(region, given);
  pass(seconds(1));
  EXPECT_EQ(running(), 3) << "nor afterwards";
  at("us-east").status.failed_writes += 51;
  pass(seconds(1));
  EXPECT_EQ(running(), 0);
}

TEST_F(DrillGuardTest, WhoCutsItselfOffRefusesThemRightlyToo) {
  const FaultOrder given = drill({{}, 50});
  announce(given);
  order("us-east", cut(given, {"eu", "us-west"}));
  at("us-east").status.failed_writes += 100;
  pass(seconds(1));
  EXPECT_EQ(running(), 3);
  order("us-east", cut(given, {"eu"}));
  at("us-east").status.failed_writes += 51;
  pass(seconds(1));
  EXPECT_EQ(running(), 0) << "cut off from one of two";
}

TEST_F(DrillGuardTest, ALostMarginEndsItAtAllGateways) {
  const FaultOrder given = drill({});
  announce(given);
  order("us-west", cut(given, {"eu"}));
  margin_ = -1;
  pass(seconds(1));
  EXPECT_EQ(end("us-west"), "the quorum's margin fell to -1, below 0");
  EXPECT_EQ(end("eu"), "us-west.gw1 ended it: the quorum's margin fell to -1, below 0");
  EXPECT_EQ(end("us-east"), end("eu"));
}

TEST_F(DrillGuardTest, FaultsOfNoDrillAreNobodyElsesMatter) {
  for (const char* region : {"eu", "us-west"}) {
    order(region, cut(drill({}, kNoDrill), {"us-east"}));
  }
  pass(seconds(1));
  at("us-west").faults->heard(GatewayId{0}, {.drill = kNoDrill, .ended = "eu.gw1 ended it"}, now_);
  pass(seconds(1));
  EXPECT_TRUE(runs("us-west"));
  order("eu", cut(drill({{}, 0}, kNoDrill), {"us-east"}));
  at("eu").status.failed_writes += 1;
  pass(seconds(1));
  EXPECT_EQ(end("eu"), "1 write has failed, more than 0")
      << "its conditions hold here all the same";
  EXPECT_TRUE(runs("us-west"));
  for (const auto& [to, notice] : at("eu").faults->notices(now_)) EXPECT_EQ(notice.ended, "");
  at("us-west").faults->heard(GatewayId{0}, {.drill = kNoDrill, .ended = "eu.gw1 ended it"}, now_);
  for (const char* region : {"eu", "us-west"}) {
    const FaultReply reply = order(region, cut(drill({}, kNoDrill), {"us-east"}));
    EXPECT_EQ(reply.outcome, FaultReply::Kind::done) << region << ": " << reply.message;
  }
}

TEST_F(DrillGuardTest, WhatAnOperatorEndsIsEndedThereAlone) {
  announce(drill({}));
  at("eu").faults->end("10.0.0.5");
  EXPECT_EQ(end("eu"), "an operator ended it at eu.gw1, from 10.0.0.5");
  pass(seconds(5));
  EXPECT_EQ(running(), 2);
  EXPECT_EQ(order("eu", drill({})).outcome, FaultReply::Kind::done);
}

TEST_F(DrillGuardTest, AnAbortedDrillIsNotLetInAgainForAWhile) {
  for (const char* region : {"eu", "us-west"}) order(region, drill({{}, 50}));
  pass(seconds(1));
  at("us-west").status.failed_writes += 51;
  pass(seconds(1));
  EXPECT_EQ(running(), 0);
  for (const char* region : {"eu", "us-west", "us-east"}) {  // the last one has only heard of it
    const FaultReply reply = order(region, drill({}));
    EXPECT_EQ(reply.rule, "aborted") << region;
    EXPECT_THAT(reply.message, HasSubstr("51 writes have failed"));
  }
  at("eu").silent = true;
  pass(DrillGuard::kPatience + seconds(1));
  EXPECT_EQ(order("eu", drill({})).rule, "aborted") << "it knows that by itself";
  at("eu").silent = false;
  EXPECT_EQ(order("eu", drill({}, "another")).outcome, FaultReply::Kind::done);
  at("eu").faults->end("10.0.0.5");
  pass(DrillGuard::kTellsEnd + DrillGuard::kPatience);
  for (const char* region : {"eu", "us-west", "us-east"}) {
    EXPECT_EQ(order(region, drill({})).outcome, FaultReply::Kind::done) << region;
  }
  pass(seconds(20));
  EXPECT_EQ(running(), 3) << "nobody goes on telling the old end";
}

TEST_F(DrillGuardTest, NobodySaysAnythingWithoutADrill) {
  pass(seconds(1));
  announce(drill({}));
  pass(seconds(1));
  for (auto& [region, gateway] : gateways_) gateway.faults->end("10.0.0.5");
  pass(seconds(3));
  for (auto& [region, gateway] : gateways_) {
    EXPECT_TRUE(gateway.faults->notices(now_).empty()) << region;
    EXPECT_EQ(gateway.faults->next_deadline(), kNever);
  }
}

}  // namespace
}  // namespace regent
