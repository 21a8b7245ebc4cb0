#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "gateway/client/gateway_source.h"
#include "gateway/client/redis_source.h"
#include "gateway/client/route_client.h"

namespace regent::client {

// The client's options, checked.
struct FinderOptions {
  std::string cluster;
  std::vector<Endpoint> redis;
  std::vector<Endpoint> gateways;
  std::string ca_file;
  Duration redis_timeout{};
  Duration gateway_timeout{};
};

// The loop that asks all sources and puts what they show into the cell. One thread.
class RouteFinder {
 public:
  // Called after each turn of the loop in which anything happened; `changed`: the cell shows
  // another route than before, or none any more.
  using Report = std::function<void(bool changed, RouteClientState state)>;

  RouteFinder(const FinderOptions& options, RouteCell& cell, Report report);

  // Until `stop_fd` (an eventfd) is readable.
  void run(int stop_fd);

 private:
  bool gateways_needed(Instant now) const;
  Instant tick(Instant now);
  bool publish(Instant now);
  RouteClientState state() const;

  const Duration redis_timeout_;
  RouteCell& cell_;
  const Report report_;
  Random random_;
  RouteKeeper keeper_;
  std::deque<RedisSource> redis_;
  GatewaySource gateways_;
  std::uint64_t published_ = 0;  // version of what the cell shows
  Instant published_ends_ = Instant::min();
  Instant missing_since_;  // there has been no route
  bool crowded_ = false;   // the cell had no room
};

}  // namespace regent::client
