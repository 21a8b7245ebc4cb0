#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/backend_pool.h"
#include "gateway/http_answer_writer.h"
#include "gateway/http_rewrite.h"
#include "gateway/request_observer.h"
#include "gateway/route.h"
#include "gateway/service_table.h"
#include "gateway/serving_right.h"
#include "region/event_loop.h"
#include "region/log_limiter.h"
#include "region/splice_pipe.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

class HttpExchange;

// Answers to a request for a service that was removed, and to a gateway that took services over
// sooner than this one: its request is not lost, see GatewayError::refused.
inline constexpr HeadProblem kServiceGone{503, "this gateway does not serve this service any more"};
inline constexpr HeadProblem kServiceUnknown{421, "this gateway does not serve this service"};

// What all threads of the data plane have under way together, for the limits that are a gateway's.
struct PlaneTotals {
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> held = 0;
  std::atomic<std::size_t> held_bytes = 0;
};

// What the data plane's threads share. Nothing in it is locked; all references outlive the threads.
struct PlaneShared {
  const Topology& topology;  // for regions, gateways and nodes; services: ServiceTable
  const GatewayId self;
  const RouteCell& route;
  WritesInFlight& writes;
  Credentials& credentials;
  RequestObserver& observer;
  PlaneTotals totals;
};

// Requests of one thread that wait for the route to change, oldest first.
class HeldRequests {
 public:
  HeldRequests(const ProxyLimits& limits, PlaneTotals& totals, RequestObserver& observer)
      : limits_(limits), totals_(totals), observer_(observer) {}

  // False when the gateway holds too many, or they take too much memory, already.
  bool add(HttpExchange& exchange, std::size_t bytes);
  void remove(HttpExchange& exchange, std::size_t bytes);
  std::vector<HttpExchange*> all() const { return waiting_; }
  bool empty() const { return waiting_.empty(); }

 private:
  void leave_totals(std::size_t bytes);

  const ProxyLimits& limits_;
  PlaneTotals& totals_;
  RequestObserver& observer_;
  std::vector<HttpExchange*> waiting_;
};

// What all connections of one data-plane thread share. Loop's thread.
struct ProxyContext {
  // `thread` counts from 0.
  ProxyContext(EventLoop& event_loop, PlaneShared& shared, std::size_t thread,
               BackendPool& backends);

  // The service's settings at present; null: the topology has it no more.
  const std::shared_ptr<const Service>& service(std::uint32_t number) const {
    return services_[number];
  }
  // When tunnels of the service, and bodies still on their way, are cut, because it was removed: a
  // while after that, as when the gateway stops. kNever: there it is.
  Instant drained_at(std::uint32_t service) const { return drained_at_[service]; }
  // The number of a service that there is at present.
  std::optional<std::uint32_t> find_service(std::string_view name) const;
  // Takes the services and limits of the table as those of the present.
  void set_table(const ServiceTable& table);

  EventLoop& loop;
  const Topology& topology;  // for regions, gateways and nodes
  const GatewayId self;
  const RegionId region;
  const std::string& region_name;
  RouteReader route;
  WritesInFlight::Place& writes;
  BackendPool& pool;
  RequestObserver& observer;
  ProxyLimits limits;
  PlaneTotals& totals;
  HeldRequests held{limits, totals, observer};
  RightWatch rights{loop, route};
  SplicePipes pipes;
  // Of the last tick: good enough for time limits, and costs no clock read for each event.
  Instant tick_now{};
  bool stopping = false;
  // A backend could not be connected to; the health checks count it.
  std::function<void(std::uint32_t destination)> connect_failed = [](std::uint32_t) {};
  // As many requests in a row as its service allows have failed at this backend.
  std::function<void(std::uint32_t destination, const std::string& why)> eject =
      [](std::uint32_t, const std::string&) {};
  // A request, or a connection, failed by fault of this backend; `connected`: not for want of a
  // connection.
  void backend_failed(std::uint32_t destination, bool connected, const std::string& why) {
    if (!connected) connect_failed(destination);
    if (pool.failed(destination)) eject(destination, why);
  }
  // Asks for retries of held requests soon.
  std::function<void()> held_added = [] {};
  // Whether a drill cuts this gateway off from that region; "": of clients, never.
  bool cut_off_from(std::string_view other);

  // What an error answer says of this gateway; the three flags are the request's.
  ErrorContext error_context();

  // Keeps a peer that is refused again and again from filling the log.
  LogLimiter refusals{std::chrono::seconds(10)};
  // Reused for heads and errors while they are put together.
  std::string scratch;
  // What of the present event's answer goes to the client.
  GatheredAnswer answer;

 private:
  // By number. Copies of this thread's own, so that their reference counts are, too.
  std::vector<std::shared_ptr<const Service>> services_;
  std::vector<Instant> drained_at_;  // by number
};

}  // namespace regent
