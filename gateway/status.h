#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/drill/fault_order.h"
#include "quorum/result.h"
#include "quorum/tree.h"
#include "quorum/types.h"
#include "region/pause.h"
#include "region/peer_message.h"

// One consistent picture of what a gateway knows, made by the control thread, read by the admin
// API, the metrics and the Redis mirror. Names, not ids: it leaves the process.
namespace regent {

enum class Role : std::uint8_t { primary, candidate, standby, draining, isolated };
const char* role_name(Role role);

struct NodeStatus {
  std::string name;
  std::uint64_t weight = 0;
  bool reachable = false;
  bool topology_match = true;
  std::uint64_t epoch = 0;
  std::string supports{};  // region name; "": nobody
  // This gateway has just started, and the node has not answered: nothing is known of it yet.
  bool not_asked = false;
  double last_heard_ms = -1;  // since the answer that told the rest; negative: none yet
};

struct RegionStatus {
  std::string name;
  std::uint64_t weight = 0;
  Outcome outcome = Outcome::pending;
  std::uint64_t node_weight = 0;
  std::uint64_t node_needed = 0;
  std::uint64_t node_total = 0;
  std::vector<NodeStatus> nodes;
};

struct QuorumStatus {
  std::string kind;
  Outcome outcome = Outcome::pending;
  std::uint64_t weight = 0;
  std::uint64_t needed = 0;
  std::uint64_t total = 0;
  std::int64_t margin = 0;
  std::vector<RegionStatus> regions;
};

struct LinkStatus {
  std::string region;
  std::string gateway;
  std::string state;           // up, slow, one-way, down
  double rtt_ms = -1;          // negative: not measured yet
  double last_heard_ms = -1;   // negative: never
  bool topology_match = true;  // the whole of it
  bool quorum_match = true;    // all but services and traffic, so its votes count
  bool eligible = false;       // its region could take over through it now
  Pause pause;                 // as that gateway last said
  std::string drill;           // which it runs, or was told of; "": none
};

struct BackendStatus {
  std::string address;
  bool healthy = false;         // by its checks
  bool ejected = false;         // set aside for a while, for what requests met there
  std::uint64_t ejections = 0;  // ever
  std::uint32_t requests = 0;   // under way
};
struct CertificateStatus {
  std::string file;
  double seconds_left = 0;  // until it expires; negative: has expired
};
struct ServiceStatus {
  std::string name;
  std::uint32_t healthy = 0;
  std::vector<BackendStatus> backends;
  std::vector<CertificateStatus> certificates{};  // shown to clients
  std::uint32_t queued = 0;  // requests that wait for room at a backend
};

struct GatewayStatus {
  std::string cluster;
  std::string region;
  std::string gateway;
  // When the control thread made this picture; Instant::min(): unknown. An old one means that the
  // control thread is stuck, and readiness says so.
  Instant taken = Instant::min();
  Role role = Role::isolated;
  std::uint64_t epoch = 0;
  std::string primary;                 // "": none known
  bool serving = false;                // this gateway holds a live lease
  Instant lease_end = Instant::min();  // of the primary's lease as known here
  Pause pause;                         // of automatic failover
  bool stopping = false;               // this gateway is about to end
  FaultsStatus faults;                 // that it makes for a drill
  std::uint64_t failed_writes = 0;     // Metrics::failed_writes
  QuorumStatus quorum;
  std::vector<LinkStatus> links;
  std::vector<ServiceStatus> services;
  std::uint64_t topology_version = 0;
  std::string topology_hash;
  std::string quorum_hash;
  std::string route_cache_state = "off";  // off, up, down
  std::uint64_t route_cache_epoch = 0;
  // By service, in the topology's order: host:port of the primary region's gateways.
  struct ServiceGateways {
    std::string service;
    std::vector<std::string> gateways;
  };
  std::vector<ServiceGateways> primary_gateways;

  // The picture may be some milliseconds old; these three are right at the instant asked about.
  bool serves_at(Instant now) const { return serving && now < lease_end; }
  bool knows_primary_at(Instant now) const { return !primary.empty() && now < lease_end; }
  Role role_at(Instant now) const;
};

// What the admin API asks of the control thread. Any thread.
class ControlPort {
 public:
  virtual ~ControlPort() = default;
  virtual std::shared_ptr<const GatewayStatus> status() const = 0;
  // Blocks until done, refused or timed out. `to` is a region's name.
  virtual SwitchoverReply switchover(const std::string& to, Duration timeout) = 0;

  struct PauseOrder {
    Pause pause;        // what the switch is now, here; the other gateways follow
    bool kept = false;  // on this gateway's disk
  };
  // An operator's wish: pauses automatic failover or resumes it. Blocks until it is on disk, if
  // there is one, and in force here. Errors: the disk (ErrorCode::io), nothing has changed then;
  // the control thread does not answer (ErrorCode::unavailable).
  virtual Result<PauseOrder> set_paused(bool paused) = 0;

  // Makes faults for a drill, if the safety rules allow it; ends them before their time, because an
  // operator at the address `client` wants it.
  virtual FaultReply order_faults(const FaultOrder& order) = 0;
  virtual FaultReply end_faults(const std::string& client) = 0;
};

}  // namespace regent
