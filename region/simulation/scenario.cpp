#include "region/simulation/scenario.h"

#include <algorithm>
#include <sstream>

#include "quorum/lease.h"
#include "region/simulation/checker.h"
#include "region/simulation/latency.h"

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

// How many processes there are: mostly few, because what happens between few goes wrong as well,
// and many times more of it can be seen.
struct Sizes {
  std::uint64_t regions = 1;
  std::uint64_t most_nodes = 1;     // a region
  std::uint64_t most_gateways = 1;  // a region
  bool one_has_siblings = false;    // only one region has more than one gateway
};

Sizes draw_sizes(Random& random) {
  static constexpr std::uint64_t kRegions[] = {1, 2, 2, 2, 2, 3, 3, 3, 3, 3,
                                               3, 3, 3, 4, 4, 5, 5, 5, 6, 7};
  Sizes sizes;
  sizes.regions = one_of(random, kRegions);
  const bool few = sizes.regions <= 3;
  sizes.most_nodes = one_of(random, {1U, 1U, 1U, 2U, 2U, few ? 5U : 2U});
  sizes.most_gateways = one_of(random, {1U, 1U, 3U});
  sizes.one_has_siblings = !few || random.below(4) > 0;
  return sizes;
}

void add_region(Topology& topology, Random& random, const Sizes& sizes, bool zones) {
  const RegionId id{static_cast<std::uint16_t>(topology.regions.size())};
  TopologyRegion region;
  region.name = std::string(1, static_cast<char>('a' + id.value));
  region.weight = random_weight(random);
  region.witness = random.below(5) == 0;
  region.priority = random.below(8) == 0 ? 0 : static_cast<std::uint32_t>(1 + random.below(3));
  if (zones) add_zones(region, random);
  const std::uint64_t nodes =
      std::max<std::uint64_t>(1 + random.below(sizes.most_nodes), region.zones.size());
  for (std::uint64_t i = 0; i < nodes; ++i) {
    TopologyNode node;
    node.region = id;
    node.name = "n" + std::to_string(i + 1);
    node.weight = random_weight(random);
    if (!region.zones.empty()) node.zone = region.zones[i % region.zones.size()].name;
    region.nodes.push_back(NodeId{static_cast<std::uint32_t>(topology.nodes.size())});
    topology.nodes.push_back(node);
  }
  const bool siblings = !sizes.one_has_siblings || id.value == sizes.regions / 2;
  const std::uint64_t gateways = siblings ? 1 + random.below(sizes.most_gateways) : 1;
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
  topology.hash = topology.quorum_hash = "sha256:sim";
  topology.kind = one_of(random, kKinds);
  const bool zones = topology.kind == QuorumKind::hierarchical && random.below(3) == 0;
  const Sizes sizes = draw_sizes(random);
  for (std::uint64_t i = 0; i < sizes.regions; ++i) add_region(topology, random, sizes, zones);
  Service service;
  service.name = "orders";
  topology.services.push_back(service);
  return topology;
}

// Sites for the regions, and a lease that an election over those distances fits into.
void draw_sites_and_timing(Scenario& scenario, Random& random, bool timing_given) {
  Topology& topology = scenario.topology;
  const bool close = random.below(4) == 0;
  Duration longest{};
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const auto site = static_cast<std::uint16_t>(random.below(kSites));
    scenario.sites.push_back(close ? 0 : site);
    for (const std::uint16_t other : scenario.sites) {
      longest = std::max(longest, round_trip(scenario.sites.back(), other));
    }
  }
  if (timing_given) return;
  static constexpr milliseconds kLeases[] = {milliseconds(1000), milliseconds(1500),
                                             milliseconds(2500), milliseconds(2500),
                                             milliseconds(4000), milliseconds(4000)};
  const std::size_t size = topology.nodes.size() + 2 * topology.gateways.size();
  Timing& timing = topology.timing;
  timing.lease = one_of(random, kLeases);
  // Large clusters and long ways get the longer ones.
  if (size > 9) timing.lease = std::max<Duration>(timing.lease, milliseconds(2500));
  if (size > 14) timing.lease = std::max<Duration>(timing.lease, milliseconds(4000));
  timing.lease = std::max<Duration>(timing.lease, 5 * longest);
  timing.election_window = std::min(timing.lease / 2, std::max(timing.lease / 4, 2 * longest));
  timing.heartbeat = timing.lease / one_of(random, {4, 5, 6});
  static constexpr std::uint32_t kDrifts[] = {0, 200, 1000, 50'000, kMaxDriftPpm};
  timing.clock_drift_ppm = one_of(random, kDrifts);
  topology.failback.automatic = random.below(5) == 0;
  topology.failback.hold_down = timing.lease * (1 + random.below(4));
}

void draw_mischief(Scenario& scenario, Random& random) {
  const Duration lease = scenario.topology.timing.lease;
  scenario.within = microseconds(50 + random.below(500));
  scenario.good.jitter = scenario.within;
  NetworkConditions& bad = scenario.bad;
  bad.jitter = lease / static_cast<std::int64_t>(10 + random.below(200));
  bad.loss_permille = one_of(random, {0U, 0U, 10U, 50U, 200U});
  bad.duplicate_permille = one_of(random, {0U, 20U, 200U});
  bad.straggler_permille = one_of(random, {0U, 20U, 100U});
  bad.straggler_delay = 3 * lease;
  bad.late_permille = one_of(random, {0U, 0U, 10U});
  Mischief& mischief = scenario.mischief;
  mischief.stall_permille = one_of(random, {0U, 0U, 1U, 5U});
  mischief.stall = lease * one_of(random, {1, 3});
  mischief.crash_at_write_permille = one_of(random, {0U, 10U, 100U});
  mischief.disk_failure_permille = one_of(random, {0U, 0U, 30U, 100U});
  mischief.corruption_permille = one_of(random, {0U, 0U, 0U, 200U});
  mischief.forgery_permille = one_of(random, {0U, 0U, 0U, 50U});
  mischief.disk_delay = one_of(random, {Duration(microseconds(500)), lease / 20});
  scenario.fault_every = lease / one_of(random, {1, 2, 4}) * one_of(random, {1, 3});
  scenario.clocks = one_of(random, {Clocks::any, Clocks::extreme, Clocks::fast_nodes});
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
  draw_sites_and_timing(scenario, random, false);
  draw_mischief(scenario, random);
  return scenario;
}

Scenario random_scenario(Topology topology, Random& random) {
  Scenario scenario;
  scenario.topology = std::move(topology);
  draw_sites_and_timing(scenario, random, true);
  draw_mischief(scenario, random);
  return scenario;
}

std::vector<std::vector<Duration>> delays(const Scenario& scenario) {
  const std::size_t regions = scenario.sites.size();
  std::vector<std::vector<Duration>> between(regions, std::vector<Duration>(regions));
  for (std::size_t a = 0; a < regions; ++a) {
    for (std::size_t b = 0; b < regions; ++b) {
      between[a][b] = scenario.within + round_trip(scenario.sites[a], scenario.sites[b]) / 2;
    }
  }
  return between;
}

std::string describe(const Scenario& scenario) {
  const Topology& topology = scenario.topology;
  std::ostringstream text;
  text << kind_name(topology.kind) << ", lease " << topology.timing.lease.count() / 1'000'000
       << " ms, drift " << topology.timing.clock_drift_ppm << " ppm";
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    text << "; " << region.name << " in " << site_name(scenario.sites[i])
         << (region.witness ? " witness" : "") << " weight " << region.weight << " priority "
         << region.priority << " gateways " << region.gateways.size() << " nodes";
    for (const NodeId node : region.nodes) {
      text << " " << topology.node(node).zone << topology.node(node).weight;
    }
  }
  return text.str();
}

}  // namespace regent::simulation
