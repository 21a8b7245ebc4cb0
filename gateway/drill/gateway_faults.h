#pragma once

#include <functional>
#include <string>

#include "gateway/drill/drill_guard.h"
#include "gateway/drill/fault_order.h"
#include "gateway/drill/fault_rules.h"
#include "gateway/route.h"
#include "region/link_faults.h"
#include "topology/topology.h"

namespace regent {

// What this gateway breaks for a drill at present: admits orders by the safety rules, carries them
// out, and ends them at their time, on request, when the quorum runs short, when an abort condition
// holds, and when another gateway says so of the same drill. Control thread; but links() is read by
// all.
class GatewayFaults {
 public:
  // `topology` must outlive this.
  GatewayFaults(const Topology& topology, GatewayId self, FaultSettings settings)
      : topology_(topology),
        self_(self),
        settings_(std::move(settings)),
        links_(topology),
        guard_(topology, self) {}

  const LinkFaults& links() const { return links_; }
  // Called with the instant until which Redis is to be out of reach; Instant::min(): it is not.
  void on_redis(std::function<void(Instant)> cut) { cut_redis_ = std::move(cut); }

  // Replaces what the same drill ordered before. The scene's `running` and `aborted` are filled in
  // here.
  FaultReply order(const FaultOrder& order, FaultScene scene);
  // The wish of an operator at this address. Nothing runs: done, all the same.
  FaultReply end(const std::string& client);
  // Ends what is over, or what a rule allows no longer.
  void watch(const GatewayStatus& status, Instant now);
  // What another gateway says of a drill, and what is to be said to others after watch().
  void heard(GatewayId from, const DrillNotice& notice, Instant now);
  std::vector<std::pair<GatewayId, DrillNotice>> notices(Instant now);
  Instant next_deadline() const;

  FaultsStatus status() const;
  // For the heartbeats; "": none.
  const std::string& drill() const { return drill_; }
  // Takes out of the route what a cut puts out of reach: connections need both directions.
  void apply_to(Route& route) const;

 private:
  // What in the order can be nowhere, or not here, as a sentence; "": nothing.
  std::string unfit(const FaultOrder& order, const GatewayStatus& status) const;
  // Tells whoever runs the processes what becomes of them for so long.
  Status hold_processes(const FaultOrder& order, Duration length);
  void make(const FaultOrder& order, RegionId own);
  void stop(const std::string& why);
  // The rule that forbids it to go on, as a sentence; "": none.
  std::string margin_problem(const GatewayStatus& status) const;

  const Topology& topology_;
  const GatewayId self_;
  const FaultSettings settings_;
  LinkFaults links_;
  DrillGuard guard_;
  std::function<void(Instant)> cut_redis_ = [](Instant) {};
  bool running_ = false;
  FaultOrder order_;
  std::string drill_;
  Instant until_ = Instant::min();
  bool watches_margin_ = false;
  std::string last_end_;
};

}  // namespace regent
