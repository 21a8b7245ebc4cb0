#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "quorum/message.h"
#include "quorum/tree.h"
#include "region/simulation/network.h"
#include "topology/topology.h"

namespace regent::simulation {

// Judges a simulated cluster by what it did, from outside and in true time. Knows the rules of
// PROTOCOL.md but shares no code with those who keep them: sums of weights are its own.
//
// Safety, at every instant:
//   - at most one region has a gateway with an unexpired lease;
//   - an epoch belongs to one region, and the epochs of leases and of writes never go back;
//   - a node supports one region an epoch, and its epoch never goes down;
//   - a lease rests on one round of its gateway, counted from the sending, whose granters win;
//   - an incarnation that gave an epoch back never asks in it again.
class Checker {
 public:
  explicit Checker(const Topology& topology);

  // A gateway hands a question to the network; `sent` on its own clock.
  void asked(GatewayId gateway, const Question& question, Instant sent);
  // A node's answer leaves.
  void answered(const Answer& answer);
  // A gateway has a lease, or a longer one than before; `end` on its own clock.
  void leased(GatewayId gateway, Incarnation incarnation, Epoch epoch, Instant end);
  // A gateway takes a client's write.
  void wrote(GatewayId gateway, Epoch epoch);
  // Another safety or liveness rule is broken, as judged by the caller.
  void fail(const std::string& problem);

  // A gateway whose clock has not yet reached the end of its lease, whether it runs or is paused.
  struct Holder {
    GatewayId gateway;
    Epoch epoch;
  };
  void holders(std::span<const Holder> holders);

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
    std::set<NodeId> granters;
  };
  bool rests_on(const Round& round, Epoch epoch, Instant end) const;
  bool wins(const Group& group, const std::set<NodeId>& granters) const;
  std::string name(GatewayId gateway) const;

  const Topology& topology_;
  Group tree_;
  std::unordered_map<RoundId, Round> rounds_;
  std::map<Incarnation, std::vector<RoundId>> rounds_of_;  // asks only
  std::map<Incarnation, Epoch> given_back_;
  std::map<std::pair<NodeId, Epoch>, RegionId> votes_;
  std::map<NodeId, Epoch> epoch_of_node_;
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
