#include <openssl/evp.h>

#include <memory>

#include "topology/parse.h"

namespace regent {
namespace {

// Writes values one after the other so that no two different models give the same bytes: every
// text carries its length, every list its count.
class Canonical {
 public:
  // `what` is raised with every change of what is written below.
  explicit Canonical(std::string what) : out_(std::move(what)) {}

  void number(std::uint64_t value) { out_ += std::to_string(value) + ';'; }
  void time(Duration value) { number(static_cast<std::uint64_t>(value.count())); }
  void text(const std::string& value) {
    number(value.size());
    out_ += value;
  }
  void address(const Address& value) {
    text(value.host);
    number(value.port);
  }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

void write_region(const Topology& topology, const TopologyRegion& region, Canonical& out) {
  out.text(region.name);
  out.number(region.weight);
  out.number(region.witness ? 1 : 0);
  out.number(region.priority);
  out.number(region.zones.size());
  for (const TopologyZone& zone : region.zones) {
    out.text(zone.name);
    out.number(zone.weight);
  }
  out.number(region.nodes.size());
  for (const NodeId id : region.nodes) {
    const TopologyNode& node = topology.node(id);
    out.text(node.name);
    out.text(node.zone);
    out.number(node.weight);
    out.address(node.address);
  }
  out.number(region.gateways.size());
  for (const GatewayId id : region.gateways) {
    const TopologyGateway& gateway = topology.gateway(id);
    out.text(gateway.name);
    out.text(gateway.host);
    out.number(gateway.peer_port);
    out.number(gateway.forward_port);
    out.number(gateway.admin_port);
  }
  out.number(region.redis ? 1 : 0);
  if (region.redis) out.address(*region.redis);
}

void write_limits(const Service& service, Canonical& out) {
  out.time(service.timeouts.head);
  out.time(service.timeouts.body);
  out.time(service.timeouts.connect);
  out.time(service.timeouts.answer);
  out.time(service.timeouts.idle);
  out.number(service.backend_limits.connections);
  out.number(service.backend_limits.queue);
  out.time(service.backend_limits.queue_wait);
  out.number(service.ejection.failures);
  out.time(service.ejection.duration);
}

void write_service(const Service& service, Canonical& out) {
  out.text(service.name);
  out.number(static_cast<std::uint64_t>(service.protocol));
  out.number(service.port);
  out.number(static_cast<std::uint64_t>(service.reads));
  out.time(service.hold);
  out.number(service.min_backends);
  out.number(service.max_body_bytes);
  out.number(service.proxy_protocol ? 1 : 0);
  out.number(service.tls.size());
  for (const TlsFiles& files : service.tls) {
    out.text(files.cert);
    out.text(files.key);
  }
  write_limits(service, out);
  out.text(service.health.path);
  out.time(service.health.interval);
  out.time(service.health.timeout);
  out.number(service.health.rise);
  out.number(service.health.fall);
  out.number(service.backends.size());
  for (const std::vector<Address>& region : service.backends) {
    out.number(region.size());
    for (const Address& backend : region) out.address(backend);
  }
}

void write_traffic(const Traffic& traffic, Canonical& out) {
  out.number(traffic.threads);
  out.number(traffic.max_connections);
  out.number(traffic.max_held);
  out.number(traffic.max_held_bytes);
  out.time(traffic.stop_limit);
}

std::string sha256_hex(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += kHex[digest[i] >> 4U];
    out += kHex[digest[i] & 0xfU];
  }
  return out;
}

void write_quorum(const Topology& topology, Canonical& out) {
  out.text(topology.cluster);
  out.number(topology.version);
  out.number(static_cast<std::uint64_t>(topology.kind));
  out.time(topology.timing.heartbeat);
  out.time(topology.timing.lease);
  out.time(topology.timing.election_window);
  out.number(topology.timing.clock_drift_ppm);
  out.number(topology.failback.automatic ? 1 : 0);
  out.time(topology.failback.hold_down);
  out.number(topology.regions.size());
  for (const TopologyRegion& region : topology.regions) write_region(topology, region, out);
}

}  // namespace

std::string hash_topology(const Topology& topology) {
  Canonical out("regent topology 2;");
  write_quorum(topology, out);
  write_traffic(topology.traffic, out);
  out.number(topology.services.size());
  for (const Service& service : topology.services) write_service(service, out);
  return "sha256:" + sha256_hex(out.bytes());
}

std::string hash_quorum(const Topology& topology) {
  Canonical out("regent quorum 1;");
  write_quorum(topology, out);
  return "sha256:" + sha256_hex(out.bytes());
}

}  // namespace regent
