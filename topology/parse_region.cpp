#include <algorithm>

#include "topology/parse.h"

namespace regent {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint32_t kMaxPriority = 1'000'000;

TopologyNode parse_node(const Field& field, const std::string& name, std::uint16_t default_port) {
  TopologyNode node;
  node.name = name;
  std::optional<Address> address;
  if (field.value().kind == YamlValue::Kind::map) {
    const Section section(field, {"address", "weight"});
    section.integer("weight", 0, kMaxWeight, node.weight);
    if (const auto inner = section.need("address")) address = inner->address(default_port);
  } else {
    address = field.address(default_port);
  }
  if (address) node.address = *address;
  return node;
}

TopologyGateway parse_gateway(const Field& field, const std::string& name,
                              const DefaultPorts& ports) {
  TopologyGateway gateway;
  gateway.name = name;
  gateway.peer_port = ports.peer;
  gateway.forward_port = ports.forward;
  gateway.admin_port = ports.admin;
  std::optional<Address> address;
  if (field.value().kind == YamlValue::Kind::map) {
    const Section section(field, {"address", "peer", "forward", "admin"});
    section.port("peer", gateway.peer_port);
    section.port("forward", gateway.forward_port);
    section.port("admin", gateway.admin_port);
    if (const auto inner = section.need("address")) address = inner->address(gateway.peer_port);
    if (address && section.has("peer") && address->port != gateway.peer_port) {
      field.error("gives two peer ports, in 'address' and in 'peer': keep one of them");
    }
  } else {
    address = field.address(ports.peer);
  }
  if (address) {
    gateway.host = address->host;
    gateway.peer_port = address->port;
  }
  return gateway;
}

void parse_nodes(const Field& field, const std::string& zone, const DefaultPorts& ports,
                 std::vector<TopologyNode>& out) {
  for (const auto& [name, inner] : field.named()) {
    out.push_back(parse_node(inner, name, ports.node));
    out.back().zone = zone;
  }
}

void parse_zones(const Field& field, const DefaultPorts& ports, TopologyRegion& region,
                 std::vector<TopologyNode>& out) {
  const auto named = field.named();
  if (named.size() > kMaxZonesPerRegion) {
    field.error("more than " + std::to_string(kMaxZonesPerRegion) + " zones");
    return;
  }
  for (const auto& [name, inner] : named) {
    TopologyZone& zone = region.zones.emplace_back();
    zone.name = name;
    const Section section(inner, {"weight", "nodes"});
    section.integer("weight", 0, kMaxWeight, zone.weight);
    if (const auto nodes = section.need("nodes")) parse_nodes(*nodes, name, ports, out);
  }
}

// Gives the nodes of one region their ids.
void add_nodes(std::vector<TopologyNode> nodes, RegionId id, Findings& findings,
               Topology& topology) {
  TopologyRegion& region = topology.regions.back();
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const TopologyNode& a, const TopologyNode& b) { return a.name < b.name; });
  for (TopologyNode& node : nodes) {
    node.region = id;
    if (!region.nodes.empty() && topology.nodes.back().name == node.name) {
      findings.error(node_path(topology, node), "there is a node " + node.name + " in zone " +
                                                    topology.nodes.back().zone +
                                                    " too: names must be unique in a region");
      continue;
    }
    region.nodes.push_back(NodeId{static_cast<std::uint32_t>(topology.nodes.size())});
    topology.nodes.push_back(std::move(node));
  }
}

void parse_region(const Field& field, const std::string& name, const DefaultPorts& ports,
                  Topology& topology) {
  const RegionId id{static_cast<std::uint16_t>(topology.regions.size())};
  TopologyRegion& region = topology.regions.emplace_back();
  region.name = name;
  const Section section(field,
                        {"weight", "witness", "priority", "gateways", "nodes", "zones", "redis"});
  section.integer("weight", 0, kMaxWeight, region.weight);
  section.boolean("witness", region.witness);
  section.integer("priority", 0, kMaxPriority, region.priority);
  if (region.witness && section.has("priority") && region.priority > 0) {
    field.findings().warn(field.path() + ".priority", "has no effect: a witness is never primary");
  }
  if (const auto inner = section.find("gateways")) {
    for (const auto& [gateway_name, gateway] : inner->named()) {
      region.gateways.push_back(GatewayId{static_cast<std::uint16_t>(topology.gateways.size())});
      topology.gateways.push_back(parse_gateway(gateway, gateway_name, ports));
      topology.gateways.back().region = id;
    }
  }
  std::vector<TopologyNode> nodes;
  const auto direct = section.find("nodes");
  const auto zones = section.find("zones");
  if (direct && zones) {
    field.error("has both 'nodes' and 'zones': put every node into a zone, or list them directly");
  }
  if (direct) parse_nodes(*direct, "", ports, nodes);
  if (zones) parse_zones(*zones, ports, region, nodes);
  add_nodes(std::move(nodes), id, field.findings(), topology);
  if (const auto redis = section.find("redis")) region.redis = redis->address(kRedisPort);
}

}  // namespace

void parse_regions(const Field& field, const DefaultPorts& ports, Topology& topology) {
  const auto named = field.named();
  if (field.value().kind == YamlValue::Kind::map && field.value().entries.empty()) {
    field.error("must hold at least one region");
  }
  if (named.size() > kMaxTopologyRegions) {
    field.error("more than " + std::to_string(kMaxTopologyRegions) + " regions");
    return;
  }
  for (const auto& [name, inner] : named) {
    parse_region(inner, name, ports, topology);
    if (topology.nodes.size() > kMaxTopologyNodes ||
        topology.gateways.size() > kMaxTopologyGateways) {
      field.error("more than " + std::to_string(kMaxTopologyNodes) + " nodes or " +
                  std::to_string(kMaxTopologyGateways) + " gateways");
      return;
    }
  }
}

std::string region_path(const TopologyRegion& region) {
  return "regions." + region.name;
}

std::string zone_path(const TopologyRegion& region, const std::string& zone) {
  return region_path(region) + ".zones." + zone;
}

std::string node_path(const Topology& topology, const TopologyNode& node) {
  const TopologyRegion& region = topology.region(node.region);
  const std::string group = node.zone.empty() ? region_path(region) : zone_path(region, node.zone);
  return group + ".nodes." + node.name;
}

std::string gateway_path(const Topology& topology, const TopologyGateway& gateway) {
  return region_path(topology.region(gateway.region)) + ".gateways." + gateway.name;
}

}  // namespace regent
