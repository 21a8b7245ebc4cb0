#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "quorum/lease.h"
#include "quorum/message.h"
#include "quorum/random.h"
#include "quorum/tree.h"
#include "quorum/types.h"

namespace regent {

struct ElectionConfig {
  RegionId region;           // the gateway's own
  Incarnation incarnation;   // of this life of the process, random, not 0
  Duration lease;            // a primary's right, counted from the sending of the round that won it
  Duration election_window;  // lease of the first ask, so that a lost election blocks nobody long
  DriftBound drift;

  Duration renew_every() const { return lease / 5; }
  Duration probe_every() const { return lease / 3; }
  Duration stagger() const { return lease / 10; }  // between the turns of two regions
  Duration jitter() const { return lease / 30; }   // upper bound, added to each turn
  Duration fresh_for() const { return lease; }     // how long an answer shows a node reachable
};

// What a gateway last heard from a node, for routing and display; it decides no lease.
struct NodeView {
  std::optional<Instant> heard;  // when its last answer came
  Epoch epoch;
  RegionId supports = kNoRegion;
  Instant free_at = kNever;  // when its promises to others run out, as far as known
};

// Who is primary, as far as this gateway knows. `until` is never later than the true end.
struct PrimaryView {
  Epoch epoch;
  RegionId primary = kNoRegion;
  Instant until = Instant::min();
};

// One gateway's part in deciding who is primary: PROTOCOL.md, "What a gateway does". Sans-IO: time
// comes in, questions for the nodes come out.
//
// Invariants: a lease is only ever taken from one round whose granters win the tree, and counted
// from the `now` at which that round was handed out; an epoch once released is never asked in
// again. The caller takes `now` before it sends and hands every question to every node it can
// reach, through their regions' gateways. Answers must be genuine: signatures are checked before.
// One thread.
class Election {
 public:
  struct Output {
    std::vector<Question> questions;  // to be put to all nodes now
    bool changed = false;             // role, lease, epoch or view: publish it
    // The epoch was given back and a winning set of nodes is free: tell the successor to stand.
    struct HandOver {
      Epoch epoch;
      RegionId successor;
    };
    std::optional<HandOver> hand_over;
  };
  enum class Role { follower, candidate, holder, releasing };

  // `tree` must outlive this object.
  Election(const ElectionConfig& config, const QuorumTree& tree, std::uint64_t seed, Instant now);

  // Whether this region may stand at all now, and how many eligible regions go before it.
  void set_standing(bool eligible, unsigned rank, Instant now);
  // Leaves the first turn to others until then; does not keep it from joining its own region's
  // epoch.
  void defer_until(Instant instant) { not_before_ = std::max(not_before_, instant); }

  // To be called at next_deadline() or later.
  Output tick(Instant now);
  // A link became suspect or came back: ask the nodes now instead of at the next turn.
  Output check(Instant now);
  // Answers to any round; those to rounds that are over or are not ours count for nothing.
  Output answers(std::span<const Answer> answers, Instant now);
  // Another gateway's view of the primary; `until` a safe (never late) estimate on our clock.
  Output heard_view(const PrimaryView& view, Instant now);

  // Gives the epoch back in favour of `successor`. The caller has stopped serving writes, has none
  // in flight, and does not serve again under this epoch. Without a lease: nothing happens.
  Output release(RegionId successor, Instant now);
  // Gives back only what this gateway itself holds, or is about to, so that the epoch stays with
  // its region: its siblings go on in it. The caller promises as for release(). Without an office:
  // nothing happens.
  Output resign(Instant now);
  // The holder of `epoch` handed over: the successor stands at once, others leave it a lease's
  // time.
  Output handed_over(Epoch epoch, RegionId successor, Instant now);

  Instant next_deadline() const;

  Role role() const;
  // End of the lease this gateway itself holds; Instant::min() when it holds none.
  Instant lease_end() const;
  bool holds_lease(Instant now) const { return now < lease_end(); }
  // Highest epoch seen anywhere.
  Epoch epoch() const { return highest_; }
  PrimaryView view() const;
  // Whether nodes that answered lately would win the tree: the gateway is not isolated.
  bool quorum_reachable(Instant now) const;
  bool reachable(NodeId node, Instant now) const;
  const NodeView& node(NodeId node) const { return nodes_.at(node.value); }

 private:
  struct Follower {
    Instant probe_at;
    Instant look_at = kNever;  // for all answers that came lately: what promises they tell of
  };
  struct Candidate {
    Epoch epoch;
    Instant give_up;
    bool joins;           // an epoch that its region has won, or may have
    Duration round_trip;  // to the nodes that win, as the probe before it took; zero when not known
    Instant answers_due;  // by that
  };
  struct Holder {
    Epoch epoch;
    Instant lease_end;
    Instant renew_at;
  };
  struct Releasing {
    Epoch epoch;
    RegionId successor;
    Instant give_up;
  };
  struct Round {
    Question question;
    Instant sent;
    Instant until;  // answers later than this are of no use
    Ballot ballot;
    bool settled = false;
    bool refused = false;  // by anybody
    bool to_join = false;  // a probe of the epoch that the own region is in
  };

  void open_round(QuestionKind kind, Epoch epoch, Duration lease, Instant now, Output& output);
  void observe(const Answer& answer, Instant now);
  void saw_epoch(Epoch epoch, RegionId supporter, Output& output);
  void settle(const Round& round, Instant now, Output& output);
  void still_pending(const Round& round, Instant now);
  void probe_won(const Round& round, Instant now, Output& output);
  void probe_lost(const Round& round, Instant now);
  void ask_won(const Round& round, Instant now, Output& output);
  void send_probe(Instant now, Output& output);
  bool joining() const;
  bool may_stand(Instant now) const;
  Instant quorum_free_at(Instant now) const;
  Duration draw_jitter();
  void watch_promises(Instant now);
  Instant turn_at() const;
  void schedule_probe(Instant now);

  void lapse(Epoch epoch, Instant now, Output& output);
  void become_follower(Instant now, Duration pause, Output& output);
  void become_candidate(Epoch epoch, Duration round_trip, Instant now, Output& output);
  void step_down(Instant now, Output& output);
  void send_release(Epoch epoch, Instant now, Output& output);

  ElectionConfig config_;
  const QuorumTree& tree_;
  Random random_;
  std::variant<Follower, Candidate, Holder, Releasing> role_;
  std::vector<Round> rounds_;
  std::optional<Instant> last_round_;  // when a question was handed out
  std::vector<NodeView> nodes_;
  mutable std::vector<std::pair<Instant, NodeId>> free_;  // space for quorum_free_at()
  mutable Ballot freed_;                                  // the same

  Epoch highest_;
  RegionId supporter_ = kNoRegion;  // a region that nodes support in highest_
  Epoch not_joinable_;              // highest epoch found closed or split for us
  Epoch released_;                  // highest epoch this incarnation gave back
  Epoch given_back_;                // highest epoch that its holder is known to have given back
  Instant given_back_until_{};      // while late words about it may still come
  PrimaryView heard_;               // best view of others

  bool eligible_ = false;
  unsigned rank_ = 0;
  Instant free_since_ = kNever;  // when a winning set of nodes is (or became) free
  Duration turn_jitter_{};
  Instant not_before_ = Instant::min();  // leave others the first turn until then
};

}  // namespace regent
