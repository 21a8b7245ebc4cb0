#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "gateway/proxy_context.h"
#include "gateway/request_observer.h"
#include "gateway/route.h"
#include "gateway/status.h"
#include "quorum/result.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// Client traffic: listens at each service's port for clients and at the forward port for other
// gateways, checks the backends' health, and brings every request to where the route says. It
// decides nothing about the route, it only reads it.
//
// ProxyLimits::threads event loops (Worker), each with listeners and connections of its own; a
// request stays on the thread that accepted its connection. The first of them also checks the
// backends and looks names up, for all.
class DataPlane {
 public:
  // All references must outlive the data plane. The observer is called on the workers' threads.
  DataPlane(const Topology& topology, GatewayId self, const RouteCell& route,
            WritesInFlight& writes, Credentials& credentials, RequestObserver& observer,
            ProxyLimits limits = {});
  ~DataPlane();  // stop()
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // Called on the first worker's thread with the number of healthy backends of this region for each
  // service (the topology's order) whenever one of them changes. To be set before start().
  using OnBackends = std::function<void(std::vector<std::uint32_t> healthy_by_service)>;
  void on_backends(OnBackends callback);

  // Errors: an address that cannot be listened on, and who has it; a service's TLS files.
  Status start();
  // Takes no new connections, ends those that are idle, lets requests finish up to
  // ProxyLimits::stop_limit, cuts the rest off. Not on a worker's thread. May be called again.
  void stop();

  // Serves what `next` says from now on: services, backends and their settings, the TLS files'
  // content, the limits of Topology::traffic (not its threads). Regions, gateways and nodes must be
  // those of the present topology. All or nothing: what can fail is tried first, and an error (a
  // new port that cannot be listened on, and who has it; a service's TLS files) has changed
  // nothing.
  //
  // No connection is dropped. A request that has begun goes on under the settings it began with,
  // the next one on its connection has the new ones. A service that is gone listens no more: its
  // requests that have begun finish, then their connections close; requests that still come get
  // 503; bodies and tunnels that have not ended within stop_limit are cut. A backend that is gone
  // gets nothing new; requests and tunnels there go on until they end. What is known of the health
  // of a backend that stays is kept; the counts that on_backends() tells after this are in the
  // order of `next`. Blocks for a moment; not on a worker's thread; one at a time.
  Status reload(const std::shared_ptr<const Topology>& next);

  // Any thread: a new route was published.
  void route_changed();
  // Any thread: this region's backends and their health.
  std::vector<ServiceStatus> backend_status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace regent
