#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "region/simulation/gateway_process.h"
#include "region/simulation/node_process.h"
#include "simulation/scale/traffic.h"

namespace regent::simulation {

// How large a cluster, and which one of that size.
struct Size {
  std::uint16_t regions = 5;
  std::uint32_t nodes = 1;  // of each region
  bool operator==(const Size&) const = default;
};

// What one cluster did. Traffic is that of the whole cluster.
struct Measured {
  Duration first_primary{};  // from the start of the processes
  Traffic::Period election;  // until then
  Duration watched{};
  Traffic::Period calm;  // in the time watched, with a primary
  Duration failover{};   // from the crash of the primary's gateway to the next region's lease
  Traffic::Period after_crash;
  std::uint64_t steps = 0;
  std::string problem;  // empty: none
};

// A cluster of equal regions without faults, over the latency matrix: all start, elect a primary
// and keep it, then its gateway crashes. The checker judges all of it. One thread.
class Trial {
 public:
  Trial(Size size, std::uint64_t seed);
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  Measured run();
  // A run that takes longer has a problem.
  static Duration first_primary_bound();
  static Duration failover_bound();

 private:
  void start();
  // Until a region other than `last` has a lease; false when that takes longer than `bound`.
  bool await_primary(RegionId last, Duration bound);
  bool run_for(Duration span);
  RegionId holder() const;

  Random random_;
  Topology topology_;
  Schedule schedule_;
  Checker checker_;
  Trace trace_;
  World world_;
  Network network_;
  std::vector<std::unique_ptr<GatewayProcess>> gateways_;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
  Traffic traffic_;
  Measured measured_;
};

}  // namespace regent::simulation
