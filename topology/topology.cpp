#include "topology/topology.h"

#include <algorithm>

namespace regent {
namespace {

// The ids of a region's own list are sorted by name.
template <typename Id, typename NameOf>
std::optional<Id> find_by_name(const std::vector<Id>& ids, std::string_view name, NameOf name_of) {
  const auto found =
      std::lower_bound(ids.begin(), ids.end(), name,
                       [&](const Id& id, std::string_view wanted) { return name_of(id) < wanted; });
  if (found == ids.end() || name_of(*found) != name) return std::nullopt;
  return *found;
}

}  // namespace

const char* kind_name(QuorumKind kind) {
  switch (kind) {
    case QuorumKind::majority:
      return "majority";
    case QuorumKind::weighted:
      return "weighted";
    case QuorumKind::hierarchical:
      break;
  }
  return "hierarchical";
}

std::optional<RegionId> Topology::find_region(std::string_view name) const {
  const auto found =
      std::lower_bound(regions.begin(), regions.end(), name,
                       [](const TopologyRegion& r, std::string_view n) { return r.name < n; });
  if (found == regions.end() || found->name != name) return std::nullopt;
  return RegionId{static_cast<std::uint16_t>(found - regions.begin())};
}

std::optional<NodeId> Topology::find_node(RegionId id, std::string_view name) const {
  if (id.value >= regions.size()) return std::nullopt;
  return find_by_name(region(id).nodes, name,
                      [&](NodeId n) -> const std::string& { return node(n).name; });
}

std::optional<GatewayId> Topology::find_gateway(RegionId id, std::string_view name) const {
  if (id.value >= regions.size()) return std::nullopt;
  return find_by_name(region(id).gateways, name,
                      [&](GatewayId g) -> const std::string& { return gateway(g).name; });
}

const std::string& Topology::region_name(RegionId id) const {
  static const std::string nobody;
  return id == kNoRegion ? nobody : region(id).name;
}

}  // namespace regent
