#include "test_cluster.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "security/certificate_folder.h"
#include "topology/load.h"

namespace regent::test {
namespace {

// One network a test process: many of them run at the same time on one machine.
std::string network() {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(64 + pid / 250 % 128) + "." + std::to_string(pid % 250) + ".";
}

}  // namespace

void Awaited::update(const std::function<void()>& change) {
  const std::scoped_lock lock(mutex_);
  change();
  changed_.notify_all();
}

bool Awaited::wait(const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kLimit, condition);
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "regent-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::path(const std::string& name) const {
  return name.empty() ? path_.string() : (path_ / name).string();
}

Topology make_topology(int version) {
  const std::string net = network();
  const std::string text = "cluster: shop\nversion: " + std::to_string(version) +
                           "\n"
                           "regions:\n"
                           "  us-east:\n"
                           "    gateways: { gw1: " +
                           net + "10, gw2: " + net +
                           "20 }\n"
                           "    nodes: { n1: " +
                           net + "11, n2: " + net +
                           "12 }\n"
                           "  us-west:\n"
                           "    gateways: { gw1: " +
                           net +
                           "30 }\n"
                           "    nodes: { n1: " +
                           net +
                           "31 }\n"
                           "  eu:\n"
                           "    witness: true\n"
                           "    gateways: { gw1: " +
                           net +
                           "40 }\n"
                           "    nodes: { n1: " +
                           net + "41 }\n";
  const LoadedTopology loaded = parse_topology(text, "test.yaml");
  for (const Finding& error : loaded.errors) std::fputs((error.message() + "\n").c_str(), stderr);
  CHECK(loaded.errors.empty());
  return loaded.topology;
}

RegionId region_id(const Topology& topology, const std::string& region) {
  return topology.find_region(region).value();
}

GatewayId gateway_id(const Topology& topology, const std::string& region, const std::string& name) {
  return topology.find_gateway(region_id(topology, region), name).value();
}

NodeId node_id(const Topology& topology, const std::string& region, const std::string& name) {
  return topology.find_node(region_id(topology, region), name).value();
}

Certificates::Certificates(const Topology& topology) {
  std::vector<CertificateHolder> holders;
  for (const TopologyGateway& gateway : topology.gateways) {
    holders.push_back({Identity{topology.cluster, IdentityRole::gateway,
                                topology.region_name(gateway.region), gateway.name},
                       {gateway.host}});
  }
  for (const TopologyNode& node : topology.nodes) {
    holders.push_back({Identity{topology.cluster, IdentityRole::node,
                                topology.region_name(node.region), node.name},
                       {node.address.host}});
  }
  const auto made = create_certificate_folder(folder_.path(), topology.cluster, holders, 1);
  if (!made.ok()) std::fputs((made.error().message + "\n").c_str(), stderr);
  CHECK(made.ok());
}

std::unique_ptr<Credentials> Certificates::load(const Identity& identity) const {
  auto loaded = Credentials::load(credential_files(folder_.path(), identity), identity);
  if (!loaded.ok()) std::fputs((loaded.error().message + "\n").c_str(), stderr);
  CHECK(loaded.ok());
  return std::move(loaded).value();
}

}  // namespace regent::test
