#include "region/simulation/cluster.h"

#include <algorithm>

namespace regent::simulation {
namespace {

// After the faults, in leases: how soon there must be a primary (the nodes restart then and keep
// still for one lease; elections may collide), when switchovers begun before are over for certain,
// and how long the primary must stay from then on.
constexpr int kLeasesToPrimary = 4;
constexpr int kLeasesToSettle = 8;
constexpr int kLeasesToStay = 12;

}  // namespace

Cluster::Cluster(const Options& options)
    : options_(options),
      random_(options.seed),
      scenario_(random_scenario(random_)),
      network_(schedule_, random_,
               scenario_.topology.gateways.size() + scenario_.topology.nodes.size()),
      checker_(scenario_.topology),
      trace_(schedule_, options.trace),
      world_{scenario_.topology, schedule_, network_,           random_,
             checker_,           trace_,    scenario_.mischief, {}} {
  world_.send = [this](ProcessId from, ProcessId to, const PeerMessage& message) {
    deliver(from, to, message);
  };
  build();
  set_distances();
  network_.set_conditions(scenario_.bad);
}

void Cluster::build() {
  const auto clock = [this](bool of_node) {
    // Readings differ by hours: nothing may depend on them.
    const Instant reading{std::chrono::seconds(1000 + random_.below(100'000))};
    return Clock(schedule_.now(), reading, random_rate(of_node));
  };
  for (std::uint16_t i = 0; i < scenario_.topology.gateways.size(); ++i) {
    gateways_.push_back(std::make_unique<GatewayProcess>(world_, GatewayId{i}, clock(false)));
    processes_.push_back(gateways_.back().get());
  }
  for (std::uint32_t i = 0; i < scenario_.topology.nodes.size(); ++i) {
    nodes_.push_back(std::make_unique<NodeProcess>(world_, NodeId{i}, clock(true)));
    processes_.push_back(nodes_.back().get());
  }
  for (Process* process : processes_) {
    const Duration delay(
        random_.below(static_cast<std::uint64_t>(scenario_.topology.timing.lease.count())));
    schedule_.after(delay, [process] {
      if (!process->alive()) process->start();
    });
  }
}

void Cluster::set_distances() {
  const auto far = static_cast<std::uint64_t>(scenario_.far.count());
  std::vector<std::vector<Duration>> between(
      scenario_.topology.regions.size(),
      std::vector<Duration>(scenario_.topology.regions.size(), scenario_.near));
  for (std::size_t a = 0; a < between.size(); ++a) {
    for (std::size_t b = 0; b < between.size(); ++b) {
      if (a != b) between[a][b] = Duration(far / 4 + random_.below(far));
    }
  }
  for (ProcessId from = 0; from < processes_.size(); ++from) {
    for (ProcessId to = 0; to < processes_.size(); ++to) {
      network_.set_distance(from, to, between[region_of(from).value][region_of(to).value]);
    }
  }
}

RegionId Cluster::region_of(ProcessId process) const {
  const std::size_t gateways = scenario_.topology.gateways.size();
  return process < gateways ? scenario_.topology.gateways[process].region
                            : scenario_.topology.nodes[process - gateways].region;
}

std::int64_t Cluster::random_rate(bool of_node) {
  const auto bound = static_cast<std::int64_t>(scenario_.topology.timing.clock_drift_ppm);
  switch (scenario_.clocks) {
    case Clocks::any:
      return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * bound + 1))) -
             bound;
    case Clocks::extreme:
      return random_.below(2) == 0 ? bound : -bound;
    case Clocks::fast_nodes:
      return of_node || random_.below(2) == 0 ? bound : -bound;
  }
  return 0;
}

void Cluster::deliver(ProcessId from, ProcessId to, const PeerMessage& message) {
  ++messages_;
  // Shared, because the network copies what it doubles and the schedule what it moves.
  const auto shared = std::make_shared<const PeerMessage>(message);
  network_.send(from, to, [this, from, to, shared] { processes_[to]->deliver(from, *shared); });
}

void Cluster::check() {
  holders_.clear();
  for (std::uint16_t i = 0; i < gateways_.size(); ++i) {
    if (gateways_[i]->may_write()) holders_.push_back({GatewayId{i}, gateways_[i]->epoch()});
  }
  checker_.holders(holders_);
}

bool Cluster::run_until(TrueInstant end) {
  while (!checker_.violation() && schedule_.step(end)) check();
  check();
  return !checker_.violation();
}

bool Cluster::calm_down() {
  const Duration lease = scenario_.topology.timing.lease;
  end_faults();
  const TrueInstant calm_since = schedule_.now();
  check();
  const TrueInstant latest = calm_since + kLeasesToPrimary * lease;
  while (!has_primary() && !checker_.violation() && schedule_.step(latest)) check();
  primary_after_ = schedule_.now() - calm_since;
  if (!has_primary()) {
    checker_.fail("no primary " + std::to_string(kLeasesToPrimary) + " leases after the faults");
  }
  const TrueInstant settled = calm_since + kLeasesToSettle * lease;
  if (!run_until(settled)) return false;
  const TrueInstant end = settled + kLeasesToStay * lease;
  // A region of higher priority may take over yet, as it should.
  return scenario_.topology.failback.automatic ? run_until(end) : stays(end);
}

bool Cluster::stays(TrueInstant end) {
  if (!has_primary()) {
    checker_.fail("no primary " + std::to_string(kLeasesToSettle) + " leases after the faults");
    return false;
  }
  const Epoch epoch = holders_.front().epoch;
  while (!checker_.violation() && schedule_.step(end)) {
    check();
    if (!has_primary()) checker_.fail("the primary lost its lease without a fault");
    if (has_primary() && holders_.front().epoch != epoch) {
      checker_.fail("the primary changed without a fault");
    }
  }
  return !checker_.violation();
}

RunReport Cluster::run() {
  schedule_fault();
  schedule_write();
  const TrueInstant calm = TrueInstant{} + options_.fault_time;
  if (run_until(calm)) calm_down();
  RunReport report;
  report.topology = describe(scenario_.topology);
  report.leases = checker_.leases();
  report.changes = checker_.changes();
  report.writes = checker_.writes();
  report.messages = messages_;
  report.primary_after_permille = primary_after_ * 1000 / scenario_.topology.timing.lease;
  report.trace.assign(trace_.lines().begin(), trace_.lines().end());
  if (checker_.violation()) {
    const auto at = schedule_.now().time_since_epoch().count() / 1000;
    report.violation = "at " + std::to_string(at) + " us: " + *checker_.violation();
  }
  return report;
}

RunReport simulate(const Options& options) {
  return Cluster(options).run();
}

}  // namespace regent::simulation
