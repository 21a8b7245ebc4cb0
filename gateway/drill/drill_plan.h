#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/drill/drill.h"
#include "gateway/drill/fault_order.h"
#include "gateway/drill/fault_rules.h"
#include "topology/findings.h"
#include "topology/topology.h"

// What a drill's steps mean for each gateway. Pure.
namespace regent {

// The drill with $primary, $standby and $other replaced by regions of the topology, when `primary`
// is primary. Errors: nobody plays a part that a step needs.
Result<Drill> bind_drill(Drill drill, const Topology& topology, RegionId primary);

// The faults that are in force after the steps so far, by gateway. Cuts that isolate a region are
// made by the gateways of the others, who keep the quorum and can watch its margin. Processes are
// stopped and paused by order of all gateways that go on.
class DrillPlan {
 public:
  // `topology` must outlive this.
  explicit DrillPlan(const Topology& topology) : topology_(topology) {}

  // Takes a bound step that breaks something, or heals. Returns whose orders it changed, those
  // last that have to come back first.
  std::vector<GatewayId> take(const DrillStep& step);
  // Only what is broken; the rest of the order is the runner's.
  FaultOrder order(GatewayId gateway) const;
  // Whether some side of the cuts has a quorum: all that are not cut off are together.
  bool leaves_quorum() const;
  // Cannot be asked at present: stopped or paused.
  bool is_down(GatewayId gateway) const { return down_.contains(gateway); }
  bool any_down() const { return !down_.empty(); }
  // Gateways that the step stops, which will have forgotten the drill.
  std::vector<GatewayId> stopped_by(const DrillStep& step) const;

 private:
  void take_processes(const DrillStep& step, std::vector<GatewayId>& changed);
  // Whether these regions win the vote, without the nodes that are lost.
  bool quorum_of(const std::set<RegionId>& together) const;
  void add(RegionId of, std::vector<std::string> FaultOrder::*list, const std::string& name,
           std::vector<GatewayId>& changed);

  const Topology& topology_;
  std::map<GatewayId, FaultOrder> orders_;
  std::set<RegionId> isolated_;
  std::set<GatewayId> down_;  // stopped or paused
  std::set<NodeId> lost_;     // cut off, stopped or paused
};

// What a bound step stops or pauses, REGION/NAME.
std::vector<std::string> processes_of(const DrillStep& step, const Topology& topology);

// Errors for names that the topology does not have and for steps that cannot be.
void check_drill_names(const Drill& drill, const Topology& topology, Findings& findings);

// What the gateways' safety rules would say to each step if all were well and `primary` primary:
// one sentence each; empty: the drill is safe.
std::vector<std::string> unsafe_steps(const Drill& bound, const Topology& topology,
                                      RegionId primary);

// Where all is well: everybody answers, every link is up, everybody who may stand is ready.
GatewayStatus healthy_status(const Topology& topology, GatewayId self, RegionId primary,
                             Instant now);

}  // namespace regent
