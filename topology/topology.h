#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quorum/tree.h"
#include "quorum/types.h"

// The checked model of a topology file: who exists, where, with what weight. Immutable after
// load (topology/load.h), shared by all threads. Lists are sorted by name, so equal topologies
// give equal ids and equal hashes whatever the order in the file.
namespace regent {

enum class QuorumKind : std::uint8_t { majority, weighted, hierarchical };
const char* kind_name(QuorumKind kind);  // as in the file

struct Address {
  std::string host;  // as written: a name or an IP literal
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
  std::string text() const;  // host:port, [host]:port for IPv6
};

// HOST, HOST:PORT or [IPV6]:PORT. HOST is a name or an IP literal that others can connect to, so no
// wildcard. `default_port` 0: the port must be given. Errors say what an address looks like.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port);

struct TopologyNode {  // its NodeId is its index; sorted by (region, name)
  RegionId region;
  std::string name;  // unique in its region, across zones
  std::string zone;  // empty: none
  std::uint64_t weight = 1;
  Address address;  // where the node listens for its region's gateways
};

struct TopologyGateway {  // its GatewayId is its index; sorted by (region, name)
  RegionId region;
  std::string name;
  std::string host;
  std::uint16_t peer_port = 0;     // gateways' heartbeats and rounds
  std::uint16_t forward_port = 0;  // client requests from other regions' gateways
  std::uint16_t admin_port = 0;
};

struct TopologyZone {
  std::string name;
  std::uint64_t weight = 1;
};

struct TopologyRegion {  // its RegionId is its index; sorted by name
  std::string name;
  std::uint64_t weight = 1;
  bool witness = false;        // votes, never primary
  std::uint32_t priority = 1;  // higher stands first; 0 never stands
  std::vector<TopologyZone> zones;
  std::vector<NodeId> nodes;
  std::vector<GatewayId> gateways;
  std::optional<Address> redis;

  bool may_be_primary() const { return !witness && priority > 0; }
};

struct Timing {
  Duration heartbeat{std::chrono::milliseconds(250)};
  Duration lease{std::chrono::milliseconds(1500)};
  Duration election_window{};  // lease asked for in an election; default lease / 4
  std::uint32_t clock_drift_ppm = 1000;
};

struct Failback {
  bool automatic = false;
  Duration hold_down{std::chrono::seconds(60)};
};

enum class Protocol : std::uint8_t { http, tcp };
enum class Reads : std::uint8_t { local, primary };

struct HealthCheck {
  std::string path;  // empty: a TCP connect is enough
  Duration interval{std::chrono::seconds(1)};
  Duration timeout{std::chrono::milliseconds(500)};
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
};

// How long each phase may take, all above 0. A tcp service knows `connect` and `idle` only.
struct Timeouts {
  Duration head{std::chrono::seconds(30)};    // from a request's first byte to its complete head
  Duration body{std::chrono::seconds(60)};    // the client sends nothing of its body
  Duration connect{std::chrono::seconds(3)};  // to a backend or another gateway
  Duration answer{std::chrono::seconds(60)};  // the backend says nothing
  Duration idle{std::chrono::seconds(75)};    // http: between requests; tcp: nothing either way
};

// Of one backend, as one gateway sees it.
struct BackendLimits {
  std::uint32_t connections = 4096;  // at once; at least 1
  std::uint32_t queue = 1024;        // requests that wait for one of them; 0: none waits
  Duration queue_wait{std::chrono::seconds(5)};
};

// Failures in a row, of requests and not of health checks, that put a backend aside for a while.
struct Ejection {
  std::uint32_t failures = 5;  // 0: never
  Duration duration{std::chrono::seconds(10)};
};

struct TlsFiles {  // PEM
  std::string cert;
  std::string key;

  bool operator==(const TlsFiles&) const = default;
};

struct Service {
  std::string name;
  Protocol protocol = Protocol::http;
  std::uint16_t port = 0;  // every gateway listens here, on its own host
  Reads reads = Reads::local;
  Duration hold{std::chrono::seconds(5)};
  std::uint32_t min_backends = 1;
  std::uint64_t max_body_bytes = 0;  // 0: unlimited
  bool proxy_protocol = false;       // tcp only: send a v2 header
  // Empty: plain. The first is for clients that name no server or one that no other
  // certificate is for.
  std::vector<TlsFiles> tls;
  Timeouts timeouts;
  BackendLimits backend_limits;
  Ejection ejection;
  HealthCheck health;
  std::vector<std::vector<Address>> backends;  // by RegionId
};

// Of one gateway, over all of its services.
struct Traffic {
  std::uint32_t threads = 0;  // of the data plane; 0: one a core
  std::uint32_t max_connections = 16'384;
  std::uint32_t max_held = 4096;  // requests that wait for a primary
  std::uint64_t max_held_bytes = 64'000'000;
  Duration stop_limit{std::chrono::seconds(5)};  // for what is under way when a gateway stops
};

struct Topology {
  std::string cluster;
  std::uint64_t version = 0;
  // "sha256:" and 64 hex digits: over the whole model; and over all of it but `services` and
  // `traffic`, which every process must agree on for votes to count.
  std::string hash;
  std::string quorum_hash;
  QuorumKind kind = QuorumKind::hierarchical;
  Timing timing;
  Failback failback;
  std::vector<TopologyRegion> regions;
  std::vector<TopologyNode> nodes;
  std::vector<TopologyGateway> gateways;
  Traffic traffic;
  std::vector<Service> services;  // sorted by name; Redis' plain `gateways` field is the first
  QuorumTree tree;

  // Lookups by name; nullopt when there is none.
  std::optional<RegionId> find_region(std::string_view name) const;
  std::optional<NodeId> find_node(RegionId region, std::string_view name) const;
  std::optional<GatewayId> find_gateway(RegionId region, std::string_view name) const;

  const TopologyRegion& region(RegionId id) const { return regions.at(id.value); }
  const TopologyNode& node(NodeId id) const { return nodes.at(id.value); }
  const TopologyGateway& gateway(GatewayId id) const { return gateways.at(id.value); }
  // The region's name; "" for kNoRegion.
  const std::string& region_name(RegionId id) const;
};

}  // namespace regent
