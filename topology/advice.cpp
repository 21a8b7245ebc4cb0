#include <algorithm>
#include <set>

#include "topology/parse.h"

namespace regent {
namespace {

// One voice in the vote of a group, for the arithmetic of power.
struct Voter {
  std::string path;  // of what the advice is about
  std::uint64_t weight = 0;
};

// The search for powerless voters ends after this many steps: it is not worth a start-up's time.
constexpr std::uint64_t kMaxSearchSteps = 50'000'000;

struct Adviser {
  const Topology& topology;
  Findings& findings;
  std::uint64_t steps_left = kMaxSearchSteps;
};

std::uint64_t total_of(const std::vector<Voter>& voters) {
  std::uint64_t total = 0;
  for (const Voter& voter : voters) total += voter.weight;
  return total;
}

// Whether some set of the others loses without this weight and wins with it.
bool can_matter(std::uint64_t weight, const std::vector<std::uint64_t>& others,
                std::uint64_t total) {
  // reachable[s]: some others weigh s together; only losing sums are of interest.
  std::vector<bool> reachable(total / 2 + 1);
  reachable[0] = true;
  for (const std::uint64_t other : others) {
    for (std::uint64_t s = total / 2 + 1; s-- > other;) {
      if (reachable[s - other]) reachable[s] = true;
    }
  }
  for (std::uint64_t s = 0; s <= total / 2; ++s) {
    if (reachable[s] && 2 * (s + weight) > total) return true;
  }
  return false;
}

// Advice on one group: a voter with more than half decides alone; else voters that cannot matter.
void advise_group(Adviser& adviser, const std::vector<Voter>& voters, const std::string& of_what) {
  Findings& findings = adviser.findings;
  const std::uint64_t total = total_of(voters);
  if (voters.size() < 2 || total == 0) return;
  for (const Voter& voter : voters) {
    if (2 * voter.weight <= total) continue;
    findings.warn(voter.path, "has more than half of the weight of " + of_what + " (" +
                                  std::to_string(voter.weight) + " of " + std::to_string(total) +
                                  "): it decides alone, and nothing is decided without it");
    return;
  }
  std::vector<std::uint64_t> weights;
  std::set<std::uint64_t> distinct;
  for (const Voter& voter : voters) {
    if (voter.weight == 0) continue;
    weights.push_back(voter.weight);
    distinct.insert(voter.weight);
  }
  // The heaviest voter always can, and equal weights have equal power.
  const std::uint64_t steps = total * weights.size() * distinct.size();
  if (distinct.size() < 2 || steps > adviser.steps_left) return;
  adviser.steps_left -= steps;
  for (const std::uint64_t weight : distinct) {
    std::vector<std::uint64_t> others = weights;
    others.erase(std::find(others.begin(), others.end(), weight));
    if (can_matter(weight, others, total)) continue;
    for (const Voter& voter : voters) {
      if (voter.weight != weight) continue;
      findings.warn(voter.path, "its weight of " + std::to_string(weight) +
                                    " can never matter: no majority of " + of_what +
                                    " depends on it");
    }
  }
}

void advise_even_split(const std::vector<Voter>& regions, Findings& findings) {
  const std::uint64_t total = total_of(regions);
  for (const Voter& region : regions) {
    if (total == 0 || 2 * region.weight != total) continue;
    findings.warn(region.path,
                  "has exactly half of the weight: without it the rest is an even split and no "
                  "quorum (a small witness region elsewhere would break the tie)");
  }
}

void advise_flat(Adviser& adviser) {
  const Topology& topology = adviser.topology;
  Findings& findings = adviser.findings;
  std::vector<Voter> nodes;
  std::vector<Voter> regions;
  for (const TopologyRegion& region : topology.regions) {
    Voter& sum = regions.emplace_back(Voter{region_path(region), 0});
    if (region.weight != 1) {
      findings.warn(sum.path + ".weight", std::string("has no effect: quorum ") +
                                              kind_name(topology.kind) + " counts nodes only");
    }
    for (const TopologyZone& zone : region.zones) {
      if (zone.weight == 1) continue;
      findings.warn(
          zone_path(region, zone.name) + ".weight",
          std::string("has no effect: quorum ") + kind_name(topology.kind) + " counts nodes only");
    }
    for (const NodeId id : region.nodes) {
      const TopologyNode& node = topology.node(id);
      const std::string path = node_path(topology, node);
      const bool heads = topology.kind == QuorumKind::majority;
      if (heads && node.weight != 1) {
        findings.warn(path + ".weight", "has no effect: quorum majority gives every node 1");
      }
      nodes.push_back({path, heads ? 1 : node.weight});
      sum.weight += nodes.back().weight;
    }
  }
  advise_group(adviser, nodes, "all nodes");
  for (const Voter& region : regions) {
    if (regions.size() < 2 || 2 * region.weight <= total_of(regions)) continue;
    findings.warn(region.path,
                  "its nodes have more than half of the weight of all nodes: it decides alone, "
                  "and nothing is decided without it");
  }
  advise_even_split(regions, findings);
}

void advise_hierarchical(Adviser& adviser) {
  const Topology& topology = adviser.topology;
  std::vector<Voter> regions;
  for (const TopologyRegion& region : topology.regions) {
    const std::string path = region_path(region);
    regions.push_back({path, region.weight});
    std::vector<Voter> zones;
    for (const TopologyZone& zone : region.zones) {
      zones.push_back({zone_path(region, zone.name), zone.weight});
      std::vector<Voter> nodes;
      for (const NodeId id : region.nodes) {
        const TopologyNode& node = topology.node(id);
        if (node.zone == zone.name) nodes.push_back({node_path(topology, node), node.weight});
      }
      advise_group(adviser, nodes, "zone " + region.name + "/" + zone.name);
    }
    advise_group(adviser, zones, "region " + region.name);
    if (!region.zones.empty()) continue;
    std::vector<Voter> nodes;
    for (const NodeId id : region.nodes) {
      nodes.push_back({node_path(topology, topology.node(id)), topology.node(id).weight});
    }
    advise_group(adviser, nodes, "region " + region.name);
  }
  advise_group(adviser, regions, "all regions");
  advise_even_split(regions, adviser.findings);
}

void advise_service(const Topology& topology, const Service& service, Findings& findings) {
  const std::string path = "services." + service.name;
  for (std::size_t i = 0; i < topology.regions.size(); ++i) {
    const TopologyRegion& region = topology.regions[i];
    const std::size_t count = service.backends[i].size();
    const std::string backends = path + ".backends." + region.name;
    if (region.witness && count > 0) {
      findings.warn(
          backends,
          service.protocol == Protocol::http && service.reads == Reads::local
              ? "region " + region.name + " is a witness: these backends will only serve reads"
              : "region " + region.name + " is a witness: these backends will never be used");
    }
    if (region.may_be_primary() && count < service.min_backends) {
      findings.warn(backends, "region " + region.name +
                                  " can never stand for primary: it has fewer backends (" +
                                  std::to_string(count) + ") than min_backends (" +
                                  std::to_string(service.min_backends) + ")");
    }
  }
}

}  // namespace

void advise_topology(const Topology& topology, Findings& findings) {
  for (const TopologyRegion& region : topology.regions) {
    if (region.may_be_primary() && region.nodes.empty()) {
      findings.warn(region_path(region), "can never stand for primary: it has no nodes");
    }
  }
  Adviser adviser{topology, findings};
  if (topology.kind == QuorumKind::hierarchical) {
    advise_hierarchical(adviser);
  } else {
    advise_flat(adviser);
  }
  for (const Service& service : topology.services) advise_service(topology, service, findings);
}

}  // namespace regent
