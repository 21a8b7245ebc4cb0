#include "region/simulation/faults.h"

#include <algorithm>

namespace regent::simulation {

Faults::Faults(World& world, const Scenario& scenario, Processes& processes)
    : world_(world), scenario_(scenario), processes_(processes) {}

void Faults::begin() {
  world_.network->set_conditions(scenario_.bad);
  world_.mischief = scenario_.mischief;
  schedule_fault();
  schedule_write();
}

void Faults::end() {
  active_ = false;
  world_.trace([](auto& out) { out << "faults end"; });
  world_.network->heal();
  world_.network->set_conditions(scenario_.good);
  for (const Slow& slow : slow_) world_.network->slow_down(slow.from, slow.to, -slow.more);
  slow_.clear();
  world_.mischief = {};
  for (const auto& gateway : processes_.gateways) {
    gateway->set_backends_in_order(true);
    if (!gateway->leaving()) continue;
    gateway->crash();
    gateway->start();
  }
  for (const auto& node : processes_.nodes) node->set_disk_full(false);
}

std::int64_t Faults::draw_rate(bool of_node) {
  const auto bound = static_cast<std::int64_t>(world_.topology.timing.clock_drift_ppm);
  switch (scenario_.clocks) {
    case Clocks::any:
      return static_cast<std::int64_t>(
                 world_.random.below(static_cast<std::uint64_t>(2 * bound + 1))) -
             bound;
    case Clocks::extreme:
      return coin() ? bound : -bound;
    case Clocks::fast_nodes:
      return of_node || coin() ? bound : -bound;
    case Clocks::beyond: {
      const std::int64_t far = 2 * bound + 200'000;
      return of_node ? far : -far;
    }
  }
  return 0;
}

void Faults::schedule_fault() {
  world_.schedule.after(world_.up_to(2 * scenario_.fault_every), [this] {
    if (!active_) return;
    fault();
    schedule_fault();
  });
}

// Clients try everywhere all the time.
void Faults::schedule_write() {
  const Duration lease = world_.topology.timing.lease;
  world_.schedule.after(world_.up_to(lease / 5), [this, lease] {
    const bool slow = world_.random.below(10) == 0;
    auto& gateways = processes_.gateways;
    // Where the lease is, or was a moment ago, most of all.
    const auto holder = world_.checker.holder(world_.schedule.now());
    const std::size_t any = world_.random.below(gateways.size());
    const std::size_t at = holder && coin() ? holder->gateway.value : any;
    gateways[at]->write(world_.up_to(slow ? lease : lease / 50));
    schedule_write();
  });
}

void Faults::fault() {
  const Duration lease = world_.topology.timing.lease;
  // Some faults are over before anybody notices, some outlast every promise.
  const Duration lasting = world_.up_to(coin() ? 4 * lease : lease);
  switch (world_.random.below(20)) {
    case 0:
    case 1:
    case 2:
      count(Kind::cut);
      return impose(shape(), lasting);
    case 3:
      count(Kind::flapping);
      return flap(shape(), lasting);
    case 4:
    case 5:
    case 6:
      count(Kind::attack);
      return attack_primary(lasting);
    case 7:
      count(Kind::slow_link);
      return slow_link(lasting);
    case 8:
    case 9:
      count(Kind::crash);
      return crash_one(lasting);
    case 10:
      if (world_.random.below(5) != 0) return;
      count(Kind::crash_of_all);
      return crash_all(lasting);
    case 11:
    case 12:
      count(Kind::pause);
      return pause_one(lasting);
    case 13:
      count(Kind::clock);
      return change_clock();
    case 14:
      count(Kind::disk);
      return disturb_disk(lasting);
    case 15:
      count(Kind::backends);
      return lose_backends(lasting);
    case 16:
    case 17:
      count(Kind::deafness);
      return deafen(lasting);
    default:
      return operate(lasting);
  }
}

Process& Faults::random_process() {
  return *processes_.all[world_.random.below(processes_.all.size())];
}

void Faults::impose(const Cuts& cuts, Duration lasting) {
  world_.trace([&](auto& out) {
    out << "network cut for " << lasting.count() / 1000 << " us:";
    for (const auto& [from, to] : cuts) out << " " << from << ">" << to;
  });
  for (const auto& [from, to] : cuts) world_.network->set_cut(from, to, true);
  world_.schedule.after(lasting, [this, cuts] {
    if (!active_) return;  // healed as a whole
    for (const auto& [from, to] : cuts) world_.network->set_cut(from, to, false);
    world_.trace([](auto& out) { out << "a network cut ends"; });
  });
}

// The same cut again and again: there and gone faster than anybody settles.
void Faults::flap(const Cuts& cuts, Duration lasting) {
  const Duration lease = world_.topology.timing.lease;
  const Duration once = std::max<Duration>(world_.up_to(lease), lease / 20);
  impose(cuts, once);
  const Duration pause = std::max<Duration>(world_.up_to(lease / 2), lease / 20);
  if (once + pause >= lasting) return;
  world_.schedule.after(once + pause, [this, cuts, left = lasting - once - pause] {
    if (active_) flap(cuts, left);
  });
}

// The worst moment for every rule about promises: the holders of the lease hear nothing any more
// and rely on what was promised, while the nodes that promised are free to listen to others, and
// perhaps have forgotten.
void Faults::attack_primary(Duration lasting) {
  const auto holder = world_.checker.holder(world_.schedule.now());
  if (!holder) return;
  const RegionId region = world_.topology.gateway(holder->gateway).region;
  const bool with_nodes = coin();
  std::vector<bool> inside(processes_.all.size());
  for (ProcessId i = 0; i < inside.size(); ++i) {
    const bool gateway = i < processes_.gateways.size();
    inside[i] = world_.region_of(i) == region && (with_nodes || gateway);
  }
  impose(between(inside, true, world_.random.below(4) > 0), lasting);
  if (coin()) restart_nodes(inside);
}

void Faults::restart_nodes(const std::vector<bool>& spared) {
  const Duration soon = world_.topology.timing.lease / 10;
  for (const auto& node : processes_.nodes) {
    if (spared[node->id()] || world_.random.below(8) == 0) continue;
    world_.schedule.after(world_.up_to(soon), [this, &node, soon] {
      if (!active_) return;
      node->crash();
      restart(*node, world_.up_to(soon));
    });
  }
}

void Faults::slow_link(Duration lasting) {
  const std::uint64_t regions = world_.topology.regions.size();
  const Slow slow{static_cast<std::uint16_t>(world_.random.below(regions)),
                  static_cast<std::uint16_t>(world_.random.below(regions)),
                  world_.up_to(world_.topology.timing.lease)};
  world_.trace([&](auto& out) {
    out << "from " << world_.topology.region_name(RegionId{slow.from}) << " to "
        << world_.topology.region_name(RegionId{slow.to}) << " takes " << slow.more.count() / 1000
        << " us more";
  });
  world_.network->slow_down(slow.from, slow.to, slow.more);
  slow_.push_back(slow);
  world_.schedule.after(lasting, [this, slow] {
    if (!active_) return;
    world_.network->slow_down(slow.from, slow.to, -slow.more);
    slow_.erase(std::find_if(slow_.begin(), slow_.end(), [&](const Slow& other) {
      return other.from == slow.from && other.to == slow.to && other.more == slow.more;
    }));
  });
}

// Some gateways take all others for dead and stand as soon as the nodes let them.
void Faults::deafen(Duration lasting) {
  for (const auto& gateway : processes_.gateways) {
    if (coin()) continue;
    const ProcessId process = gateway->id();
    world_.trace([&](auto& out) { out << world_.name(process) << " hears no heartbeats"; });
    world_.network->set_deaf(process, true);
    world_.schedule.after(lasting, [this, process] { world_.network->set_deaf(process, false); });
  }
}

void Faults::restart(Process& process, Duration after) {
  world_.schedule.after(after, [this, &process] {
    const auto gateways = processes_.gateways.size();
    if (process.id() < gateways && processes_.gateways[process.id()]->removed()) return;
    if (!process.alive()) process.start();
  });
}

// A process, but rather a node whose disk has failed: what has it kept?
void Faults::crash_one(Duration lasting) {
  Process* process = &random_process();
  for (const auto& node : processes_.nodes) {
    if (node->alive() && !node->votes() && coin()) process = node.get();
  }
  process->crash();
  restart(*process, lasting);
}

void Faults::crash_all(Duration lasting) {
  for (Process* process : processes_.all) {
    process->crash();
    restart(*process, world_.up_to(lasting));
  }
}

void Faults::pause_one(Duration lasting) {
  Process& process = random_process();
  if (!process.alive()) return;
  world_.trace([&](auto& out) {
    out << world_.name(process.id()) << " pauses for " << lasting.count() / 1000 << " us";
  });
  process.pause();
  world_.schedule.after(lasting, [&process] { process.resume(); });
}

void Faults::change_clock() {
  Process& process = random_process();
  const bool of_node = process.id() >= processes_.gateways.size();
  process.set_clock_rate(draw_rate(of_node));
  const Duration jump = world_.up_to(std::chrono::hours(2)) - std::chrono::hours(1);
  process.jump_wall_clock(jump);
}

// Full for a while: the node stops voting until it is started anew.
void Faults::disturb_disk(Duration lasting) {
  auto& nodes = processes_.nodes;
  NodeProcess& node = *nodes[world_.random.below(nodes.size())];
  world_.trace([&](auto& out) { out << "the disk of " << world_.name(node.id()) << " is full"; });
  node.set_disk_full(true);
  world_.schedule.after(lasting, [this, &node] {
    node.set_disk_full(false);
    if (!active_ || !node.alive() || node.votes()) return;
    node.crash();
    restart(node, Duration::zero());
  });
}

void Faults::lose_backends(Duration lasting) {
  const RegionId region = shuffled_regions().front();
  const auto set = [this, region](bool in_order) {
    for (const GatewayId gateway : world_.topology.region(region).gateways) {
      processes_.gateways[gateway.value]->set_backends_in_order(in_order);
    }
  };
  set(false);
  world_.schedule.after(lasting, [set] { set(true); });
}

void Faults::operate(Duration lasting) {
  switch (world_.random.below(7)) {
    case 0:
      return scale(lasting);
    case 1:
      return pause_failover();
    case 2:
      return end_one(lasting);
    default:
      return switch_over();
  }
}

void Faults::pause_failover() {
  count(Kind::paused_failover);
  const bool paused = coin();
  processes_.gateways[world_.random.below(processes_.gateways.size())]->pause_failover(paused);
}

void Faults::switch_over() {
  count(Kind::switchover);
  const RegionId to = shuffled_regions().front();
  // Half of the operators know which gateway leads, the others ask any.
  const auto holder = world_.checker.holder(world_.schedule.now());
  std::size_t asked = world_.random.below(processes_.gateways.size());
  if (holder && coin()) asked = holder->gateway.value;
  processes_.gateways[asked]->switch_over(to, world_.up_to(3 * world_.topology.timing.lease));
}

// A gateway, most often one that leads, is told to end, and started again later.
void Faults::end_one(Duration lasting) {
  count(Kind::leaving);
  const auto holder = world_.checker.holder(world_.schedule.now());
  std::size_t told = world_.random.below(processes_.gateways.size());
  if (holder && world_.random.below(4) > 0) told = holder->gateway.value;
  GatewayProcess& gateway = *processes_.gateways[told];
  gateway.leave(world_.up_to(2 * world_.topology.timing.lease), [this, &gateway, lasting] {
    gateway.crash();
    restart(gateway, lasting);
  });
}

// One gateway is taken away for good, or for so long that its place is as good as new; never the
// last of a region, whose nodes would be out of reach.
void Faults::scale(Duration lasting) {
  auto& gateways = processes_.gateways;
  GatewayProcess& gateway = *gateways[world_.random.below(gateways.size())];
  const auto& siblings = world_.topology.region(world_.region_of(gateway.id())).gateways;
  const auto there = std::count_if(siblings.begin(), siblings.end(), [&](GatewayId sibling) {
    return !gateways[sibling.value]->removed();
  });
  if (there < 2) return;
  count(Kind::scaling);
  if (coin()) {
    gateway.remove();
    return;
  }
  gateway.crash();
  restart(gateway, 10 * lasting);
}

}  // namespace regent::simulation
