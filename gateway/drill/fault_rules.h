#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "gateway/drill/fault_order.h"
#include "gateway/status.h"
#include "topology/topology.h"

// The safety rules of faults on a live cluster, as far as a gateway can know. Pure.
namespace regent {

// What the rules look at, all of one moment.
struct FaultScene {
  const GatewayStatus& status;
  FaultsStatus running;        // here
  std::string aborted;         // why a rule ended the same drill a moment ago; "": none did
  bool self_eligible = false;  // this gateway's region may stand
  Instant now;
  std::chrono::system_clock::time_point wall_now;
};

struct FaultRefusal {
  std::string rule;
  std::string message;
};

// What the cluster is left with while the order is in force: the regions that are not cut off, as
// the others may be lost altogether, for all that this gateway can know. Where it cuts off all
// others, those are what is left.
struct Remainder {
  bool quorum = false;
  std::int64_t margin = 0;  // of that side
  std::string spare;        // a region other than the primary that could take over; "": none
  bool with_self = true;    // this gateway is on that side, and can watch the margin
};
Remainder remainder_of(const Topology& topology, const FaultOrder& order, const FaultScene& scene);

// The first rule that forbids the order, in this sequence:
//   length        it would last longer than kLongestFaults
//   window        outside the time that the gateway was started with
//   aborted       a rule ended this drill a moment ago
//   ended         it is to continue a drill that does not run here any more
//   drill_running faults of others run here, or in a gateway that was heard of lately
//   incident      something is wrong already: no primary, paused, a node or a link down
//   spare_region  nobody would be left to take over
//   margin        less than the stated minimum would be left, or nobody could watch it
// A drill that was let in, here or at a gateway that was heard of lately, is not asked about
// incidents again: it makes them.
std::optional<FaultRefusal> judge_faults(const Topology& topology, const FaultSettings& settings,
                                         const FaultOrder& order, const FaultScene& scene);

}  // namespace regent
