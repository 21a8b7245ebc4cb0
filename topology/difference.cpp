#include "topology/difference.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "topology/parse.h"
#include "topology/transition.h"

namespace regent {
namespace {

class Differences {
 public:
  template <typename T>
  void value(const std::string& path, const T& before, const T& after) {
    if (!(before == after)) paths_.push_back(path);
  }
  // What has a name: differs when only one side has it, or `compare` is false.
  template <typename T, typename Compare>
  void named(const std::string& path, const std::map<std::string, T>& before,
             const std::map<std::string, T>& after, Compare compare) {
    for (const auto& [name, one] : before) {
      const auto other = after.find(name);
      if (other == after.end()) {
        paths_.push_back(path + "." + name);
      } else {
        compare(path + "." + name, one, other->second);
      }
    }
    for (const auto& [name, one] : after) {
      if (!before.contains(name)) paths_.push_back(path + "." + name);
    }
  }
  std::vector<std::string> take() { return std::move(paths_); }

 private:
  std::vector<std::string> paths_;
};

using NodeFacts = std::tuple<std::string, std::uint64_t, std::string>;
using GatewayFacts = std::tuple<std::string, std::uint16_t, std::uint16_t, std::uint16_t>;

std::map<std::string, NodeFacts> nodes_of(const Topology& topology, const TopologyRegion& region) {
  std::map<std::string, NodeFacts> out;
  for (const NodeId id : region.nodes) {
    const TopologyNode& node = topology.node(id);
    out[node.name] = {node.zone, node.weight, node.address.text()};
  }
  return out;
}

std::map<std::string, GatewayFacts> gateways_of(const Topology& topology,
                                                const TopologyRegion& region) {
  std::map<std::string, GatewayFacts> out;
  for (const GatewayId id : region.gateways) {
    const TopologyGateway& gateway = topology.gateway(id);
    out[gateway.name] = {gateway.host, gateway.peer_port, gateway.forward_port, gateway.admin_port};
  }
  return out;
}

std::map<std::string, std::uint64_t> zones_of(const TopologyRegion& region) {
  std::map<std::string, std::uint64_t> out;
  for (const TopologyZone& zone : region.zones) out[zone.name] = zone.weight;
  return out;
}

std::map<std::string, const TopologyRegion*> regions_of(const Topology& topology) {
  std::map<std::string, const TopologyRegion*> out;
  for (const TopologyRegion& region : topology.regions) out[region.name] = &region;
  return out;
}

}  // namespace

std::vector<std::string> quorum_differences(const Topology& before, const Topology& after) {
  Differences differ;
  const auto value = [&](const std::string& path, const auto& one, const auto& other) {
    differ.value(path, one, other);
  };
  value("cluster", before.cluster, after.cluster);
  value("version", before.version, after.version);
  value("quorum", before.kind, after.kind);
  value("timing.heartbeat", before.timing.heartbeat, after.timing.heartbeat);
  value("timing.lease", before.timing.lease, after.timing.lease);
  value("timing.election_window", before.timing.election_window, after.timing.election_window);
  value("timing.clock_drift_ppm", before.timing.clock_drift_ppm, after.timing.clock_drift_ppm);
  value("failback.policy", before.failback.automatic, after.failback.automatic);
  value("failback.hold_down", before.failback.hold_down, after.failback.hold_down);
  differ.named(
      "regions", regions_of(before), regions_of(after),
      [&](const std::string& path, const TopologyRegion* one, const TopologyRegion* other) {
        value(path + ".weight", one->weight, other->weight);
        value(path + ".witness", one->witness, other->witness);
        value(path + ".priority", one->priority, other->priority);
        value(path + ".redis", one->redis, other->redis);
        differ.named(path + ".zones", zones_of(*one), zones_of(*other), value);
        differ.named(path + ".nodes", nodes_of(before, *one), nodes_of(after, *other), value);
        differ.named(path + ".gateways", gateways_of(before, *one), gateways_of(after, *other),
                     value);
      });
  return differ.take();
}

namespace {

std::string ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         "ms";
}

std::string yes_no(bool value) {
  return value ? "yes" : "no";
}

// What a region, or something in it that is no weight, is; "none" when it is not there.
std::string value_in_region(const Topology& topology, const TopologyRegion& region,
                            const std::string& rest) {
  const auto id = topology.find_region(region.name);
  if (rest.empty()) return std::to_string(region.nodes.size()) + " nodes";
  if (rest == "witness") return yes_no(region.witness);
  if (rest == "priority") return std::to_string(region.priority);
  if (rest == "redis") return region.redis ? region.redis->text() : "none";
  const std::string name = rest.substr(rest.find('.') + 1);
  if (rest.starts_with("nodes.")) {
    const auto node = topology.find_node(*id, name);
    return node ? topology.node(*node).address.text() : "none";
  }
  const auto found = topology.find_gateway(*id, name);
  if (!found) return "none";
  const TopologyGateway& gateway = topology.gateway(*found);
  return gateway.host + " ports " + std::to_string(gateway.peer_port) + ", " +
         std::to_string(gateway.forward_port) + ", " + std::to_string(gateway.admin_port);
}

std::string value_at(const Topology& topology, const std::string& path) {
  if (path == "cluster") return topology.cluster;
  if (path == "version") return std::to_string(topology.version);
  if (path == "timing.heartbeat") return ms(topology.timing.heartbeat);
  if (path == "timing.lease") return ms(topology.timing.lease);
  if (path == "timing.election_window") return ms(topology.timing.election_window);
  if (path == "timing.clock_drift_ppm") return std::to_string(topology.timing.clock_drift_ppm);
  if (path == "failback.policy") return topology.failback.automatic ? "automatic" : "manual";
  if (path == "failback.hold_down") return ms(topology.failback.hold_down);
  const std::string rest = path.substr(std::string("regions.").size());
  const auto region = topology.find_region(rest.substr(0, rest.find('.')));
  if (!region) return "none";
  const std::size_t dot = rest.find('.');
  return value_in_region(topology, topology.region(*region),
                         dot == std::string::npos ? "" : rest.substr(dot + 1));
}

// Told by vote_changes, with more.
bool is_vote(const std::string& path) {
  return path == "quorum" || path.ends_with(".weight") || path.find(".zones.") != path.npos;
}

}  // namespace

std::vector<std::string> described_changes(const Topology& before, const Topology& after) {
  std::vector<std::string> out;
  for (const std::string& path : quorum_differences(before, after)) {
    if (is_vote(path)) continue;
    const std::string one = value_at(before, path);
    const std::string other = value_at(after, path);
    if (one != other) out.push_back(path + ": " + one + " -> " + other);
  }
  for (const std::string& change : vote_changes(before, after)) out.push_back(change);
  return out;
}

bool services_differ(const Topology& before, const Topology& after) {
  Topology same = after;
  same.services = before.services;
  same.traffic = before.traffic;
  return hash_topology(same) != hash_topology(after);
}

}  // namespace regent
