#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "topology/parse.h"

namespace regent {
namespace {

// One spelling per host: IP literals in their shortest form, names in lower case.
std::string canonical_host(const std::string& host) {
  in6_addr address{};
  if (inet_pton(AF_INET6, host.c_str(), &address) == 1) {
    char text[INET6_ADDRSTRLEN];
    if (inet_ntop(AF_INET6, &address, text, sizeof(text)) != nullptr) return text;
  }
  std::string out = host;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Who listens where.
class Listeners {
 public:
  explicit Listeners(Findings& findings) : findings_(findings) {}

  // `path` is where the port or address stands in the file, `what` says who listens.
  void add(const Address& address, const std::string& path, const std::string& what) {
    // Left empty where the file was wrong, which has been reported.
    if (address.host.empty() || address.port == 0) return;
    const auto [known, fresh] =
        taken_.try_emplace({canonical_host(address.host), address.port}, what);
    if (!fresh) {
      findings_.error(path, what + " and " + known->second + " would share " + address.text() +
                                ": give one of them another port or address");
    }
  }

  const std::string* at(const Address& address) const {
    const auto found = taken_.find({canonical_host(address.host), address.port});
    return found == taken_.end() ? nullptr : &found->second;
  }

 private:
  Findings& findings_;
  std::map<std::pair<std::string, std::uint16_t>, std::string> taken_;
};

void add_gateways(const Topology& topology, Listeners& listeners) {
  for (const TopologyGateway& gateway : topology.gateways) {
    const std::string path = gateway_path(topology, gateway);
    const std::string who =
        "gateway " + topology.region(gateway.region).name + "/" + gateway.name + " (";
    listeners.add({gateway.host, gateway.peer_port}, path, who + "peer port)");
    listeners.add({gateway.host, gateway.forward_port}, path, who + "forward port)");
    listeners.add({gateway.host, gateway.admin_port}, path, who + "admin port)");
  }
  for (const Service& service : topology.services) {
    for (const TopologyGateway& gateway : topology.gateways) {
      listeners.add({gateway.host, service.port}, "services." + service.name + ".port",
                    "service " + service.name + " on gateway " +
                        topology.region(gateway.region).name + "/" + gateway.name);
    }
  }
}

}  // namespace

void check_addresses(const Topology& topology, Findings& findings) {
  Listeners listeners(findings);
  add_gateways(topology, listeners);
  for (const TopologyNode& node : topology.nodes) {
    listeners.add(node.address, node_path(topology, node),
                  "node " + topology.region(node.region).name + "/" + node.name);
  }
  // Regions may share a Redis, and services a backend; neither may be a listener of ours.
  const auto foreign = [&](const Address& address, const std::string& path) {
    if (const std::string* taken = listeners.at(address)) {
      findings.error(path, address.text() + " is where " + *taken + " listens");
    }
  };
  for (const TopologyRegion& region : topology.regions) {
    if (region.redis) foreign(*region.redis, region_path(region) + ".redis");
  }
  for (const Service& service : topology.services) {
    for (std::size_t i = 0; i < service.backends.size(); ++i) {
      for (const Address& backend : service.backends[i]) {
        foreign(backend, "services." + service.name + ".backends." + topology.regions[i].name);
      }
    }
  }
}

}  // namespace regent
