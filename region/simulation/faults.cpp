// What goes wrong in a simulated cluster. Each fault ends by itself, or with end_faults().

#include <algorithm>

#include "region/simulation/cluster.h"

namespace regent::simulation {

void Cluster::schedule_fault() {
  const auto mean = static_cast<std::uint64_t>(scenario_.fault_every.count());
  schedule_.after(Duration(random_.below(2 * mean)), [this] {
    if (!faulty_) return;
    fault();
    schedule_fault();
  });
}

void Cluster::fault() {
  const auto lease = static_cast<std::uint64_t>(scenario_.topology.timing.lease.count());
  // Some faults are over before anybody notices, some outlast every promise.
  const Duration lasting(random_.below(random_.below(2) == 0 ? 4 * lease : lease));
  switch (random_.below(14)) {
    case 0:
    case 1:
      return isolate_regions(lasting, true);
    case 2:
      return isolate_regions(lasting, false);
    case 3:
    case 4:
      return cut_pair(lasting);
    case 5:
    case 6:
      return crash_one(lasting);
    case 7:
      return pause_one(lasting);
    case 8:
      return change_clock();
    case 9:
      return lose_backends(lasting);
    case 10:
      return switch_over();
    case 11:
    case 12:
      return attack_primary(lasting);
    default:
      if (random_.below(10) == 0) crash_all(lasting);
  }
}

Process& Cluster::random_process() {
  return *processes_[random_.below(processes_.size())];
}

void Cluster::cut_between(const std::vector<bool>& inside, Duration lasting, bool out, bool in) {
  const auto set = [this, inside, out, in](bool cut) {
    for (ProcessId from = 0; from < processes_.size(); ++from) {
      for (ProcessId to = 0; to < processes_.size(); ++to) {
        const bool leaves = inside[from] && !inside[to];
        const bool enters = !inside[from] && inside[to];
        if ((leaves && out) || (enters && in)) network_.set_cut(from, to, cut);
      }
    }
  };
  trace_.add("network cut for ", lasting.count() / 1000, " us", out ? " out of" : "",
             in ? " into" : "");
  for (ProcessId i = 0; trace_.enabled() && i < processes_.size(); ++i) {
    if (inside[i])
      trace_.add("  process ", i, " of ", scenario_.topology.region_name(region_of(i)));
  }
  set(true);
  schedule_.after(lasting, [this, set] {
    if (!faulty_) return;  // healed as a whole
    set(false);
    trace_.add("network cut ends");
  });
}

void Cluster::isolate_regions(Duration lasting, bool both_ways) {
  std::vector<bool> side(scenario_.topology.regions.size());
  for (std::size_t i = 0; i < side.size(); ++i) side[i] = random_.below(2) == 0;
  std::vector<bool> inside(processes_.size());
  for (ProcessId i = 0; i < inside.size(); ++i) inside[i] = side[region_of(i).value];
  const bool out = both_ways || random_.below(2) == 0;
  cut_between(inside, lasting, out, both_ways || !out);
}

// The worst moment for every rule about promises: the holders of the lease hear nothing any more
// and rely on what was promised, while the nodes that promised are free to listen to others, and
// perhaps have forgotten.
void Cluster::attack_primary(Duration lasting) {
  if (holders_.empty()) return;
  const RegionId region = scenario_.topology.gateway(holders_.front().gateway).region;
  const bool with_nodes = random_.below(2) == 0;
  std::vector<bool> inside(processes_.size());
  for (ProcessId i = 0; i < inside.size(); ++i) {
    inside[i] = region_of(i) == region && (with_nodes || i < gateways_.size());
  }
  cut_between(inside, lasting, true, random_.below(4) > 0);
  if (random_.below(2) == 0) restart_nodes(inside);
}

void Cluster::restart_nodes(const std::vector<bool>& spared) {
  const auto soon = static_cast<std::uint64_t>(scenario_.topology.timing.lease.count() / 10);
  for (ProcessId i = static_cast<ProcessId>(gateways_.size()); i < processes_.size(); ++i) {
    if (spared[i] || random_.below(8) == 0) continue;
    Process& node = *processes_[i];
    schedule_.after(Duration(random_.below(soon)), [this, &node, soon] {
      node.crash();
      schedule_.after(Duration(random_.below(soon)), [&node] {
        if (!node.alive()) node.start();
      });
    });
  }
}

void Cluster::cut_pair(Duration lasting) {
  const auto from = static_cast<ProcessId>(random_.below(processes_.size()));
  const auto to = static_cast<ProcessId>(random_.below(processes_.size()));
  const bool both_ways = random_.below(2) == 0;
  trace_.add("cut from process ", from, " to ", to, both_ways ? " and back" : "");
  const auto set = [this, from, to, both_ways](bool cut) {
    network_.set_cut(from, to, cut);
    if (both_ways) network_.set_cut(to, from, cut);
  };
  set(true);
  schedule_.after(lasting, [this, set] {
    if (faulty_) set(false);
  });
}

void Cluster::crash_one(Duration lasting) {
  Process& process = random_process();
  process.crash();
  schedule_.after(lasting, [&process] {
    if (!process.alive()) process.start();
  });
}

void Cluster::crash_all(Duration lasting) {
  for (Process* process : processes_) process->crash();
  for (Process* process : processes_) {
    const Duration delay(random_.below(static_cast<std::uint64_t>(lasting.count()) + 1));
    schedule_.after(delay, [process] {
      if (!process->alive()) process->start();
    });
  }
}

void Cluster::pause_one(Duration lasting) {
  Process& process = random_process();
  if (!process.alive() || process.paused()) return;
  trace_.add("a process pauses for ", lasting.count() / 1000, " us");
  process.pause();
  schedule_.after(lasting, [&process] { process.resume(); });
}

void Cluster::change_clock() {
  const auto process = static_cast<ProcessId>(random_.below(processes_.size()));
  processes_[process]->set_clock_rate(random_rate(process >= gateways_.size()));
}

void Cluster::lose_backends(Duration lasting) {
  const RegionId region{
      static_cast<std::uint16_t>(random_.below(scenario_.topology.regions.size()))};
  const auto set = [this, region](std::uint32_t healthy) {
    for (const GatewayId gateway : scenario_.topology.region(region).gateways) {
      gateways_[gateway.value]->set_healthy_backends(healthy);
    }
  };
  set(0);
  schedule_.after(lasting, [set] { set(1); });
}

void Cluster::switch_over() {
  const RegionId to{static_cast<std::uint16_t>(random_.below(scenario_.topology.regions.size()))};
  // Half of the operators know which gateway leads, the others ask any.
  std::size_t asked = random_.below(gateways_.size());
  for (std::size_t i = 0; random_.below(2) == 0 && i < gateways_.size(); ++i) {
    if (gateways_[i]->may_write()) asked = i;
  }
  const Duration lease = scenario_.topology.timing.lease;
  const Duration timeout(random_.below(static_cast<std::uint64_t>(3 * lease.count())));
  gateways_[asked]->switch_over(to, timeout);
}

// Clients try everywhere all the time.
void Cluster::schedule_write() {
  const auto lease = static_cast<std::uint64_t>(scenario_.topology.timing.lease.count());
  schedule_.after(Duration(random_.below(lease / 10)), [this, lease] {
    gateways_[random_.below(gateways_.size())]->write(
        Duration(random_.below(random_.below(10) == 0 ? lease : lease / 50)));
    schedule_write();
  });
}

void Cluster::end_faults() {
  faulty_ = false;
  trace_.add("faults end");
  network_.heal();
  network_.set_conditions(scenario_.good);
  world_.mischief.crash_at_write_permille = 0;
  world_.mischief.disk_failure_permille = 0;
  world_.mischief.disk_delay = std::chrono::microseconds(500);
  for (const auto& gateway : gateways_) gateway->set_healthy_backends(1);
  for (const auto& node : nodes_) node->crash();  // one whose disk had failed is replaced
  for (Process* process : processes_) {
    process->resume();
    if (!process->alive()) process->start();
  }
}

}  // namespace regent::simulation
