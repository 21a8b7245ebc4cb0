#include "topology/load.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/topology/topology_cases.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

std::string all_messages(const LoadedTopology& loaded) {
  std::string out;
  for (const Finding& finding : loaded.errors) out += finding.message() + "\n";
  return out;
}

Topology example() {
  const LoadedTopology loaded = load_topology((cases_folder() / "example.yaml").string());
  EXPECT_EQ(all_messages(loaded), "");
  EXPECT_TRUE(loaded.warnings.empty());
  return loaded.topology;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(LoadTopology, ReadsTheWholeFormat) {
  const Topology t = example();
  EXPECT_EQ(t.cluster, "shop");
  EXPECT_EQ(t.version, 1U);
  EXPECT_EQ(t.kind, QuorumKind::hierarchical);
  EXPECT_EQ(t.timing.heartbeat, milliseconds(250));
  EXPECT_EQ(t.timing.lease, milliseconds(1500));
  EXPECT_EQ(t.timing.election_window, milliseconds(375));
  EXPECT_EQ(t.timing.clock_drift_ppm, 1000U);
  EXPECT_FALSE(t.failback.automatic);
  ASSERT_EQ(t.regions.size(), 3U);
  EXPECT_EQ(t.regions[0].name, "eu");
  EXPECT_TRUE(t.regions[0].witness);
  EXPECT_FALSE(t.regions[0].may_be_primary());
  EXPECT_EQ(t.regions[1].name, "us-east");
  EXPECT_EQ(t.regions[1].priority, 100U);
  EXPECT_EQ(t.regions[1].redis, (Address{"10.0.1.20", 6379}));
  EXPECT_EQ(t.regions[2].name, "us-west");
  EXPECT_EQ(t.regions[2].zones.size(), 3U);
  EXPECT_FALSE(t.regions[2].redis);
  ASSERT_EQ(t.services.size(), 1U);
  const Service& orders = t.services[0];
  EXPECT_EQ(orders.protocol, Protocol::http);
  EXPECT_EQ(orders.port, 8080);
  EXPECT_EQ(orders.hold, std::chrono::seconds(5));
  EXPECT_EQ(orders.tls, (std::vector<TlsFiles>{{"FILE", "FILE"}}));
  EXPECT_EQ(orders.health.path, "/health");
  EXPECT_EQ(orders.health.fall, 3U);
  ASSERT_EQ(orders.backends.size(), 3U);
  EXPECT_TRUE(orders.backends[0].empty());
  EXPECT_EQ(orders.backends[1], (std::vector<Address>{{"10.0.1.11", 9000}, {"10.0.1.12", 9000}}));
}

TEST(LoadTopology, IdsAreIndicesInNameOrder) {
  const Topology t = example();
  ASSERT_EQ(t.nodes.size(), 7U);
  ASSERT_EQ(t.gateways.size(), 4U);
  const auto west = t.find_region("us-west");
  ASSERT_TRUE(west);
  const auto n2 = t.find_node(*west, "n2");
  ASSERT_TRUE(n2);
  EXPECT_EQ(t.node(*n2).zone, "b");
  EXPECT_EQ(t.node(*n2).address, (Address{"10.0.2.12", 7500}));
  EXPECT_EQ(t.node(NodeId{3}).name, "n3");
  EXPECT_EQ(t.node(NodeId{3}).weight, 2U);
  const auto gw2 = t.find_gateway(*west, "gw2");
  ASSERT_TRUE(gw2);
  EXPECT_EQ(gw2->value, 3);
  EXPECT_EQ(t.gateway(*gw2).host, "10.0.2.20");
  EXPECT_EQ(t.gateway(*gw2).forward_port, 7443);
  EXPECT_FALSE(t.find_region("us"));
  EXPECT_FALSE(t.find_node(*west, "n4"));
  EXPECT_FALSE(t.find_gateway(*t.find_region("eu"), "gw2"));
  EXPECT_FALSE(t.find_node(kNoRegion, "n1"));
  EXPECT_EQ(t.region_name(*west), "us-west");
  EXPECT_EQ(t.region_name(kNoRegion), "");
}

TEST(LoadTopology, PortsOfAGatewayCanBeSetOneByOne) {
  const LoadedTopology loaded = parse_topology(
      "cluster: c\nports: { peer: 1, forward: 2, admin: 3, node: 4 }\nregions:\n  r:\n"
      "    gateways:\n      a: host-a\n      b: host-b:10\n"
      "      c: { address: host-c, forward: 20 }\n"
      "      d: { address: \"[::1]:10\", peer: 10, admin: 30 }\n"
      "    nodes: { n1: host-a, n2: \"::1\" }\n",
      "t.yaml");
  ASSERT_EQ(all_messages(loaded), "");
  const auto ports = [&](std::size_t i) {
    const TopologyGateway& g = loaded.topology.gateways[i];
    return std::vector<int>{g.peer_port, g.forward_port, g.admin_port};
  };
  EXPECT_EQ(ports(0), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(ports(1), (std::vector<int>{10, 2, 3}));
  EXPECT_EQ(ports(2), (std::vector<int>{1, 20, 3}));
  EXPECT_EQ(ports(3), (std::vector<int>{10, 2, 30}));
  EXPECT_EQ(loaded.topology.nodes[0].address.text(), "host-a:4");
  EXPECT_EQ(loaded.topology.nodes[1].address.text(), "[::1]:4");
}

TEST(LoadTopology, OptionalKeysOfServices) {
  const LoadedTopology loaded = parse_topology(
      "cluster: c\ntiming: { election_window: 200ms }\n"
      "regions: { r: { gateways: { g: a }, nodes: { n: a } } }\n"
      "services:\n  h: { port: 80, reads: primary, max_body: 10MB, backends: { r: [ \"b:1\" ] } }\n"
      "  i: { port: 82, max_body: 3KiB, min_backends: 0 }\n"
      "  t: { port: 81, protocol: tcp, proxy_protocol: v2, hold: 0s, backends: { r: [ \"b:2\" ] } "
      "}\n",
      "t.yaml");
  ASSERT_EQ(all_messages(loaded), "");
  const Topology& t = loaded.topology;
  EXPECT_EQ(t.timing.election_window, milliseconds(200));
  EXPECT_EQ(t.services[0].max_body_bytes, 10'000'000U);
  EXPECT_EQ(t.services[0].reads, Reads::primary);
  EXPECT_EQ(t.services[1].max_body_bytes, 3072U);
  EXPECT_EQ(t.services[2].protocol, Protocol::tcp);
  EXPECT_TRUE(t.services[2].proxy_protocol);
  EXPECT_EQ(t.services[2].hold, Duration{});
  EXPECT_EQ(t.services[2].max_body_bytes, 0U);
}

TEST(LoadTopology, LimitsHaveDefaultsAndCanBeSetOneByOne) {
  const std::string regions =
      "cluster: c\nregions: { r: { gateways: { g: a }, nodes: { n: a } } }\n";
  const LoadedTopology plain =
      parse_topology(regions +
                         "services:\n  h: { port: 80, min_backends: 0 }\n"
                         "  t: { port: 81, min_backends: 0, protocol: tcp }\n",
                     "t.yaml");
  ASSERT_EQ(all_messages(plain), "");
  EXPECT_EQ(plain.topology.traffic.threads, 0U);
  EXPECT_EQ(plain.topology.traffic.max_held_bytes, 64'000'000U);
  EXPECT_EQ(plain.topology.services[0].timeouts.idle, std::chrono::seconds(75));
  EXPECT_EQ(plain.topology.services[1].timeouts.idle, std::chrono::hours(1));
  EXPECT_TRUE(plain.topology.services[0].tls.empty());

  const LoadedTopology set = parse_topology(
      regions +
          "traffic: { threads: 3, max_connections: 10, max_held: 0, max_held_bytes: 1MB, "
          "stop_limit: 0ms }\n"
          "services:\n  h:\n    port: 80\n    min_backends: 0\n"
          "    timeouts: { head: 1s, body: 2s, connect: 3ms, answer: 4s, idle: 5s }\n"
          "    backend_limits: { connections: 6, queue: 7, queue_wait: 8s }\n"
          "    ejection: { failures: 9, for: 10s }\n"
          "    tls: [{ cert: b.crt, key: b.key }, { cert: a.crt, key: a.key }]\n",
      "t.yaml");
  ASSERT_EQ(all_messages(set), "");
  const Traffic& traffic = set.topology.traffic;
  EXPECT_EQ(traffic.threads, 3U);
  EXPECT_EQ(traffic.max_connections, 10U);
  EXPECT_EQ(traffic.max_held, 0U);
  EXPECT_EQ(traffic.max_held_bytes, 1'000'000U);
  EXPECT_EQ(traffic.stop_limit, Duration{});
  const Service& service = set.topology.services[0];
  EXPECT_EQ(service.timeouts.head, std::chrono::seconds(1));
  EXPECT_EQ(service.timeouts.body, std::chrono::seconds(2));
  EXPECT_EQ(service.timeouts.connect, milliseconds(3));
  EXPECT_EQ(service.timeouts.answer, std::chrono::seconds(4));
  EXPECT_EQ(service.timeouts.idle, std::chrono::seconds(5));
  EXPECT_EQ(service.backend_limits.connections, 6U);
  EXPECT_EQ(service.backend_limits.queue, 7U);
  EXPECT_EQ(service.backend_limits.queue_wait, std::chrono::seconds(8));
  EXPECT_EQ(service.ejection.failures, 9U);
  EXPECT_EQ(service.ejection.duration, std::chrono::seconds(10));
  EXPECT_EQ(service.tls, (std::vector<TlsFiles>{{"b.crt", "b.key"}, {"a.crt", "a.key"}}));
}

TEST(TopologyHash, KnowsNeitherOrderNorCommentsNorSpelling) {
  const LoadedTopology other = load_topology((cases_folder() / "example_reordered.yaml").string());
  ASSERT_EQ(all_messages(other), "");
  EXPECT_EQ(other.topology.hash, example().hash);
  EXPECT_EQ(other.topology.quorum_hash, example().quorum_hash);
  EXPECT_EQ(example().hash.size(), 7U + 64U);
  EXPECT_TRUE(example().hash.starts_with("sha256:"));
}

// Changes of the example, each of one value: of what votes are compared by, and of the rest.
constexpr std::pair<const char*, const char*> kQuorumChanges[] = {
    {"cluster: shop", "cluster: shop2"},
    {"version: 1", "version: 2"},
    {"quorum: hierarchical", "quorum: weighted"},
    {"heartbeat: 250ms", "heartbeat: 251ms"},
    {"lease: 1500ms", "lease: 1504ms"},
    {"lease: 1500ms", "lease: 1500ms\n  election_window: 376ms"},
    {"ppm: 1000", "ppm: 1001"},
    {"policy: manual", "policy: automatic"},
    {"policy: manual", "policy: automatic, hold_down: 61s"},
    {"peer: 7400", "peer: 7401"},
    {"forward: 7443", "forward: 7444"},
    {"admin: 7480", "admin: 7481"},
    {"node: 7500", "node: 7501"},
    {"  us-east:\n    weight: 1", "  us-east:\n    weight: 2"},
    {"priority: 100", "priority: 101"},
    {"witness: true,", ""},
    {"gw1: 10.0.1.10", "gw2: 10.0.1.10"},
    {"gw1: 10.0.1.10", "gw1: 10.0.1.9"},
    {"n1: 10.0.1.11", "n0: 10.0.1.11"},
    {"n1: 10.0.1.11", "n1: 10.0.1.111"},
    {"weight: 2 }", "weight: 1 }"},
    {"redis: 10.0.1.20:6379", "redis: 10.0.1.20:6380"},
    {"redis: 10.0.1.20:6379", ""},
    {"a: { weight: 1,", "aa: { weight: 1,"},
    {"b: { weight: 1,", "b: { weight: 2,"},
};
constexpr std::pair<const char*, const char*> kServiceChanges[] = {
    {"orders:", "orders2:"},
    {"protocol: http\n    port: 8080\n    reads: local\n    hold: 5s\n    min_backends: 1\n"
     "    tls: { cert: FILE, key: FILE }",
     "protocol: tcp\n    port: 8080"},
    {"port: 8080", "port: 8081"},
    {"reads: local", "reads: primary"},
    {"hold: 5s", "hold: 6s"},
    {"min_backends: 1", "min_backends: 0"},
    {"min_backends: 1", "max_body: 1"},
    {"cert: FILE", "cert: FILE2"},
    {"tls: { cert: FILE, key: FILE }", "tls: [{ cert: FILE, key: FILE }, { cert: F2, key: F2 }]"},
    {"reads: local", "timeouts: { head: 31s }"},
    {"reads: local", "timeouts: { body: 31s }"},
    {"reads: local", "timeouts: { connect: 31s }"},
    {"reads: local", "timeouts: { answer: 31s }"},
    {"reads: local", "timeouts: { idle: 31s }"},
    {"reads: local", "backend_limits: { connections: 77 }"},
    {"reads: local", "backend_limits: { queue: 77 }"},
    {"reads: local", "backend_limits: { queue_wait: 77s }"},
    {"reads: local", "ejection: { failures: 77 }"},
    {"reads: local", "ejection: { for: 77s }"},
    {"services:", "traffic: { threads: 77 }\nservices:"},
    {"services:", "traffic: { max_connections: 77 }\nservices:"},
    {"services:", "traffic: { max_held: 77 }\nservices:"},
    {"services:", "traffic: { max_held_bytes: 77 }\nservices:"},
    {"services:", "traffic: { stop_limit: 77s }\nservices:"},
    {"key: FILE", "key: FILE2"},
    {"path: /health", "path: /"},
    {"interval: 1s", "interval: 2s"},
    {"timeout: 500ms", "timeout: 501ms"},
    {"rise: 2", "rise: 1"},
    {"fall: 3", "fall: 2"},
    {"us-west: [10.0.2.11:9000]", "us-west: [10.0.2.11:9001]"},
    {"us-west: [10.0.2.11:9000]", "eu: [10.0.2.11:9000]"},
};

TEST(TopologyHash, ChangesWithEveryValue) {
  const std::string text = read_case("example.yaml");
  const Topology before = parse_topology(text, "t").topology;
  std::set<std::string> hashes{before.hash, before.quorum_hash};
  const auto change = [&](const char* from, const char* to) {
    const LoadedTopology changed = parse_topology(with(text, from, to), "t");
    EXPECT_EQ(all_messages(changed), "") << from << " -> " << to;
    EXPECT_TRUE(hashes.insert(changed.topology.hash).second) << from << " -> " << to;
    return changed.topology;
  };
  for (const auto& [from, to] : kQuorumChanges) {
    EXPECT_TRUE(hashes.insert(change(from, to).quorum_hash).second) << from << " -> " << to;
  }
  for (const auto& [from, to] : kServiceChanges) {
    EXPECT_EQ(change(from, to).quorum_hash, before.quorum_hash) << from << " -> " << to;
  }
  const std::string tcp = with(with(text, "protocol: http", "protocol: tcp"),
                               "    tls: { cert: FILE, key: FILE }\n", "");
  EXPECT_NE(parse_topology(tcp, "t").topology.hash,
            parse_topology(with(tcp, "protocol: tcp", "protocol: tcp\n    proxy_protocol: v2"), "t")
                .topology.hash);
}

TEST(TopologyTree, FollowsTheKind) {
  const auto outcome = [](const char* kind, const std::set<std::string>& granted) {
    const std::string yaml =
        std::string("cluster: c\nquorum: ") + kind +
        "\nregions:\n"
        "  a: { weight: 3, gateways: { g: a0 }, nodes: { n: { address: a1, weight: 1 } } }\n"
        "  b: { weight: 1, gateways: { g: b0 }, nodes: { n: { address: b1, weight: 5 } } }\n"
        "  c: { weight: 1, gateways: { g: c0 }, nodes: { n: { address: c1, weight: 1 } } }\n";
    const LoadedTopology loaded = parse_topology(yaml, "t");
    EXPECT_EQ(all_messages(loaded), "");
    Ballot ballot(loaded.topology.tree);
    for (std::size_t i = 0; i < loaded.topology.nodes.size(); ++i) {
      const std::string& name = loaded.topology.region(loaded.topology.nodes[i].region).name;
      ballot.set(NodeId{static_cast<std::uint32_t>(i)},
                 granted.contains(name) ? Vote::granted : Vote::refused);
    }
    return ballot.outcome();
  };
  EXPECT_EQ(outcome("hierarchical", {"a"}), Outcome::won);
  EXPECT_EQ(outcome("hierarchical", {"b", "c"}), Outcome::lost);
  EXPECT_EQ(outcome("weighted", {"b"}), Outcome::won);
  EXPECT_EQ(outcome("weighted", {"a", "c"}), Outcome::lost);
  EXPECT_EQ(outcome("majority", {"b"}), Outcome::lost);
  EXPECT_EQ(outcome("majority", {"a", "c"}), Outcome::won);
}

TEST(ParseAddress, TakesWhatPeopleWrite) {
  EXPECT_EQ(parse_address("localhost", 5)->text(), "localhost:5");
  EXPECT_EQ(parse_address("localhost:6", 5)->text(), "localhost:6");
  EXPECT_EQ(parse_address("127.0.0.1:6", 0)->text(), "127.0.0.1:6");
  EXPECT_EQ(parse_address("[::1]:80", 0)->text(), "[::1]:80");
  EXPECT_EQ(parse_address("::1", 80)->text(), "[::1]:80");
  EXPECT_FALSE(parse_address("", 80));
  EXPECT_FALSE(parse_address("localhost", 0));
  EXPECT_FALSE(parse_address("localhost:", 80));
  EXPECT_FALSE(parse_address("localhost:-1", 80));
  EXPECT_FALSE(parse_address("localhost:65536", 80));
  EXPECT_FALSE(parse_address(std::string("local\0host", 10), 80));
}

}  // namespace
}  // namespace regent
