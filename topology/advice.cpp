#include "topology/flaws.h"
#include "topology/parse.h"

namespace regent {
namespace {

// What the weights of the flat kinds leave without effect: they count nodes only.
void advise_flat(const Topology& topology, Findings& findings) {
  const std::string counts =
      std::string("has no effect: quorum ") + kind_name(topology.kind) + " counts nodes only";
  for (const TopologyRegion& region : topology.regions) {
    if (region.weight != 1) findings.warn(region_path(region) + ".weight", counts);
    for (const TopologyZone& zone : region.zones) {
      if (zone.weight != 1) findings.warn(zone_path(region, zone.name) + ".weight", counts);
    }
    for (const NodeId id : region.nodes) {
      const TopologyNode& node = topology.node(id);
      if (topology.kind != QuorumKind::majority || node.weight == 1) continue;
      findings.warn(node_path(topology, node) + ".weight",
                    "has no effect: quorum majority gives every node 1");
    }
  }
}

// A tie is worth a line in every log only where the loss of one voter is enough for it.
void advise_flaws(const Topology& topology, Findings& findings) {
  for (const Flaw& flaw : flaws_of(topology)) {
    if (flaw.kind == FlawKind::tie && !flaw.one_is_half) continue;
    findings.warn(flaw.path, warning_text(flaw));
  }
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
  if (topology.kind != QuorumKind::hierarchical) advise_flat(topology, findings);
  advise_flaws(topology, findings);
  for (const Service& service : topology.services) advise_service(topology, service, findings);
}

}  // namespace regent
