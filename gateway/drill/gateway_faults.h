#pragma once

#include <functional>
#include <string>

#include "gateway/drill/fault_order.h"
#include "gateway/drill/fault_rules.h"
#include "gateway/route.h"
#include "region/link_faults.h"
#include "topology/topology.h"

namespace regent {

// What this gateway breaks for a drill at present: admits orders by the safety rules, carries them
// out, and ends them at their time, on request, or when the quorum runs short. Control thread; but
// links() is read by all.
class GatewayFaults {
 public:
  // `topology` must outlive this.
  GatewayFaults(const Topology& topology, FaultSettings settings)
      : topology_(topology), settings_(std::move(settings)), links_(topology) {}

  const LinkFaults& links() const { return links_; }
  // Called with the instant until which Redis is to be out of reach; Instant::min(): it is not.
  void on_redis(std::function<void(Instant)> cut) { cut_redis_ = std::move(cut); }

  // Replaces what the same drill ordered before. The scene's `running` is filled in here.
  FaultReply order(const FaultOrder& order, FaultScene scene);
  // An operator's wish. Nothing runs: done, all the same.
  FaultReply end(const std::string& why);
  // Ends what is over, or what the quorum's margin allows no longer.
  void watch(const GatewayStatus& status, Instant now);
  Instant next_deadline() const { return running_ ? until_ : kNever; }

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

  const Topology& topology_;
  const FaultSettings settings_;
  LinkFaults links_;
  std::function<void(Instant)> cut_redis_ = [](Instant) {};
  bool running_ = false;
  FaultOrder order_;
  std::string drill_;
  Instant until_ = Instant::min();
  bool watches_margin_ = false;
  std::string self_;  // REGION/NAME
  std::string last_end_;
};

}  // namespace regent
