#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "quorum/message.h"
#include "quorum/tree.h"
#include "region/simulation/clock.h"
#include "topology/topology.h"

namespace regent::simulation {

// Judges a simulated cluster by what it did, from outside and in true time. Knows the rules of
// PROTOCOL.md but shares no code with those who keep them: the sums of weights and the length of a
// promise are its own.
//
// Safety, at every instant:
//   - at most one region has a gateway with an unexpired lease;
//   - an epoch belongs to one region, and the epochs of leases and of writes never go back;
//   - a node supports one region an epoch, and its epoch never goes down, also across restarts;
//   - a node keeps its promises, also across restarts, until they run out on its clock or the one
//     who has the promise gives it back, and says in each answer how long they bind it yet;
//   - a lease rests on one round of its gateway, counted from the sending, whose granters win;
//   - an incarnation that gave an epoch back never asks in it again, and while it
//     could serve in it, gives it back by closing it only, or when it is drained;
//   - a node that was told to close an epoch grants nothing more in it, until it restarts or is
//     told to close a higher one;
//   - a write carries the epoch of a live lease of the gateway that takes it.
// One thread.
class Checker {
 public:
  explicit Checker(const Topology& topology);

  // A gateway hands a question to the network, `sent` on its own clock; the first time counts.
  // `drained`: it had stopped taking writes in this epoch, and none was left.
  void asked(GatewayId gateway, const Question& question, Instant sent, bool drained = false);
  // A node starts; what it had in memory only is gone.
  void node_started(NodeId node);
  // A node's answer leaves, decided at `decided` on its own clock.
  void answered(const Answer& answer, Instant decided);
  // A gateway has a lease, or a longer one than before: until `end` on its own clock, which is
  // `true_end`.
  void leased(GatewayId gateway, Incarnation incarnation, Epoch epoch, Instant end, TrueInstant now,
              TrueInstant true_end);
  // The gateway's clock goes at another rate now, so that its lease ends at another instant.
  void lease_moved(GatewayId gateway, TrueInstant now, TrueInstant true_end);
  // The gateway says or has lost what it had: it serves no more.
  void lease_ended(GatewayId gateway);
  // A gateway takes a client's write.
  void wrote(GatewayId gateway, Epoch epoch, TrueInstant now);
  // Another safety or liveness rule is broken, as judged by the caller.
  void fail(const std::string& problem);

  struct Holder {
    GatewayId gateway = kNoGateway;
    Epoch epoch;
  };
  // A gateway whose lease runs; the first in the topology's order.
  std::optional<Holder> holder(TrueInstant now) const;

  // The first broken rule.
  const std::optional<std::string>& violation() const { return violation_; }
  // Every lease that was taken or prolonged.
  std::uint64_t leases() const { return leases_; }
  // Different regions that reigned, one after another.
  std::uint64_t changes() const { return changes_; }
  std::uint64_t writes() const { return writes_; }

 private:
  struct Round {
    GatewayId gateway;
    Question question;
    Instant sent;
    std::vector<bool> granters;  // by NodeId; empty: none
  };
  struct Lease {
    Epoch epoch;
    TrueInstant end = TrueInstant::min();
  };
  struct Promise {
    Incarnation to;
    Epoch epoch;
    Instant until;  // on the node's clock
  };
  struct Witnessed {  // of one node
    Epoch epoch;
    Epoch closed;                                   // highest; 0 after a restart
    std::vector<std::pair<Epoch, RegionId>> votes;  // epochs grow
    std::vector<Promise> promises;
  };
  // The quorum tree, flat: children of a place stand together, after it.
  struct Place {
    std::uint64_t weight = 0;
    std::uint64_t total = 0;  // of the children
    NodeId leaf = kNoNode;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  void add_place(const Group& group, std::uint32_t place);
  void granted(const Answer& answer, Instant decided);
  void promised(const Answer& answer, Instant decided);
  void check_wait(const Answer& answer, Instant decided);
  bool left(Incarnation asker, Epoch epoch) const;
  bool rests_on(const Round& round, Epoch epoch, Instant end) const;
  bool wins(std::uint32_t place, const std::vector<bool>& granters) const;
  void check_alone(GatewayId gateway, TrueInstant now);
  std::string name(GatewayId gateway) const;
  std::string name(NodeId node) const;

  const Topology& topology_;
  std::vector<Place> tree_;
  std::unordered_map<RoundId, Round> rounds_;
  struct Asker {
    std::vector<RoundId> asks;  // oldest first
    Epoch asks_in;              // highest
    Epoch given_back;
    Epoch served_in;         // the last one
    Instant served_until{};  // in that, on its clock, had the lease not ended before
  };
  std::unordered_map<Incarnation, Asker> askers_;
  std::vector<Witnessed> nodes_;
  std::vector<Lease> lease_of_;  // by GatewayId
  std::map<Epoch, RegionId> reigns_;
  std::optional<std::string> violation_;
  std::uint64_t leases_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t writes_ = 0;
  Epoch written_;  // highest epoch of a write
};

// The topology's quorum tree, built from the model in the plainest way.
Group plain_tree(const Topology& topology);

}  // namespace regent::simulation
