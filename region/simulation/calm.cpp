// Liveness: what must happen once the faults have stopped for a connected quorum.

#include <algorithm>

#include "region/simulation/cluster.h"
#include "topology/electorate.h"

namespace regent::simulation {
namespace {

// Candidates that meet take turns anew; more often than this they do not meet.
constexpr int kAttempts = 4;
// Switchovers begun before the calm end by then, in leases.
constexpr int kLeasesToSettle = 6;
// How long the primary must stay, in leases.
constexpr int kLeasesToStay = 3;

constexpr const char* kOutsiders[] = {"dead", "cut off", "only heard", "only hearing"};

}  // namespace

// A lease taken before the calm, or a node's wait after a restart, runs out in P(lease). Gateways
// that just started leave better regions two leases to start, and after a handover the others leave
// the successor one. Then the regions' turns come by rank, and each takes a probe and an ask there
// and back. All that on clocks that may be slow.
Duration Cluster::calm_bound() const {
  const Timing& timing = scenario_.topology.timing;
  const std::int64_t drift = timing.clock_drift_ppm;
  const Duration promise = timing.lease * (1'000'000 + drift) / (1'000'000 - drift);
  Duration farthest{};
  for (const auto& row : delays(scenario_)) {
    farthest = std::max(farthest, *std::max_element(row.begin(), row.end()));
  }
  const Duration stagger = timing.lease / 10;
  const Duration turn = stagger * static_cast<std::int64_t>(scenario_.topology.regions.size());
  const Duration attempt =
      turn + 2 * stagger + 4 * (farthest + scenario_.within) + timing.heartbeat;
  const Duration all = promise + 3 * timing.lease + kAttempts * attempt;
  return all * 1'000'000 / (1'000'000 - drift);
}

Duration Cluster::calm_length() const {
  const Duration lease = scenario_.topology.timing.lease;
  return std::max(calm_bound(), kLeasesToSettle * lease) + kLeasesToStay * lease;
}

// Whether those inside win the tree, each node through a gateway of its region, and one of their
// regions may be primary and has its own nodes' majority.
bool Cluster::can_lead(const std::vector<bool>& inside) const {
  const Topology& topology = scenario_.topology;
  Ballot ballot(topology.tree);
  bool leader = false;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    const bool reached = std::any_of(region.gateways.begin(), region.gateways.end(),
                                     [&](GatewayId id) { return inside[world_.process(id)]; });
    if (!reached) continue;
    const QuorumTree own_nodes = own_tree(topology, RegionId{i});
    Ballot own(own_nodes);
    for (const NodeId node : region.nodes) {
      if (!inside[world_.process(node)]) continue;
      ballot.set(node, Vote::granted);
      own.set(node, Vote::granted);
    }
    leader |= region.may_be_primary() && own.outcome() == Outcome::won;
  }
  return leader && ballot.outcome() == Outcome::won;
}

// Nothing when too much is lost for good.
std::optional<std::vector<bool>> Cluster::draw_quorum() {
  std::vector<bool> inside(processes_.all.size(), true);
  for (const auto& gateway : processes_.gateways) inside[gateway->id()] = !gateway->removed();
  for (const auto& node : processes_.nodes) inside[node->id()] = node->usable();
  if (!can_lead(inside)) return std::nullopt;
  if (random_.below(3) == 0) return inside;
  // Regions and single processes drop out as long as it goes without them.
  const auto drop = [&](const auto& leaves) {
    std::vector<bool> without = inside;
    for (ProcessId i = 0; i < without.size(); ++i) {
      if (leaves(i)) without[i] = false;
    }
    if (can_lead(without)) inside = std::move(without);
  };
  for (std::size_t i = 0; i < scenario_.topology.regions.size() / 2; ++i) {
    const RegionId region{
        static_cast<std::uint16_t>(random_.below(scenario_.topology.regions.size()))};
    drop([&](ProcessId process) { return world_.region_of(process) == region; });
  }
  for (std::size_t i = 0; i < inside.size() / 2; ++i) {
    const auto single = static_cast<ProcessId>(random_.below(inside.size()));
    drop([&](ProcessId process) { return process == single; });
  }
  return inside;
}

void Cluster::settle_outsiders(const std::vector<bool>& inside) {
  const auto outsiders = static_cast<Outsiders>(random_.below(4));
  for (ProcessId outer = 0; outer < inside.size(); ++outer) {
    if (inside[outer]) continue;
    world_.trace([&](auto& out) {
      out << world_.name(outer) << " is " << kOutsiders[static_cast<std::size_t>(outsiders)];
    });
    if (outsiders == Outsiders::dead) {
      processes_.all[outer]->crash();
      if (outer < processes_.gateways.size()) processes_.gateways[outer]->remove();
    }
    for (ProcessId inner = 0; inner < inside.size(); ++inner) {
      if (!inside[inner]) continue;
      if (outsiders != Outsiders::only_heard) network_.set_cut(outer, inner, true);
      if (outsiders != Outsiders::only_hearing) network_.set_cut(inner, outer, true);
    }
  }
}

// Started, running, voting.
void Cluster::put_in_order(const std::vector<bool>& inside) {
  for (const auto& node : processes_.nodes) {
    if (inside[node->id()] && node->alive() && !node->votes()) node->crash();
  }
  for (Process* process : processes_.all) {
    if (!inside[process->id()]) continue;
    process->resume();
    if (!process->alive()) process->start();
  }
}

// Twice, because gateways from outside may tell of a pause that these here had not heard of.
void Cluster::resume_failover(const std::vector<bool>& inside) {
  const auto resume = [this, inside] {
    for (const auto& gateway : processes_.gateways) {
      if (inside[gateway->id()]) gateway->pause_failover(false);
    }
  };
  resume();
  schedule_.after(scenario_.topology.timing.lease, resume);
}

bool Cluster::has_primary(const std::vector<bool>& inside) const {
  const auto holder = checker_.holder(schedule_.now());
  return holder && inside[world_.process(holder->gateway)];
}

bool Cluster::await_primary(const Calm& calm) {
  const TrueInstant since = schedule_.now();
  const TrueInstant latest = since + calm.bound;
  while (!has_primary(calm.inside) && !checker_.violation() && schedule_.step(latest)) {
  }
  report_.expected_primary = true;
  report_.primary_after = schedule_.now() - since;
  report_.primary_bound = calm.bound;
  if (!has_primary(calm.inside)) {
    checker_.fail("no primary " + std::to_string(calm.bound.count() / 1000) +
                  " us after the faults have stopped for a connected quorum");
  }
  return !checker_.violation();
}

bool Cluster::calm_down() {
  const TrueInstant end = TrueInstant{} + options_.length;
  const TrueInstant settled = end - kLeasesToStay * scenario_.topology.timing.lease;
  const auto inside = draw_quorum();
  faults_.end();
  if (!inside) return run_until(end);
  settle_outsiders(*inside);
  put_in_order(*inside);
  resume_failover(*inside);
  if (!await_primary({*inside, calm_bound()})) return false;
  if (!run_until(settled)) return false;
  // A region of higher priority may take over yet, as it should.
  return scenario_.topology.failback.automatic ? run_until(end) : stays(*inside, end);
}

bool Cluster::stays(const std::vector<bool>& inside, TrueInstant end) {
  if (!has_primary(inside)) {
    checker_.fail("the primary that the connected quorum had is gone without a fault");
    return false;
  }
  const Epoch epoch = checker_.holder(schedule_.now())->epoch;
  while (!checker_.violation() && schedule_.step(end)) {
    if (!has_primary(inside)) {
      checker_.fail("the primary lost its lease without a fault");
    } else if (checker_.holder(schedule_.now())->epoch != epoch) {
      checker_.fail("the primary changed without a fault");
    }
  }
  return !checker_.violation();
}

}  // namespace regent::simulation
