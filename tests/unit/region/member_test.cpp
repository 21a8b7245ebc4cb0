#include "region/member.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <queue>
#include <set>

#include "quorum/voter.h"
#include "test_cluster.h"
#include "topology/load.h"

// A cluster of members and voters on one simulated clock, with a millisecond between any two.
namespace regent {
namespace {

using namespace std::chrono_literals;

constexpr const char* kTopology = R"(
cluster: shop
quorum: hierarchical
timing: { heartbeat: 250ms, lease: 1500ms, clock_drift_ppm: 1000 }
regions:
  east: { priority: 100, gateways: { gw1: 10.0.1.1, gw2: 10.0.1.2 }, nodes: { n1: 10.0.1.11 } }
  west: { priority: 50, gateways: { gw1: 10.0.2.1 }, nodes: { n1: 10.0.2.11 } }
  wit: { witness: true, gateways: { gw1: 10.0.3.1 }, nodes: { n1: 10.0.3.11 } }
services:
  orders: { port: 8080, backends: { east: [10.0.1.31:9000], west: [10.0.2.31:9000] } }
)";

class World {
 public:
  World() : topology_(parse_topology(kTopology, "test").topology) {
    for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
      const VoteRecord fresh{Epoch{}, kNoRegion, topology_.timing.lease};
      voters_.emplace_back(NodeId{i}, fresh, DriftBound{1000}, now_);
    }
    members_.resize(topology_.gateways.size());
    for (std::uint16_t i = 0; i < members_.size(); ++i) start(GatewayId{i});
  }

  GatewayId gateway(const std::string& region, const std::string& name = "gw1") const {
    return test::gateway_id(topology_, region, name);
  }
  RegionId region(const std::string& name) const { return test::region_id(topology_, name); }
  Member& member(GatewayId id) { return *members_[id.value]; }
  Instant now() const { return now_; }
  void cut(RegionId region) { cut_.insert(region); }
  void heal() { cut_.clear(); }
  void kill(GatewayId id) { members_[id.value].reset(); }

  void start(GatewayId id) {
    ++incarnations_;
    members_[id.value] = std::make_unique<Member>(topology_, id, Incarnation{incarnations_},
                                                  incarnations_, "test", now_);
    members_[id.value]->set_backends({1});
    settle(id);
  }

  void run(Duration span) {
    const Instant end = now_ + span;
    while (now_ < end) {
      now_ += 1ms;
      while (!events_.empty() && events_.top().at <= now_) {
        const auto run = events_.top().run;
        events_.pop();
        run();
      }
      for (std::uint16_t i = 0; i < members_.size(); ++i) settle(GatewayId{i});
    }
  }
  // True as soon as the condition holds; false after `limit`.
  bool await(Duration limit, const std::function<bool()>& condition) {
    for (const Instant end = now_ + limit; now_ < end && !condition();) run(1ms);
    return condition();
  }

  bool holds(GatewayId id) { return members_[id.value] && member(id).election().holds_lease(now_); }
  Epoch epoch(GatewayId id) { return member(id).election().view().epoch; }

  void switchover(GatewayId at, const std::string& to, Duration timeout) {
    Outbox out;
    member(at).switchover(region(to), timeout, 1, now_, out);
    carry(at, out);
  }

  std::optional<SwitchoverReply> outcome;
  std::int64_t writes_in_flight = 0;  // at every gateway

 private:
  struct Event {
    Instant at;
    std::uint64_t number;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::tuple(other.at, other.number) < std::tuple(at, number);
    }
  };

  void later(std::function<void()> run) { events_.push({now_ + 1ms, ++number_, std::move(run)}); }

  void settle(GatewayId id) {
    if (!members_[id.value]) return;
    Outbox out;
    member(id).tick(now_, writes_in_flight, out);
    carry(id, out);
  }

  void carry(GatewayId from, const Outbox& out) {
    for (const auto& [node, message] : out.to_nodes) ask(from, node, message);
    for (const auto& [to, message] : out.to_gateways) pass(from, to, message);
    for (const auto& [connection, message] : out.replies) {
      pass(from, GatewayId{static_cast<std::uint16_t>(connection)}, message);
    }
    for (const auto& [token, reply] : out.switchovers) outcome = reply;
  }

  void ask(GatewayId from, NodeId node, const PeerMessage& message) {
    later([this, from, node, message] {
      const Question& question = std::get<RoundMessage>(message).question;
      SignedAnswer answer;
      answer.answer = voters_[node.value].decide(question, now_).answer;
      answer.topology_hash = topology_.hash;
      const TallyMessage reply{question.round, {answer}};
      later([this, from, node, reply] {
        if (!members_[from.value]) return;
        Outbox out;
        member(from).from_node(node, reply, now_, out);
        carry(from, out);
      });
    });
  }

  void pass(GatewayId from, GatewayId to, const PeerMessage& message) {
    const RegionId a = topology_.gateway(from).region;
    const RegionId b = topology_.gateway(to).region;
    if (a != b && (cut_.contains(a) || cut_.contains(b))) return;
    later([this, from, to, message] {
      if (!members_[to.value]) return;
      Outbox out;
      member(to).from_gateway(from, from.value, message, now_, out);
      carry(to, out);
    });
  }

  Topology topology_;
  Instant now_{1000s};
  std::vector<Voter> voters_;
  std::vector<std::unique_ptr<Member>> members_;
  std::priority_queue<Event> events_;
  std::set<RegionId> cut_;
  std::uint64_t number_ = 0;
  std::uint64_t incarnations_ = 0;
};

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
  world_.member(west_).set_backends({0});
  world_.run(1s);
  world_.kill(east_);
  world_.kill(sibling_);
  world_.run(5s);
  EXPECT_FALSE(world_.holds(west_));
  world_.member(west_).set_backends({1});
  EXPECT_TRUE(world_.await(2s, [&] { return world_.holds(west_); }));
}

TEST_F(MemberTest, ARoundOfAGatewayThatSpeaksForAnotherRegionIsIgnored) {
  RoundMessage round;
  round.question.region = world_.region("east");
  round.question.round = RoundId{1};
  Outbox out;
  world_.member(east_).from_gateway(west_, 9, round, world_.now(), out);
  EXPECT_TRUE(out.to_nodes.empty());
}

}  // namespace
}  // namespace regent
