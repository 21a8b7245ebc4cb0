#include "topology/parse.h"

namespace regent {
namespace {

std::uint64_t node_weight(const Topology& topology, const TopologyRegion& region,
                          const std::string* zone) {
  std::uint64_t sum = 0;
  for (const NodeId id : region.nodes) {
    if (zone == nullptr || topology.node(id).zone == *zone) sum += topology.node(id).weight;
  }
  return sum;
}

void check_timing(const Timing& timing, Findings& findings) {
  if (findings.broken("timing")) return;
  if (timing.lease < 4 * timing.heartbeat) {
    findings.error("timing.lease", "must be at least four times the heartbeat");
  }
  if (timing.election_window > timing.lease / 2) {
    findings.error("timing.election_window", "must be at most half of the lease");
  }
}

// The certificate of either is REGION.NAME.crt.
void check_names(const Topology& topology, RegionId id, Findings& findings) {
  for (const GatewayId gateway : topology.region(id).gateways) {
    const std::string& name = topology.gateway(gateway).name;
    if (const auto node = topology.find_node(id, name)) {
      findings.error(node_path(topology, topology.node(*node)),
                     "a gateway of this region is called " + name +
                         " too: their certificates would share one file name");
    }
  }
}

// A group that has weight must be able to cast it. Only the hierarchical kind has groups.
void check_voting_weight(const Topology& topology, const TopologyRegion& region,
                         Findings& findings) {
  std::uint64_t below = region.zones.empty() ? node_weight(topology, region, nullptr) : 0;
  for (const TopologyZone& zone : region.zones) {
    below += zone.weight;
    if (zone.weight > 0 && node_weight(topology, region, &zone.name) == 0) {
      findings.error(zone_path(region, zone.name) + ".weight",
                     "the zone has weight " + std::to_string(zone.weight) +
                         " but no node with weight to cast it: give it nodes, or weight: 0");
    }
  }
  if (region.weight > 0 && below == 0) {
    findings.error(region_path(region) + ".weight",
                   "the region has weight " + std::to_string(region.weight) +
                       " but no voting weight below it: give it nodes with weight, or weight: 0");
  }
}

void check_region(const Topology& topology, RegionId id, Findings& findings) {
  const TopologyRegion& region = topology.region(id);
  const std::string path = region_path(region);
  if (findings.broken(path)) return;
  check_names(topology, id, findings);
  if (region.gateways.empty()) {
    findings.error(path, region.nodes.empty()
                             ? "has neither gateways nor nodes: there is nothing in it"
                             : "has nodes but no gateway to ask them: add one under 'gateways'");
  }
  if (topology.kind == QuorumKind::hierarchical) check_voting_weight(topology, region, findings);
}

std::uint64_t total_weight(const Topology& topology) {
  std::uint64_t total = 0;
  if (topology.kind == QuorumKind::hierarchical) {
    for (const TopologyRegion& region : topology.regions) total += region.weight;
  } else {
    for (const TopologyNode& node : topology.nodes) {
      total += topology.kind == QuorumKind::majority ? 1 : node.weight;
    }
  }
  return total;
}

}  // namespace

void check_topology(const Topology& topology, Findings& findings) {
  check_timing(topology.timing, findings);
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    check_region(topology, RegionId{static_cast<std::uint16_t>(i)}, findings);
  }
  // Without regions, or with half-read ones, the rest would mislead; that is reported already.
  if (findings.broken("regions") || topology.regions.empty()) return;
  if (total_weight(topology) == 0) {
    findings.error("regions", "nobody has weight in the vote: there could never be a quorum");
  }
  bool candidate = false;
  for (const TopologyRegion& region : topology.regions) {
    candidate = candidate || (region.may_be_primary() && !region.nodes.empty());
  }
  if (!candidate) {
    findings.error("regions",
                   "no region may be primary: at least one must have nodes, a priority above 0 "
                   "and not be a witness");
  }
}

}  // namespace regent
