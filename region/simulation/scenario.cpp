#include "region/simulation/scenario.h"

#include <algorithm>
#include <sstream>

#include "quorum/lease.h"
#include "region/simulation/checker.h"

namespace regent::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

template <typename T, std::size_t N>
T one_of(Random& random, const T (&choices)[N]) {
  return choices[random.below(N)];
}

std::uint64_t random_weight(Random& random) {
  static constexpr std::uint64_t kOdd[] = {0, 2, 3, kMaxWeight};
  return random.below(4) > 0 ? 1 : one_of(random, kOdd);
}

void add_zones(TopologyRegion& region, Random& random) {
  const std::uint64_t count = 1 + random.below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    region.zones.push_back({std::string(1, static_cast<char>('x' + i)), 1 + random.below(2)});
  }
}

void add_region(Topology& topology, Random& random, bool zones) {
  const RegionId id{static_cast<std::uint16_t>(topology.regions.size())};
  TopologyRegion region;
  region.name = std::string(1, static_cast<char>('a' + id.value));
  region.weight = random_weight(random);
  region.witness = random.below(5) == 0;
  region.priority = random.below(8) == 0 ? 0 : static_cast<std::uint32_t>(1 + random.below(3));
  if (zones) add_zones(region, random);
  const std::uint64_t nodes = std::max<std::uint64_t>(1 + random.below(5), region.zones.size());
  for (std::uint64_t i = 0; i < nodes; ++i) {
    TopologyNode node;
    node.region = id;
    node.name = "n" + std::to_string(i + 1);
    node.weight = random_weight(random);
    if (!region.zones.empty()) node.zone = region.zones[i % region.zones.size()].name;
    region.nodes.push_back(NodeId{static_cast<std::uint32_t>(topology.nodes.size())});
    topology.nodes.push_back(node);
  }
  const std::uint64_t gateways = 1 + random.below(2);
  for (std::uint64_t i = 0; i < gateways; ++i) {
    TopologyGateway gateway;
    gateway.region = id;
    gateway.name = "g" + std::to_string(i + 1);
    region.gateways.push_back(GatewayId{static_cast<std::uint16_t>(topology.gateways.size())});
    topology.gateways.push_back(gateway);
  }
  topology.regions.push_back(region);
}

// A region that may be primary and whose own nodes can be quorate, or the cluster never serves.
bool can_serve(const Topology& topology) {
  for (const TopologyRegion& region : topology.regions) {
    if (!region.may_be_primary()) continue;
    std::uint64_t weight = 0;
    for (const NodeId node : region.nodes) {
      const bool counted = topology.kind == QuorumKind::majority;
      weight += counted ? 1 : topology.node(node).weight;
    }
    if (weight > 0) return true;
  }
  return false;
}

Topology draw_topology(Random& random) {
  static constexpr QuorumKind kKinds[] = {QuorumKind::majority, QuorumKind::weighted,
                                          QuorumKind::hierarchical, QuorumKind::hierarchical};
  Topology topology;
  topology.cluster = "sim";
  topology.hash = "sha256:sim";
  topology.kind = one_of(random, kKinds);
  const bool zones = topology.kind == QuorumKind::hierarchical && random.below(3) == 0;
  const std::uint64_t regions = random.below(10) == 0 ? 1 : 2 + random.below(4);
  for (std::uint64_t i = 0; i < regions; ++i) add_region(topology, random, zones);
  Service service;
  service.name = "orders";
  topology.services.push_back(service);
  return topology;
}

void draw_timing(Topology& topology, Random& random) {
  static constexpr milliseconds kLeases[] = {milliseconds(400), milliseconds(1500)};
  static constexpr std::uint32_t kDrifts[] = {0, 200, 1000, 50'000, kMaxDriftPpm};
  topology.timing.lease = one_of(random, kLeases);
  topology.timing.heartbeat = topology.timing.lease / 6;
  topology.timing.election_window = topology.timing.lease / 4;
  topology.failback.automatic = random.below(5) == 0;
  topology.failback.hold_down = topology.timing.lease * (1 + random.below(4));
  topology.timing.clock_drift_ppm = one_of(random, kDrifts);
}

}  // namespace

Scenario random_scenario(Random& random) {
  Scenario scenario;
  while (true) {
    scenario.topology = draw_topology(random);
    auto tree = QuorumTree::build(plain_tree(scenario.topology));
    if (!tree || !can_serve(scenario.topology)) continue;
    scenario.topology.tree = std::move(tree).value();
    break;
  }
  draw_timing(scenario.topology, random);
  const Duration lease = scenario.topology.timing.lease;
  scenario.near = microseconds(50 + random.below(500));
  scenario.far = lease / static_cast<std::int64_t>(30 + random.below(100));
  scenario.good.jitter = scenario.near;
  scenario.bad.jitter = lease / static_cast<std::int64_t>(10 + random.below(200));
  static constexpr std::uint32_t kLoss[] = {0, 0, 10, 50, 200};
  scenario.bad.loss_permille = one_of(random, kLoss);
  scenario.bad.duplicate_permille = one_of(random, {0U, 20U, 200U});
  scenario.bad.straggler_permille = one_of(random, {0U, 20U, 100U});
  scenario.bad.straggler_delay = 3 * lease;
  scenario.mischief.crash_at_write_permille = one_of(random, {0U, 5U, 50U});
  scenario.mischief.disk_failure_permille = one_of(random, {0U, 0U, 10U});
  scenario.mischief.disk_delay = one_of(random, {Duration(microseconds(500)), lease / 20});
  scenario.fault_every = lease / one_of(random, {1, 2, 4, 10}) * one_of(random, {1, 3});
  scenario.clocks = one_of(random, {Clocks::any, Clocks::extreme, Clocks::fast_nodes});
  return scenario;
}

std::string describe(const Topology& topology) {
  static constexpr const char* kKinds[] = {"majority", "weighted", "hierarchical"};
  std::ostringstream text;
  text << kKinds[static_cast<std::size_t>(topology.kind)] << ", lease "
       << topology.timing.lease.count() / 1'000'000 << " ms, drift "
       << topology.timing.clock_drift_ppm << " ppm";
  for (const TopologyRegion& region : topology.regions) {
    text << "; " << region.name << (region.witness ? " witness" : "") << " weight " << region.weight
         << " priority " << region.priority << " gateways " << region.gateways.size() << " nodes";
    for (const NodeId node : region.nodes) {
      text << " " << topology.node(node).zone << topology.node(node).weight;
    }
  }
  return text.str();
}

}  // namespace regent::simulation
