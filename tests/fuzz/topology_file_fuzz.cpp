// Topology files: any text gives either errors that point into it, or a model that holds together:
// ids that lead where they should, numbers within their bounds, a quorum tree that can be won and
// whose winners meet, and a hash that depends on the model alone.
#include <algorithm>
#include <set>

#include "quorum/tree.h"
#include "tests/fuzz/property.h"
#include "topology/load.h"

namespace regent::fuzz {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

bool is_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  return !text.empty() && text.size() <= 63 && plain(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return plain(c) || c == '-' || c == '_'; });
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_address(const Address& address, std::string_view text) {
  require(!address.host.empty() && is_clean(address.host) && address.port != 0,
          "an address has a host and a port", text);
}

void check_findings(const std::vector<Finding>& findings, std::string_view text) {
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  for (const Finding& finding : findings) {
    require(finding.line >= 1 && finding.line <= lines, "a finding names a line of the file", text);
    require(finding.column >= 1, "a finding names a column", text);
    require(!finding.text.empty() && is_clean(finding.message()), "a finding is one line of text",
            text);
  }
}

void check_region(const Topology& model, RegionId id, std::string_view text) {
  const TopologyRegion& region = model.region(id);
  require(is_name(region.name), "regions have names", text);
  require(model.find_region(region.name) == id, "a region is found by its name", text);
  require(region.weight <= kMaxWeight, "a region's weight is within its bound", text);
  std::set<std::string> zones{""};
  for (const TopologyZone& zone : region.zones) {
    require(is_name(zone.name) && zones.insert(zone.name).second && zone.weight <= kMaxWeight,
            "zones have names of their own and weights", text);
  }
  for (const NodeId node_id : region.nodes) {
    const TopologyNode& node = model.node(node_id);
    require(node.region == id && model.find_node(id, node.name) == node_id,
            "a region's nodes are its own and found by name", text);
    require(is_name(node.name) && zones.contains(node.zone) && node.weight <= kMaxWeight,
            "a node has a name, a zone that exists and a weight", text);
    check_address(node.address, text);
  }
  for (const GatewayId gateway_id : region.gateways) {
    const TopologyGateway& gateway = model.gateway(gateway_id);
    require(gateway.region == id && model.find_gateway(id, gateway.name) == gateway_id,
            "a region's gateways are its own and found by name", text);
    require(is_name(gateway.name) && !model.find_node(id, gateway.name),
            "a gateway's name is no node's", text);
    const std::set<std::uint16_t> ports{0, gateway.peer_port, gateway.forward_port,
                                        gateway.admin_port};
    require(!gateway.host.empty() && ports.size() == 4, "a gateway has three ports", text);
  }
  require(!region.gateways.empty(), "each region has a gateway", text);
  if (region.redis) check_address(*region.redis, text);
}

void check_timing(const Topology& model, std::string_view text) {
  const Timing& timing = model.timing;
  require(timing.heartbeat >= milliseconds(1) && timing.lease >= 4 * timing.heartbeat &&
              timing.lease <= hours(1),
          "the lease is four heartbeats and at most an hour", text);
  require(timing.election_window > Duration::zero() && timing.election_window <= timing.lease / 2,
          "the election window is at most half a lease", text);
  require(timing.clock_drift_ppm <= 100'000, "the clock drift is at most a tenth", text);
}

void check_limits(const Service& service, std::string_view text) {
  for (const TlsFiles& files : service.tls) {
    require(!files.cert.empty() && !files.key.empty(), "a certificate comes with its key", text);
  }
  require(service.tls.empty() || service.protocol == Protocol::http, "TLS is for http", text);
  const Timeouts& timeouts = service.timeouts;
  for (const Duration timeout :
       {timeouts.head, timeouts.body, timeouts.connect, timeouts.answer, timeouts.idle}) {
    require(timeout > Duration::zero(), "each time-out lets some time pass", text);
  }
  require(service.backend_limits.connections > 0, "a backend may have a connection", text);
  require(service.ejection.duration > Duration::zero(), "ejection lasts", text);
}

void check_services(const Topology& model, std::string_view text) {
  require(model.traffic.max_connections > 0 && model.traffic.max_held_bytes > 0 &&
              model.traffic.stop_limit >= Duration::zero(),
          "a gateway takes connections", text);
  std::string last;
  for (const Service& service : model.services) {
    require(is_name(service.name) && last < service.name, "services are sorted by name", text);
    last = service.name;
    require(service.port != 0, "a service has a port", text);
    check_limits(service, text);
    require(service.health.interval > Duration::zero() && service.health.rise > 0 &&
                service.health.fall > 0,
            "health checks have an interval and thresholds", text);
    require(is_clean(service.health.path), "the path of a health check is one line", text);
    require(service.backends.size() == model.regions.size(), "each region has its backends", text);
    for (const auto& region : service.backends) {
      for (const Address& backend : region) check_address(backend, text);
    }
  }
}

// Every node grants, refuses or grants by a bit of `choice`; two winning sets always meet.
void check_tree(const Topology& model, std::size_t choice, std::string_view text) {
  require(model.tree.leaf_count() == model.nodes.size() &&
              model.tree.node_limit() == model.nodes.size(),
          "the tree's leaves are the nodes", text);
  Ballot all(model.tree);
  Ballot none(model.tree);
  Ballot some(model.tree);
  Ballot others(model.tree);
  require(all.outcome() == Outcome::pending, "without votes nothing is decided", text);
  for (std::size_t i = 0; i < model.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint32_t>(i)};
    const bool granted = (choice >> i % 61 & 1U) != 0;
    all.set(node, Vote::granted);
    none.set(node, Vote::refused);
    some.set(node, granted ? Vote::granted : Vote::refused);
    others.set(node, granted ? Vote::refused : Vote::granted);
  }
  require(all.outcome() == Outcome::won, "all nodes together win", text);
  require(none.outcome() == Outcome::lost, "nobody wins with no node", text);
  require(some.outcome() != Outcome::pending && others.outcome() != Outcome::pending,
          "when all have voted it is decided", text);
  require(some.outcome() == Outcome::lost || others.outcome() == Outcome::lost,
          "two sets without a common node do not both win", text);
}

void check_model(const Topology& model, std::string_view text) {
  require(is_name(model.cluster), "the cluster has a name", text);
  for (const std::string& hash : {model.hash, model.quorum_hash}) {
    require(hash.size() == 71 && hash.starts_with("sha256:") &&
                hash.find_first_not_of("0123456789abcdef", 7) == std::string::npos,
            "a hash is a SHA-256", text);
  }
  std::size_t nodes = 0;
  std::size_t gateways = 0;
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < model.regions.size(); ++i) {
    require(i == 0 || model.regions[i - 1].name < model.regions[i].name,
            "regions are sorted by name", text);
    check_region(model, RegionId{static_cast<std::uint16_t>(i)}, text);
    nodes += model.regions[i].nodes.size();
    gateways += model.regions[i].gateways.size();
    candidates += model.regions[i].may_be_primary() ? 1U : 0U;
  }
  require(nodes == model.nodes.size() && gateways == model.gateways.size(),
          "every node and gateway belongs to one region", text);
  require(candidates > 0, "some region may be primary", text);
  check_timing(model, text);
  check_services(model, text);
  check_tree(model, std::hash<std::string_view>{}(text), text);
}

std::string messages(const LoadedTopology& loaded) {
  std::string out;
  for (const Finding& error : loaded.errors) out += error.message() + "\n";
  for (const Finding& warning : loaded.warnings) out += warning.message() + "\n";
  return out;
}

void check_file(std::string_view text) {
  const LoadedTopology loaded = parse_topology(std::string(text), "t");
  check_findings(loaded.errors, text);
  check_findings(loaded.warnings, text);
  const LoadedTopology again = parse_topology(std::string(text), "t");
  require(messages(again) == messages(loaded), "the same file gives the same findings", text);
  if (!loaded.errors.empty()) return;
  check_model(loaded.topology, text);
  require(again.topology.hash == loaded.topology.hash &&
              again.topology.quorum_hash == loaded.topology.quorum_hash,
          "the same file gives the same hashes", text);
  const LoadedTopology commented = parse_topology(std::string(text) + "\n# end\n", "t");
  require(commented.errors.empty() && commented.topology.hash == loaded.topology.hash,
          "a comment does not change the hash", text);
}

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  regent::fuzz::check_file(regent::fuzz::text_of(data, size));
  return 0;
}
