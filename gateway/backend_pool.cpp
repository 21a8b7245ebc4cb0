#include "gateway/backend_pool.h"

#include <algorithm>
#include <utility>

#include "region/clock.h"
#include "region/log.h"

namespace regent {

BackendPool::BackendPool(EventLoop& loop, const Topology& topology, GatewayId self,
                         const Credentials& credentials)
    : loop_(loop),
      topology_(topology),
      policy_(topology, self),
      resolver_(loop),
      credentials_(credentials),
      by_service_(topology.services.size()),
      by_gateway_(topology.gateways.size(), 0),
      healthy_(topology.services.size(), 0) {
  const TopologyGateway& own = topology.gateway(self);
  source_ = literal_address(own.host, 0);
  add_backends(own.region);
  add_gateways(self);
}

void BackendPool::add_backends(RegionId region) {
  for (std::uint32_t service = 0; service < topology_.services.size(); ++service) {
    const auto& by_region = topology_.services[service].backends;
    if (region.value >= by_region.size()) continue;
    for (const Address& backend : by_region[region.value]) {
      by_service_[service].push_back(static_cast<std::uint32_t>(destinations_.size()));
      Destination destination;
      destination.service = service;
      add(std::move(destination), backend);
    }
  }
}

void BackendPool::add_gateways(GatewayId self) {
  for (std::uint16_t id = 0; id < topology_.gateways.size(); ++id) {
    const TopologyGateway& gateway = topology_.gateways[id];
    by_gateway_[id] = static_cast<std::uint32_t>(destinations_.size());
    Destination destination;
    destination.is_gateway = true;
    destination.gateway = GatewayId{id};
    if (id == self.value) {
      destinations_.push_back(std::move(destination));
    } else {
      add(std::move(destination), {gateway.host, gateway.forward_port});
    }
  }
}

void BackendPool::add(Destination destination, const Address& target) {
  destination.target = target;
  destination.name = target.text();
  destination.address = literal_address(target.host, target.port);
  destinations_.push_back(std::move(destination));
}

void BackendPool::resolve_names() {
  for (Destination& destination : destinations_) {
    const Address& target = destination.target;
    if (target.host.empty() || literal_address(target.host, target.port)) continue;
    resolver_.find(target, [&destination](Result<Poco::Net::SocketAddress> found) {
      if (found) {
        destination.address = *found;
      } else {
        log_event(LogLevel::warning, "address not found",
                  {{"address", destination.name}, {"reason", found.error().message}});
      }
    });
  }
}

std::optional<std::uint32_t> BackendPool::pick(std::uint32_t service) {
  const std::vector<std::uint32_t>& candidates = by_service_[service];
  std::optional<std::uint32_t> best;
  ++turn_;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::uint32_t id = candidates[(i + turn_) % candidates.size()];
    const Destination& candidate = destinations_[id];
    if (!candidate.healthy) continue;
    if (!best || candidate.in_use < destinations_[*best].in_use) best = id;
  }
  return best;
}

void BackendPool::set_healthy(std::uint32_t id, bool healthy) {
  Destination& destination = destinations_[id];
  if (destination.healthy == healthy) return;
  destination.healthy = healthy;
  healthy_[destination.service] += healthy ? 1 : -1;
  if (!healthy) destination.idle.clear();
}

Stream::Tls BackendPool::tls_for(GatewayId id) const {
  auto check = [this, id](const Identity& peer) -> Status {
    Status verdict = policy_.must_be(id, peer);
    if (!verdict && refusals_.pass(peer.uri() + verdict.error().message, boot_now())) {
      log_event(LogLevel::warning, "peer refused",
                {{"address", destination(gateway(id)).name},
                 {"identity", peer.uri()},
                 {"reason", verdict.error().message}});
    }
    return verdict;
  };
  return {credentials_.current()->client, std::move(check), ""};
}

Result<std::unique_ptr<Upstream>> BackendPool::connect(const Destination& destination,
                                                       UpstreamUser& user) {
  if (!destination.address) {
    return Error{ErrorCode::unavailable, "the address of " + destination.name + " is not known"};
  }
  if (!destination.is_gateway) return connect_backend(loop_, *destination.address, user);
  return connect_gateway(loop_, *destination.address, source_, tls_for(destination.gateway), user);
}

Result<std::unique_ptr<Upstream>> BackendPool::take(std::uint32_t id, bool probe,
                                                    UpstreamUser& user, SendGate* gate) {
  Destination& destination = destinations_[id];
  if (destination.in_use >= kMaxInUsePerDestination) {
    return Error{ErrorCode::unavailable, "too many requests are under way to " + destination.name};
  }
  while (!destination.idle.empty()) {
    std::unique_ptr<Upstream> connection = std::move(destination.idle.back());
    destination.idle.pop_back();
    if (probe && connection->looks_dead()) continue;
    ++destination.in_use;
    connection->used_before = true;
    connection->begin(user, gate);
    return connection;
  }
  auto connection = connect(destination, user);
  if (!connection) return connection.error();
  ++destination.in_use;
  (*connection)->destination = id;
  (*connection)->begin(user, gate);
  return std::move(*connection);
}

void BackendPool::give_back(std::unique_ptr<Upstream> connection, bool reusable, Instant now) {
  Destination& destination = destinations_[connection->destination];
  CHECK(destination.in_use > 0);
  --destination.in_use;
  if (!reusable || destination.idle.size() >= kMaxIdlePerDestination) return;
  if (!destination.is_gateway && !destination.healthy) return;
  connection->rest(*this);
  connection->idle_since = now;
  destination.idle.push_back(std::move(connection));
}

void BackendPool::drop_idle(const Upstream& connection) {
  auto& idle = destinations_[connection.destination].idle;
  const auto found = std::find_if(idle.begin(), idle.end(),
                                  [&](const auto& it) { return it.get() == &connection; });
  if (found != idle.end()) idle.erase(found);
}

void BackendPool::expire_idle(Instant now) {
  for (Destination& destination : destinations_) {
    auto& idle = destination.idle;
    const auto fresh = std::find_if(idle.begin(), idle.end(), [&](const auto& connection) {
      return now - connection->idle_since < kIdleLimit;
    });
    idle.erase(idle.begin(), fresh);
  }
}

void BackendPool::close_idle() {
  for (Destination& destination : destinations_) destination.idle.clear();
}

}  // namespace regent
