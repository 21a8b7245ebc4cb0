#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "quorum/tree.h"
#include "tests/simulation/exhaustive/nodes.h"

namespace regent::exhaustive {

// A cluster at one instant, 16 bytes. Time is not part of it: only what is left of promises and
// leases is, so runs of any length fold into finitely many states.
struct Cluster {
  std::array<Nodes::Id, kNodes> nodes{};
  std::uint32_t rest = 0;  // gateways and the judge's memory; read through Model

  std::array<std::uint64_t, 2> words() const {
    return {std::uint64_t{nodes[0]} << 32 | nodes[1], std::uint64_t{nodes[2]} << 32 | rest};
  }
  bool operator==(const Cluster& other) const {
    return nodes[0] == other.nodes[0] && nodes[1] == other.nodes[1] && nodes[2] == other.nodes[2] &&
           rest == other.rest;
  }
  bool operator<(const Cluster& other) const {
    return words()[0] != other.words()[0] ? words()[0] < other.words()[0]
                                          : words()[1] < other.words()[1];
  }
};

// What happens next to a cluster: a tick passes everywhere, or something happens to one node.
struct Step {
  bool tick = true;
  unsigned node = 0;
  Nodes::Move move;
  Cluster next;
};

// The rules of the world: three nodes with real Voters on disks that keep what was written, real
// majorities, and gateways and a network that do the worst the protocol allows them:
//   - a message arrives at any time after it was sent, any number of times, or never;
//   - a node crashes at any time, also between writing and answering; a gateway asks whenever and
//     in whichever epoch it likes, never in one it gave back or in one below its present;
//   - answers arrive at once: a lease that starts earlier can only do more harm; for the same
//     reason a gateway gives an epoch up when its first release arrives somewhere, no sooner;
//   - siblings never die: one that is dead would only do less.
class Model {
 public:
  explicit Model(const Setup& setup);

  Cluster initial();
  // The same cluster under the names that make it smallest.
  Cluster canonical(Cluster cluster);
  // Everything that can happen next.
  void steps(const Cluster& cluster, std::vector<Step>& out);

  // The gateways that have an unexpired lease, as bits.
  unsigned holders(const Cluster& cluster) const;
  // Epoch of its last ask, 0 before any.
  static unsigned epoch(const Cluster& cluster, unsigned gateway);
  // Updates the judge's memory; the rule that this state breaks, if any.
  std::optional<std::string> judge(Cluster& cluster) const;

  // For people: a step, and what the cluster looks like.
  std::string describe(const Step& step) const;
  std::string describe(const Cluster& cluster);
  Nodes& nodes() { return nodes_; }

 private:
  static bool gave_back(const Cluster& cluster, unsigned gateway);
  // Whether the move can happen in this cluster; then `next` is the cluster after it.
  bool apply(const Cluster& cluster, unsigned node, const Nodes::Move& move, Cluster& next);
  bool asked(Cluster& cluster, unsigned node, const Nodes::Move& move);
  bool given_back(Cluster& cluster, const Nodes::Move& move);
  void drop_old(Cluster& cluster) const;
  void count_from_receipt(Cluster& cluster, unsigned gateway);
  void sort_nodes(Cluster& cluster) const;
  Cluster renamed(const Cluster& cluster, unsigned renaming);

  Setup setup_;
  Nodes nodes_;
  std::vector<Renaming> renamings_;
  // Sets of nodes that win by the real Ballot, those without which they would not: as bits.
  std::vector<unsigned> wins_;
  // Nodes that may change places with the next one without changing who wins.
  std::array<bool, kNodes> like_next_{};
};

}  // namespace regent::exhaustive
