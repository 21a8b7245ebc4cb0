#pragma once

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "region/simulation/gateway_process.h"
#include "region/simulation/node_process.h"
#include "region/simulation/scenario.h"

namespace regent::simulation {

struct Processes {
  std::vector<std::unique_ptr<GatewayProcess>> gateways;  // by GatewayId
  std::vector<std::unique_ptr<NodeProcess>> nodes;        // by NodeId
  std::vector<Process*> all;                              // by ProcessId
};

// What goes wrong in a simulated cluster, what its operators wish, and what its clients write.
// Everything ends by itself, or with end(). One thread.
class Faults {
 public:
  Faults(World& world, const Scenario& scenario, Processes& processes);

  // Schedules the first of each.
  void begin();
  // The network is whole and quiet, disks and backends are in order. Processes stay as they are.
  void end();

  // A clock's rate, as the scenario draws them.
  std::int64_t draw_rate(bool of_node);

  // How often what happened, for the summary.
  enum class Kind : std::uint8_t {
    cut,
    one_way_cut,
    flapping,
    attack,
    slow_link,
    crash,
    crash_of_all,
    pause,
    clock,
    disk,
    backends,
    switchover,
    deafness,
    paused_failover,
    scaling,
    leaving,
    kinds
  };
  using Counts = std::array<std::uint64_t, static_cast<std::size_t>(Kind::kinds)>;
  const Counts& counts() const { return counts_; }

 private:
  using Cuts = std::vector<std::pair<ProcessId, ProcessId>>;  // from, to

  void schedule_fault();
  void schedule_write();
  void fault();
  void count(Kind kind) { ++counts_[static_cast<std::size_t>(kind)]; }

  // Shapes of partitions.
  Cuts shape();
  Cuts between(const std::vector<bool>& inside, bool out, bool in) const;
  std::vector<bool> of_regions(const std::vector<bool>& regions) const;
  Cuts split(std::size_t side);
  Cuts bridge();
  Cuts ring();
  Cuts one_way();
  Cuts within_region();
  Cuts pair();
  std::vector<RegionId> shuffled_regions();

  void impose(const Cuts& cuts, Duration lasting);
  void flap(const Cuts& cuts, Duration lasting);
  void attack_primary(Duration lasting);
  void restart_nodes(const std::vector<bool>& spared);
  void slow_link(Duration lasting);
  void deafen(Duration lasting);
  void crash_one(Duration lasting);
  void crash_all(Duration lasting);
  void restart(Process& process, Duration after);
  void pause_one(Duration lasting);
  void change_clock();
  void disturb_disk(Duration lasting);
  void lose_backends(Duration lasting);
  void operate(Duration lasting);
  void switch_over();
  void pause_failover();
  void scale(Duration lasting);
  void end_one(Duration lasting);

  Process& random_process();
  bool coin() { return world_.random.below(2) == 0; }

  World& world_;
  const Scenario& scenario_;
  Processes& processes_;
  bool active_ = true;
  struct Slow {
    std::uint16_t from;
    std::uint16_t to;
    Duration more;
  };
  std::vector<Slow> slow_;
  Counts counts_{};
};

}  // namespace regent::simulation
