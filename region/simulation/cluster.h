#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "region/simulation/gateway_process.h"
#include "region/simulation/node_process.h"
#include "region/simulation/scenario.h"

// A whole cluster in one thread: the real state machines on a simulated network, first under
// faults (safety), then in a world that has calmed down (liveness). Everything follows from the
// seed.
namespace regent::simulation {

struct Options {
  std::uint64_t seed = 1;
  Duration fault_time{std::chrono::seconds(20)};  // how long faults happen, in true time
  bool trace = false;
};

struct RunReport {
  std::optional<std::string> violation;  // the broken rule, with the simulated time
  std::string topology;
  std::uint64_t leases = 0;    // taken or prolonged
  std::uint64_t changes = 0;   // of the primary region
  std::uint64_t writes = 0;    // of clients, taken
  std::uint64_t messages = 0;  // handed to the network
  // From the end of the faults, in thousandths of the lease; nodes restart then and keep still for
  // a lease.
  std::int64_t primary_after_permille = 0;
  std::vector<std::string> trace;
};

class Cluster {
 public:
  explicit Cluster(const Options& options);
  RunReport run();

 private:
  void build();
  void set_distances();
  void deliver(ProcessId from, ProcessId to, const PeerMessage& message);
  // Runs until `end`, checking after each event; false once a rule is broken.
  bool run_until(TrueInstant end);
  void check();

  void schedule_fault();
  void fault();
  void isolate_regions(Duration lasting, bool both_ways);
  void cut_pair(Duration lasting);
  void attack_primary(Duration lasting);
  void restart_nodes(const std::vector<bool>& spared);
  void crash_one(Duration lasting);
  void crash_all(Duration lasting);
  void pause_one(Duration lasting);
  void change_clock();
  void lose_backends(Duration lasting);
  void switch_over();
  void schedule_write();
  void end_faults();
  void cut_between(const std::vector<bool>& inside, Duration lasting, bool out, bool in);

  Process& random_process();
  RegionId region_of(ProcessId process) const;
  std::int64_t random_rate(bool of_node);
  bool calm_down();
  bool has_primary() const { return !holders_.empty(); }
  bool stays(TrueInstant end);

  Options options_;
  Random random_;
  Scenario scenario_;
  Schedule schedule_;
  Network network_;
  Checker checker_;
  Trace trace_;
  World world_;
  std::vector<std::unique_ptr<GatewayProcess>> gateways_;
  std::vector<std::unique_ptr<NodeProcess>> nodes_;
  std::vector<Process*> processes_;  // by ProcessId
  std::vector<Checker::Holder> holders_;
  bool faulty_ = true;
  std::uint64_t messages_ = 0;
  Duration primary_after_{};  // from the end of the faults
};

RunReport simulate(const Options& options);

}  // namespace regent::simulation
