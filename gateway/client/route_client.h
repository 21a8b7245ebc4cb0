#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/client/route.h"
#include "gateway/client/route_cell.h"
#include "quorum/result.h"
#include "quorum/types.h"

// For services that look up themselves where writes go, instead of sending them to any gateway.
//
//   RouteClient::Options options;
//   options.cluster = "shop";
//   options.redis = {"10.0.1.20:6379", "10.0.2.20:6379"};
//   options.gateways = {"10.0.1.10:7480", "10.0.2.10:7480"};
//   options.ca_file = "/etc/regent/ca.crt";
//   auto client = RouteClient::start(std::move(options));   // Result<std::unique_ptr<RouteClient>>
//   …
//   if (const RouteView route = (*client)->route()) send_to(route->gateways.front(), route->epoch);
//
// What may be relied on:
//   - No look-up returns a lower epoch than one before it, whichever source showed it.
//   - A route is returned only while a lease that somebody showed us runs, counted on this
//   machine's
//     CLOCK_BOOTTIME from before the question left. Nothing is guessed, nothing lives on because
//     all sources are silent.
//   - It is as right as its sources. A gateway that is not the primary's any more takes the request
//     nevertheless and forwards it, so a route that is a moment old costs time, not safety.
namespace regent::client {

struct RouteClientState {
  struct Source {
    std::string name;     // "redis 10.0.1.20:6379", "gateway 10.0.1.10:7480"
    std::string problem;  // why it was of no use when it was asked last; "" when it was
  };
  Epoch highest;  // ever seen; 0: none
  std::vector<Source> sources;

  // "redis 10.0.1.20:6379: Connection refused; gateway …: …" of those that have one; "" when all is
  // well.
  std::string problem() const;
};

// Finds the route and follows it, on one thread of its own.
//
// Redis comes first: each server is read again at a third of the time that its route has left
// (never more often than each 50 ms nor less than each second), and at once when the subscribed
// channel tells a change. Any of them may be stale: the highest epoch counts, and within it the
// latest end. When two thirds of the route's time have passed without news, or there is none and
// Redis is down, empty or silent for `redis_timeout`, gateways are asked in turn. Servers that fail
// are tried again after 50 ms to 1 s, with jitter.
class RouteClient {
 public:
  static constexpr std::size_t kMaxServers = 64;  // of each kind
  static constexpr Duration kLongestTimeout = std::chrono::minutes(1);

  struct Options {
    std::string cluster;                // name of the cluster, as in its topology
    std::vector<std::string> redis;     // HOST:PORT; one a region, nearest first or in any order
    std::vector<std::string> gateways;  // HOST:PORT of admin APIs; asked in this order
    std::string ca_file;                // PEM, the cluster's ca.crt; needed with gateways
    // Of one reply of Redis (or to connect to it), and of one question to a gateway with all it
    // takes. Longer than the round trips: one for Redis, three for a gateway; at most a minute.
    Duration redis_timeout = std::chrono::milliseconds(200);
    Duration gateway_timeout = std::chrono::seconds(1);
    // Called on the client's thread after each change of epoch, primary or gateways, with the route
    // of that moment, or an empty view when there is none any more. It may look up and ask for the
    // state; it must not block, throw or destroy the client.
    std::function<void(const RouteView&)> on_change;
  };

  // Returns at once, mostly before a route is known: wait() for it. Errors (ErrorCode::invalid) say
  // which option cannot be. Servers that are down or unknown are no error: they may come up. Host
  // names are looked up at each attempt, on the client's thread, and news wait for a slow name
  // service; IP addresses do not have that.
  static Result<std::unique_ptr<RouteClient>> start(Options options);

  // Ends the thread; waits only for a callback or a look-up of a host name under way.
  ~RouteClient();
  RouteClient(const RouteClient&) = delete;
  RouteClient& operator=(const RouteClient&) = delete;

  // Where writes go now; empty when nobody is known to be in charge. From memory, without lock or
  // allocation, in less than 100 ns. Any thread, at any time.
  RouteView route() const;

  // Waits up to `limit` for a route of a higher epoch than `above`, which a caller sets to the
  // epoch that failed him. Errors (ErrorCode::timed_out) say what is wrong with each source. Any
  // thread but the client's own.
  Result<RouteView> wait(Duration limit, Epoch above = Epoch{}) const;

  // How the sources do. Takes a lock; for logs and health checks. Any thread.
  RouteClientState state() const;

 private:
  struct Shared;
  explicit RouteClient(std::unique_ptr<Shared> shared);
  std::unique_ptr<Shared> shared_;
};

}  // namespace regent::client
