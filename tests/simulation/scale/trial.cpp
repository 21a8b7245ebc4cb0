#include "simulation/scale/trial.h"

#include <algorithm>

#include "quorum/check.h"
#include "region/simulation/latency.h"

namespace regent::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kStartWithin = milliseconds(100);
constexpr Duration kWithinRegion = microseconds(250);  // one way
constexpr Duration kWithinSite = microseconds(1500);   // one way between two of its regions
constexpr Duration kJitter = milliseconds(1);          // on every message
constexpr int kLeasesToSettle = 2;                     // before traffic is watched
constexpr int kLeasesToWatch = 4;
constexpr std::uint32_t kLargeCluster = 2000;  // nodes
constexpr int kLeasesToWatchLarge = 1;

std::string numbered(const char* what, std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return what + std::string(3 - std::min<std::size_t>(3, digits.size()), '0') + digits;
}

Topology build_topology(Size size) {
  Topology topology;
  topology.cluster = "scale";
  topology.version = 1;
  topology.hash = topology.quorum_hash = "sha256:" + std::string(64, 'a');
  topology.kind = QuorumKind::hierarchical;
  topology.timing.election_window = topology.timing.lease / 4;
  for (std::uint16_t r = 0; r < size.regions; ++r) {
    TopologyRegion region;
    region.name = numbered("region-", r);
    for (std::uint32_t n = 0; n < size.nodes; ++n) {
      TopologyNode node;
      node.region = RegionId{r};
      node.name = numbered("node-", n);
      region.nodes.push_back(NodeId{static_cast<std::uint32_t>(topology.nodes.size())});
      topology.nodes.push_back(node);
    }
    TopologyGateway gateway;
    gateway.region = RegionId{r};
    gateway.name = "gw";
    region.gateways.push_back(GatewayId{r});
    topology.gateways.push_back(gateway);
    topology.regions.push_back(region);
  }
  Service service;
  service.name = "orders";
  topology.services.push_back(service);
  auto tree = QuorumTree::build(plain_tree(topology));
  CHECK(tree.ok());
  topology.tree = std::move(tree).value();
  return topology;
}

std::vector<std::uint16_t> places(const Topology& topology) {
  std::vector<std::uint16_t> places;
  for (const TopologyGateway& gateway : topology.gateways) places.push_back(gateway.region.value);
  for (const TopologyNode& node : topology.nodes) places.push_back(node.region.value);
  return places;
}

// Regions are at the sites of the matrix in turn.
std::vector<std::vector<Duration>> distances(std::size_t regions) {
  std::vector<std::vector<Duration>> between(regions, std::vector<Duration>(regions));
  for (std::size_t a = 0; a < regions; ++a) {
    for (std::size_t b = 0; b < regions; ++b) {
      const Duration sites = round_trip(static_cast<std::uint16_t>(a % kSites),
                                        static_cast<std::uint16_t>(b % kSites)) /
                             2;
      between[a][b] = a == b ? kWithinRegion : std::max(sites, kWithinSite);
    }
  }
  return between;
}

}  // namespace

// A node without a record waits the length of a promise; then one turn and two round trips.
Duration Trial::first_primary_bound() {
  return 2 * Timing{}.lease;
}

// What is left of the promises, then one turn and two round trips.
Duration Trial::failover_bound() {
  return 2 * Timing{}.lease;
}

Trial::Trial(Size size, std::uint64_t seed)
    : random_(seed),
      topology_(build_topology(size)),
      checker_(topology_),
      trace_(schedule_, 0),
      world_{topology_, schedule_, random_, checker_, trace_, &network_, {}},
      network_(schedule_, random_, places(topology_), distances(size.regions),
               [this](ProcessId from, ProcessId to, const PeerMessage& message) {
                 const std::size_t gateways = gateways_.size();
                 if (to < gateways) {
                   gateways_[to]->deliver(from, message);
                 } else {
                   nodes_[to - gateways]->deliver(from, message);
                 }
               }),
      traffic_(world_) {
  NetworkConditions conditions;
  conditions.jitter = kJitter;
  network_.set_conditions(conditions);
  network_.set_observer([this](ProcessId from, ProcessId to, const PeerMessage& message) {
    traffic_.count(from, to, message);
  });
  start();
}

void Trial::start() {
  const std::int64_t drift = topology_.timing.clock_drift_ppm;
  const auto clock = [&] {
    const auto any = static_cast<std::int64_t>(random_.below(2 * drift + 1));
    const Instant reading{std::chrono::seconds(1000 + random_.below(100'000))};
    return Clock(schedule_.now(), reading, any - drift);
  };
  std::vector<Process*> all;
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    gateways_.push_back(std::make_unique<GatewayProcess>(world_, GatewayId{i}, clock()));
    all.push_back(gateways_.back().get());
  }
  for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
    nodes_.push_back(std::make_unique<NodeProcess>(world_, NodeId{i}, clock()));
    all.push_back(nodes_.back().get());
  }
  for (Process* process : all) {
    schedule_.after(world_.up_to(kStartWithin), [process] { process->start(); });
  }
}

RegionId Trial::holder() const {
  const auto held = checker_.holder(schedule_.now());
  return held ? topology_.gateway(held->gateway).region : kNoRegion;
}

bool Trial::await_primary(RegionId last, Duration bound) {
  const TrueInstant end = schedule_.now() + bound;
  std::uint64_t leases = checker_.leases();
  while (!checker_.violation() && schedule_.step(end)) {
    if (checker_.leases() == leases) continue;
    leases = checker_.leases();
    const RegionId now = holder();
    if (now != kNoRegion && now != last) return true;
  }
  measured_.problem = checker_.violation().value_or("no primary within the bound");
  return false;
}

bool Trial::run_for(Duration span) {
  const TrueInstant end = schedule_.now() + span;
  while (!checker_.violation() && schedule_.step(end)) {
  }
  if (checker_.violation()) measured_.problem = *checker_.violation();
  return !checker_.violation();
}

Measured Trial::run() {
  const Duration lease = topology_.timing.lease;
  const bool large = topology_.nodes.size() > kLargeCluster;
  if (!await_primary(kNoRegion, first_primary_bound())) return measured_;
  measured_.first_primary = schedule_.now() - TrueInstant{};
  measured_.election = traffic_.take();
  const RegionId first = holder();

  if (!run_for((large ? 1 : kLeasesToSettle) * lease)) return measured_;
  traffic_.take();
  measured_.watched = (large ? kLeasesToWatchLarge : kLeasesToWatch) * lease;
  if (!run_for(measured_.watched)) return measured_;
  measured_.calm = traffic_.take();
  if (holder() != first || checker_.changes() != 1) {
    measured_.problem = "the primary did not stay";
    return measured_;
  }

  if (!run_for(world_.up_to(topology_.timing.heartbeat))) return measured_;
  traffic_.take();
  const TrueInstant crash = schedule_.now();
  gateways_.at(topology_.region(first).gateways.front().value)->crash();
  if (!await_primary(first, failover_bound())) return measured_;
  measured_.failover = schedule_.now() - crash;
  measured_.after_crash = traffic_.take();
  measured_.steps = schedule_.steps();
  return measured_;
}

}  // namespace regent::simulation
