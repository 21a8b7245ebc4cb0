#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
  alignas(64) std::atomic<bool> healthy{false};
};

struct ServiceEntry {
  std::string name;
  std::shared_ptr<const Service> settings;                  // null: the topology has it no more
  std::shared_ptr<ServerCertificates> tls;                  // null: plain
  std::vector<std::shared_ptr<DestinationState>> backends;  // of this region
};

// Immutable; any thread.
struct ServiceTable {
  std::vector<ServiceEntry> services;                       // by number
  std::vector<std::uint32_t> order;                         // numbers in the topology's order
  std::vector<std::shared_ptr<DestinationState>> gateways;  // by GatewayId; the first numbers
  std::uint32_t next_destination = 0;
};

// The table after `now` for the services of `next`: what has kept its name (a backend: its address,
// too) keeps its number and state. `tls` of all entries is still empty.
ServiceTable next_table(const ServiceTable& now, const Topology& next, GatewayId self);

}  // namespace regent
