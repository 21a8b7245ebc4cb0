#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/route.h"
#include "security/server_certificates.h"
#include "topology/topology.h"

// What the data plane serves and where its requests may go. Services and destinations have numbers
// that mean the same in every thread and are never given to another one in this process.
namespace regent {

// A backend of this region or another gateway, as the data plane's threads share it.
struct DestinationState {
  DestinationState(std::uint32_t number, Address address)
      : id(number), target(std::move(address)), name(target.text()) {}

  const std::uint32_t id;
  const Address target;
  const std::string name;          // host:port as in the topology; "" for this gateway itself
  std::uint32_t service = 0;       // of a backend
  GatewayId gateway = kNoGateway;  // kNoGateway: a backend

  // Requests under way, of all threads. On a line of its own: it changes with every request.
  alignas(64) std::atomic<std::uint32_t> in_use{0};
  // Read for every request and seldom changed.
  alignas(64) std::atomic<bool> healthy{false};   // by its checks
  std::atomic<bool> checked{false};               // at least once
  std::atomic<bool> ejected{false};               // set aside for a while, for what requests met
  std::atomic<std::uint32_t> limit{kMaxGateway};  // of in_use
  std::atomic<std::uint32_t> eject_after{0};      // failures in a row; 0: never
  std::atomic<std::uint32_t> failures{0};         // in a row, of requests
  std::atomic<std::uint64_t> ejections{0};        // ever

  static constexpr std::uint32_t kMaxGateway = 4096;  // requests under way to another gateway
};

// What the threads share of a service's queue for a backend: see BackendQueue.
struct ServiceState {
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();
  ServiceState() {
    for (auto& first : first_ticket) first = kNobody;
  }

  std::atomic<std::uint32_t> waiting{0};
  std::atomic<std::uint64_t> last_ticket{0};
  // Of the first in each thread's queue.
  std::array<std::atomic<std::uint64_t>, WritesInFlight::kPlaces> first_ticket;
};

struct ServiceEntry {
  std::string name;
  std::shared_ptr<ServiceState> state;
  std::shared_ptr<const Service> settings;                  // null: the topology has it no more
  std::shared_ptr<ServerCertificates> tls;                  // null: plain
  std::vector<std::shared_ptr<DestinationState>> backends;  // of this region
};

// How long and how much, for every connection of the data plane.
struct ProxyLimits {
  Duration head_timeout = std::chrono::seconds(30);    // TLS handshake of a tcp service
  Duration linger_timeout = std::chrono::seconds(2);  // after a refusal, for the client to read it
  std::size_t threads = 1;  // 0: one a processor; at most WritesInFlight::kPlaces
  std::size_t max_clients = 16'384;
  std::size_t max_held = 4096;  // requests waiting for a primary
  std::size_t max_held_bytes = 64'000'000;
  Duration stop_limit = std::chrono::seconds(5);  // for what is under way when the gateway stops

  void set(const Traffic& traffic);
};

// Immutable; any thread.
struct ServiceTable {
  ProxyLimits limits;
  std::vector<ServiceEntry> services;                       // by number
  std::vector<std::uint32_t> order;                         // numbers in the topology's order
  std::vector<std::shared_ptr<DestinationState>> gateways;  // by GatewayId; the first numbers
  std::uint32_t next_destination = 0;

  // Which service is at which port.
  std::map<std::uint16_t, std::uint32_t> ports() const;
};

// The table after `now` for the services of `next`: what has kept its name (a backend: its address,
// too) keeps its number and state. `tls` of all entries is still empty.
ServiceTable next_table(const ServiceTable& now, const Topology& next, GatewayId self);

}  // namespace regent
