#include "region/peer_policy.h"

namespace regent {
namespace {

Error refused(const Identity& identity, const std::string& why) {
  return {ErrorCode::refused, identity.uri() + " " + why};
}

}  // namespace

RegionId PeerPolicy::region_of(const Endpoint& endpoint) const {
  if (const auto* gateway = std::get_if<GatewayId>(&endpoint)) {
    return topology_.gateway(*gateway).region;
  }
  return topology_.node(std::get<NodeId>(endpoint)).region;
}

Identity PeerPolicy::identity_of(const Endpoint& endpoint) const {
  const std::string& region = topology_.region_name(region_of(endpoint));
  if (const auto* gateway = std::get_if<GatewayId>(&endpoint)) {
    return {topology_.cluster, IdentityRole::gateway, region, topology_.gateway(*gateway).name};
  }
  return {topology_.cluster, IdentityRole::node, region,
          topology_.node(std::get<NodeId>(endpoint)).name};
}

Address PeerPolicy::address_of(const Endpoint& endpoint) const {
  if (const auto* gateway = std::get_if<GatewayId>(&endpoint)) {
    return {topology_.gateway(*gateway).host, topology_.gateway(*gateway).peer_port};
  }
  return topology_.node(std::get<NodeId>(endpoint)).address;
}

std::string PeerPolicy::describe(const Endpoint& endpoint) const {
  const Identity identity = identity_of(endpoint);
  const char* role = identity.role == IdentityRole::gateway ? "gateway " : "node ";
  return role + identity.region + "/" + identity.name;
}

std::vector<Endpoint> PeerPolicy::targets() const {
  std::vector<Endpoint> targets;
  if (std::holds_alternative<NodeId>(self_)) return targets;
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    if (Endpoint(GatewayId{i}) != self_) targets.emplace_back(GatewayId{i});
  }
  for (const NodeId node : topology_.region(region_of(self_)).nodes) targets.emplace_back(node);
  return targets;
}

std::optional<Endpoint> PeerPolicy::find(const Identity& identity) const {
  const auto region = topology_.find_region(identity.region);
  if (identity.cluster != topology_.cluster || !region) return std::nullopt;
  if (identity.role == IdentityRole::gateway) {
    if (const auto gateway = topology_.find_gateway(*region, identity.name)) return *gateway;
  } else if (identity.role == IdentityRole::node) {
    if (const auto node = topology_.find_node(*region, identity.name)) return *node;
  }
  return std::nullopt;
}

Result<Endpoint> PeerPolicy::may_connect(const Identity& identity) const {
  if (identity.cluster != topology_.cluster) {
    return refused(identity, "is of another cluster, this one is '" + topology_.cluster + "'");
  }
  if (identity.role != IdentityRole::gateway) {
    return refused(identity, "is no gateway, and only gateways may connect here");
  }
  const auto found = find(identity);
  if (!found) return refused(identity, "is not in the topology");
  if (*found == self_) {
    return refused(identity, "is this gateway's own identity: its certificate is in use twice");
  }
  if (std::holds_alternative<NodeId>(self_) && region_of(*found) != region_of(self_)) {
    return refused(identity, "is of another region, and only gateways of region '" +
                                 topology_.region_name(region_of(self_)) +
                                 "' may connect to this node");
  }
  return *found;
}

Status PeerPolicy::must_be(const Endpoint& expected, const Identity& identity) const {
  const Identity wanted = identity_of(expected);
  if (identity == wanted) return Done{};
  return refused(identity, "answers where the topology has " + wanted.uri());
}

}  // namespace regent
