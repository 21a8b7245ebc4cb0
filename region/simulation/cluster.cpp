#include "region/simulation/cluster.h"

#include <algorithm>

namespace regent::simulation {
namespace {

Scenario draw_scenario(const Options& options, Random& random) {
  Scenario scenario = options.topology != nullptr ? random_scenario(*options.topology, random)
                                                  : random_scenario(random);
  if (options.clocks_beyond_bound) scenario.clocks = Clocks::beyond;
  return scenario;
}

}  // namespace

Cluster::Cluster(const Options& options)
    : options_(options),
      random_(options.seed),
      scenario_(draw_scenario(options, random_)),
      checker_(scenario_.topology),
      trace_(schedule_, options.trace_lines),
      world_{scenario_.topology, schedule_, random_, checker_, trace_, &network_, {}},
      network_(schedule_, random_, sites(), delays(scenario_),
               [this](ProcessId from, ProcessId to, const PeerMessage& message) {
                 processes_.all[to]->deliver(from, message);
               }),
      faults_(world_, scenario_, processes_) {
  build();
}

// A region is a site of its own, though two may be at one place.
std::vector<std::uint16_t> Cluster::sites() const {
  std::vector<std::uint16_t> sites;
  for (const TopologyGateway& gateway : scenario_.topology.gateways) {
    sites.push_back(gateway.region.value);
  }
  for (const TopologyNode& node : scenario_.topology.nodes) sites.push_back(node.region.value);
  return sites;
}

void Cluster::build() {
  const auto clock = [this](bool of_node) {
    // Readings differ by hours: nothing may depend on them.
    const Instant reading{std::chrono::seconds(1000 + random_.below(100'000))};
    return Clock(schedule_.now(), reading, faults_.draw_rate(of_node));
  };
  for (std::uint16_t i = 0; i < scenario_.topology.gateways.size(); ++i) {
    processes_.gateways.push_back(
        std::make_unique<GatewayProcess>(world_, GatewayId{i}, clock(false)));
    processes_.all.push_back(processes_.gateways.back().get());
  }
  for (std::uint32_t i = 0; i < scenario_.topology.nodes.size(); ++i) {
    processes_.nodes.push_back(std::make_unique<NodeProcess>(world_, NodeId{i}, clock(true)));
    processes_.all.push_back(processes_.nodes.back().get());
  }
  // All within a lease; now and then one is added much later.
  const Duration lease = scenario_.topology.timing.lease;
  for (Process* process : processes_.all) {
    const bool late = random_.below(20) == 0;
    schedule_.after(world_.up_to(late ? 10 * lease : lease), [process] {
      if (!process->alive()) process->start();
    });
  }
}

bool Cluster::run_until(TrueInstant end) {
  while (!checker_.violation() && schedule_.step(end)) {
  }
  return !checker_.violation();
}

RunReport Cluster::run() {
  const TrueInstant end = TrueInstant{} + options_.length;
  faults_.begin();
  if (options_.clocks_beyond_bound) {
    run_until(end);
  } else if (run_until(std::max(TrueInstant{}, end - calm_length()))) {
    calm_down();
  }
  report_.scenario = describe(scenario_);
  report_.leases = checker_.leases();
  report_.changes = checker_.changes();
  report_.writes = checker_.writes();
  report_.messages = network_.sent();
  report_.steps = schedule_.steps();
  report_.faults = faults_.counts();
  report_.trace.assign(trace_.lines().begin(), trace_.lines().end());
  if (checker_.violation()) {
    const auto at = schedule_.now().time_since_epoch().count() / 1000;
    report_.violation = "at " + std::to_string(at) + " us: " + *checker_.violation();
  }
  return std::move(report_);
}

RunReport simulate(const Options& options) {
  return Cluster(options).run();
}

}  // namespace regent::simulation
