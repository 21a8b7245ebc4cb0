#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>

#include "quorum/voter.h"
#include "region/member.h"
#include "test_cluster.h"
#include "topology/load.h"

// A cluster of members and voters on one simulated clock, with a millisecond between any two.
namespace regent::test {

using namespace std::chrono_literals;

inline constexpr const char* kTopology = R"(
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
  explicit World(const std::string& topology = kTopology)
      : topology_(parse_topology(topology, "test").topology) {
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
  const std::string& quorum_hash() const { return topology_.quorum_hash; }
  void cut(RegionId region) { cut_.insert(region); }
  void heal() { cut_.clear(); }
  void kill(GatewayId id) { members_[id.value].reset(); }

  // With an empty disk, unless told what is on it.
  void start(GatewayId id, const PauseRecord& on_disk = {}) {
    ++incarnations_;
    members_[id.value] = std::make_unique<Member>(topology_, id, Incarnation{incarnations_},
                                                  incarnations_, "test", now_);
    members_[id.value]->restore_pause(on_disk);
    members_[id.value]->set_backends({true, 1});
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

  void leave(GatewayId at, Duration limit) {
    Outbox out;
    member(at).leave(limit, 1, now_, out);
    carry(at, out);
  }

  // A vote that some gateway, long gone, got from this node without winning.
  void vote(const std::string& of, const std::string& region_voted_for, Epoch epoch) {
    const NodeId node = node_id(topology_, of, "n1");
    const Question question{QuestionKind::ask,        epoch, region(region_voted_for),
                            Incarnation{999'999'999}, 1ms,   RoundId{1}};
    ASSERT_EQ(voters_[node.value].decide(question, now_).answer.verdict, Verdict::granted);
  }

  void set_paused(GatewayId at, bool paused) {
    Outbox out;
    member(at).set_paused(paused, now_, out);
    carry(at, out);
  }

  std::optional<std::string> nodes_hash;  // of another topology that all nodes run under
  std::optional<SwitchoverReply> outcome;
  std::map<GatewayId, PauseRecord> disks;  // what each gateway wanted to be kept
  std::int64_t writes_in_flight = 0;       // at every gateway

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
    if (out.pause_changed) disks[from] = member(from).pause();
  }

  void ask(GatewayId from, NodeId node, const PeerMessage& message) {
    later([this, from, node, message] {
      const Question& question = std::get<RoundMessage>(message).question;
      SignedAnswer answer;
      answer.answer = voters_[node.value].decide(question, now_).answer;
      answer.quorum_hash = nodes_hash.value_or(topology_.quorum_hash);
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

}  // namespace regent::test
