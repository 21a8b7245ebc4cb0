#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "quorum/tree.h"
#include "region/peer_message.h"
#include "topology/topology.h"

namespace regent {

// The answers of one region's nodes to one round of a gateway elsewhere. They are told as soon as
// they decide the region (hierarchical), or all nodes have answered, or a short wait is over; what
// comes later is told as it comes. So across the wide area go a few messages a region, not one a
// node. Pure; one thread.
class Tally {
 public:
  // `tree` is the region's own vote (own_tree in topology/electorate.h); must outlive this object.
  // `decides` says whether the region's outcome is all the asker needs (hierarchical).
  Tally(const QuorumTree& tree, bool decides, Instant started, Duration wait);

  // A genuine answer of a node of this region to this round. Repetitions are ignored.
  void add(SignedAnswer answer);
  bool has_untold() const { return !untold_.empty(); }

  // Answers due to be told now, each once; empty when there are none or it is too early.
  std::vector<SignedAnswer> take(Instant now);

  // When take() may have something without a further add(); kNever when there is nothing to tell.
  Instant next_deadline() const;

 private:
  bool due(Instant now) const;

  Ballot ballot_;
  Ballot answered_;  // which nodes have answered at all
  std::size_t nodes_;
  std::size_t answers_ = 0;
  bool decides_;
  Instant deadline_;
  bool told_ = false;
  std::vector<SignedAnswer> untold_;
};

// All rounds that other gateways have put to this region's nodes lately. What comes in costs a look
// at the rounds that are open, what goes out one at those with something to tell. Pure; one thread.
class Tallies {
 public:
  // Rounds remembered at most; the oldest goes first.
  static constexpr std::size_t kMaxRounds = 1024;

  Tallies(const Topology& topology, RegionId region);

  // A round arrived from elsewhere; `asker` names the connection to answer on. False when the
  // round is known already (a repetition).
  bool open(RoundId round, std::uint64_t asker, Instant now);

  // Answers of own nodes; those to unknown rounds or of other regions' nodes are ignored.
  void add(const TallyMessage& message);

  struct Due {
    std::uint64_t asker;
    TallyMessage message;
  };
  // What to send now. Also forgets rounds older than a lease.
  std::vector<Due> take(Instant now);
  Instant next_deadline() const;

 private:
  struct Open {
    RoundId round;
    std::uint64_t asker;
    Instant started;
    Tally tally;
  };
  Open* find(RoundId round);
  void forget_oldest();

  const Topology& topology_;
  RegionId region_;
  QuorumTree tree_;
  std::deque<Open> open_;      // oldest first
  std::vector<Open*> untold_;  // those with answers to tell
};

}  // namespace regent
