#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gateway/backend_pool.h"
#include "gateway/http_rewrite.h"
#include "gateway/request_observer.h"
#include "gateway/route.h"
#include "region/event_loop.h"
#include "region/log_limiter.h"
#include "topology/topology.h"

namespace regent {

class HttpExchange;

// How long and how much, for every connection of the data plane.
struct ProxyLimits {
  Duration head_timeout = std::chrono::seconds(30);     // first byte to complete head
  Duration idle_timeout = std::chrono::seconds(75);     // between requests of a connection
  Duration body_timeout = std::chrono::seconds(60);     // client sends nothing of its body
  Duration connect_timeout = std::chrono::seconds(3);   // to a backend or gateway
  Duration backend_timeout = std::chrono::seconds(60);  // backend says nothing
  Duration linger_timeout = std::chrono::seconds(2);  // after a refusal, for the client to read it
  std::size_t max_clients = 16'384;
  std::size_t max_held = 4096;  // requests waiting for a primary
  std::size_t max_held_bytes = 64 * 1024 * 1024;
};

// Requests that wait for the route to change, oldest first.
class HeldRequests {
 public:
  HeldRequests(const ProxyLimits& limits, RequestObserver& observer)
      : limits_(limits), observer_(observer) {}

  // False when there are too many, or they take too much memory, already.
  bool add(HttpExchange& exchange, std::size_t bytes);
  void remove(HttpExchange& exchange, std::size_t bytes);
  std::vector<HttpExchange*> all() const { return waiting_; }
  bool empty() const { return waiting_.empty(); }

 private:
  const ProxyLimits& limits_;
  RequestObserver& observer_;
  std::vector<HttpExchange*> waiting_;
  std::size_t bytes_ = 0;
};

// What all connections of the data plane share. One thread.
struct ProxyContext {
  ProxyContext(EventLoop& event_loop, const Topology& model, GatewayId own, const RouteCell& cell,
               WritesInFlight& in_flight, BackendPool& backends, RequestObserver& watcher,
               ProxyLimits proxy_limits)
      : loop(event_loop),
        topology(model),
        self(own),
        region(model.gateway(own).region),
        region_name(model.region_name(region)),
        route(cell),
        writes(in_flight),
        pool(backends),
        observer(watcher),
        limits(proxy_limits) {}

  EventLoop& loop;
  const Topology& topology;
  const GatewayId self;
  const RegionId region;
  const std::string& region_name;
  RouteReader route;
  WritesInFlight& writes;
  BackendPool& pool;
  RequestObserver& observer;
  const ProxyLimits limits;
  HeldRequests held{limits, observer};
  // Of the last tick: good enough for time limits, and costs no clock read for each event.
  Instant tick_now{};
  bool stopping = false;
  // A backend could not be connected to; the health checks count it.
  std::function<void(std::uint32_t destination)> connect_failed = [](std::uint32_t) {};
  // Asks for retries of held requests soon.
  std::function<void()> held_added = [] {};
  // What an error answer says of this gateway; the three flags are the request's.
  ErrorContext error_context();

  // Keeps a peer that is refused again and again from filling the log.
  LogLimiter refusals{std::chrono::seconds(10)};
  // Reused for heads and errors while they are put together.
  std::string scratch;
  // What of the present event's answer goes to the client.
  std::string answer;
};

}  // namespace regent
