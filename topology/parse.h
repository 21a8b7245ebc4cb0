#pragma once

#include <string>

#include "quorum/result.h"
#include "topology/field.h"
#include "topology/findings.h"
#include "topology/topology.h"

// The steps from a document to a checked model, in the order load.cpp takes them. Internal to this
// layer; users include topology/load.h.
namespace regent {

// Upper limits of what one file may describe.
inline constexpr std::size_t kMaxTopologyRegions = 1000;
inline constexpr std::size_t kMaxTopologyGateways = 1000;
inline constexpr std::size_t kMaxTopologyNodes = 10'000;
inline constexpr std::size_t kMaxZonesPerRegion = 1000;
inline constexpr std::size_t kMaxBackendsPerRegion = 1000;
inline constexpr std::size_t kMaxTopologyServices = 100;
inline constexpr std::size_t kMaxCertificatesPerService = 100;

struct DefaultPorts {
  std::uint16_t peer = 7400;
  std::uint16_t forward = 7443;
  std::uint16_t admin = 7480;
  std::uint16_t node = 7500;
};

// Fill in regions, nodes and gateways; services (which name regions). What is wrong is reported
// and left out or at its default.
void parse_regions(const Field& field, const DefaultPorts& ports, Topology& topology);
void parse_services(const Field& field, Topology& topology);
void parse_traffic(const Field& field, Traffic& traffic);
// The limits of one service, whose protocol is known.
void parse_timeouts(const Field& field, Service& service);
void parse_backend_limits(const Field& field, BackendLimits& limits);
void parse_ejection(const Field& field, Ejection& ejection);

// What can only be seen on the whole: errors, and advice as warnings.
void check_topology(const Topology& topology, Findings& findings);
void check_addresses(const Topology& topology, Findings& findings);
void advise_topology(const Topology& topology, Findings& findings);

// The tree that decides. In the flat kinds its leaves are called REGION/NODE; in the hierarchical
// kind its groups are all regions in their order, with zones below them where they have any.
Result<QuorumTree> build_tree(const Topology& topology);
// One region's group as the hierarchical kind has it; in the flat kinds its nodes without zones.
Group region_group(const Topology& topology, const TopologyRegion& region);
// What a node weighs in the vote: the majority kind counts heads.
std::uint64_t voting_weight(const Topology& topology, NodeId id);

// "sha256:…" over every value of the model, or of its quorum part, and over nothing else.
std::string hash_topology(const Topology& topology);
std::string hash_quorum(const Topology& topology);

// Paths in the file.
std::string region_path(const TopologyRegion& region);
std::string zone_path(const TopologyRegion& region, const std::string& zone);
std::string node_path(const Topology& topology, const TopologyNode& node);
std::string gateway_path(const Topology& topology, const TopologyGateway& gateway);

}  // namespace regent
