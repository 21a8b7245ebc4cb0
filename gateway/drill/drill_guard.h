#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/drill/fault_order.h"
#include "gateway/status.h"
#include "region/peer_message.h"
#include "topology/topology.h"

namespace regent {

// Holds the abort conditions of a drill among the gateways, so that they need nobody else: what
// they tell each other of it (DrillNotice), and what follows from that.
//
// A gateway where a drill is in force tells all others so each heartbeat. One that hears of it says
// in return whether it serves and how many writes have failed there. Where a rule ends the drill,
// all others are told, and end it, too. Nothing here has any influence on votes, leases or routes.
// Pure: time comes in as an argument. Control thread.
class DrillGuard {
 public:
  // An end by a rule is told for so long, and meanwhile the same drill is not let in again.
  static constexpr Duration kTellsEnd = std::chrono::seconds(10);
  // What another gateway said holds until it says something else, or for so long, and at least for
  // four heartbeats. Its lease counts as long as it lasts, and no longer than a lease can.
  static constexpr Duration kPatience = std::chrono::seconds(2);

  // `topology` must outlive this.
  DrillGuard(const Topology& topology, GatewayId self);

  // The order is in force here. The same drill's conditions count from its first order on.
  void begin(const FaultOrder& order, Instant now);
  // It is no more: over, or ended by an operator, which is this gateway's own matter.
  void end();
  // A rule ended it, for this reason. Faults without a drill (kNoDrill) are ended here alone.
  void end_by_rule(const std::string& why, Instant now);
  // Another gateway told us to: `why` is what it said.
  void end_as_told(const std::string& why, Instant now);

  void heard(GatewayId from, DrillNotice notice, Instant now);
  // Takes in what this gateway sees of itself. What happened while it did not look for longer than
  // others wait for it, because it stood still, is not held against the cluster.
  void look(const GatewayStatus& status, Instant now);

  // Why the drill has to end here: what another gateway said, or which condition holds.
  std::optional<std::string> told_to_end(Instant now) const;
  std::optional<std::string> reason_to_end(Instant now) const;
  // Why this drill was ended by a rule a moment ago, here or elsewhere; "": it was not.
  std::string aborted(const std::string& drill, Instant now) const;
  // Since the drill was announced here: those of this gateway, and of the others as they said last.
  std::uint64_t failed_writes() const;

  // What is to be said to whom now.
  std::vector<std::pair<GatewayId, DrillNotice>> notices(Instant now);
  // When to look() again, though nothing happens.
  Instant next_deadline() const;

 private:
  struct Peer {
    DrillNotice notice;
    Instant heard{};
    Instant serves_until = Instant::min();
    // It counts from 0 after it was started again, or has not heard of the drill for a while.
    std::uint64_t failed_before = 0;
  };
  bool fresh(const Peer& peer, Instant now) const;
  bool runs_elsewhere(const std::string& drill, Instant now) const;
  void count_for(const std::string& drill, Instant now);
  void tell_end(const std::string& text, Instant now);
  bool cut_off_from(RegionId region, Instant now) const;
  bool isolated(Instant now) const;
  bool tells(GatewayId to, Instant now) const;
  DrillNotice notice_to(GatewayId to, Instant now) const;

  const Topology& topology_;
  const GatewayId self_;
  const Duration patience_;
  std::vector<Peer> peers_;  // by GatewayId

  bool running_ = false;  // here
  std::string drill_;     // that runs here, or is heard of; "": none
  DrillAborts limits_;
  std::vector<bool> cut_;  // by region: what runs here cuts it off
  Instant primary_seen_{};
  std::uint64_t failed_ = 0;         // here, for drill_
  std::uint64_t failed_in_all_ = 0;  // ever
  Instant looked_{};
  Instant serves_until_ = Instant::min();

  std::string ended_drill_;
  std::string ended_text_;
  Instant tells_end_until_ = Instant::min();
  Instant next_notice_ = Instant::min();
};

}  // namespace regent
