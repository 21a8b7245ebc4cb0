#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Poco/Net/SocketAddress.h>

#include "gateway/upstream.h"
#include "region/log_limiter.h"
#include "region/peer_policy.h"
#include "region/resolver.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// Connections to the backends of this region and to the other gateways, kept open between
// requests. Also knows which backends are healthy and how busy each is. Loop's thread, except for
// the constructor.
class BackendPool : private UpstreamUser {
 public:
  // A backend's own keep-alive limit is usually five seconds or more; leaving first avoids sending
  // a request into a connection that is just being closed.
  static constexpr Duration kIdleLimit = std::chrono::seconds(4);
  static constexpr std::size_t kMaxIdlePerDestination = 256;
  static constexpr std::uint32_t kMaxInUsePerDestination = 4096;

  // All references must outlive the pool.
  BackendPool(EventLoop& loop, const Topology& topology, GatewayId self,
              const Credentials& credentials);
  ~BackendPool() override = default;

  // Looks names up, now and each time it is called again; IP literals are known from the start. A
  // name that is not found is logged, and keeps the address it had.
  void resolve_names();

  struct Destination {
    bool is_gateway = false;
    std::uint32_t service = 0;       // of a backend
    GatewayId gateway = kNoGateway;  // of a gateway
    Address target;
    std::string name;  // host:port as in the topology
    std::optional<Poco::Net::SocketAddress> address;
    bool healthy = false;  // backends only
    std::uint32_t in_use = 0;
    std::vector<std::unique_ptr<Upstream>> idle;  // the last one used last
  };
  std::size_t size() const { return destinations_.size(); }
  const Destination& destination(std::uint32_t id) const { return destinations_[id]; }
  const std::vector<std::uint32_t>& backends(std::uint32_t service) const {
    return by_service_[service];
  }
  std::uint32_t gateway(GatewayId id) const { return by_gateway_[id.value]; }

  // The healthy backend with the fewest requests under way, in turn among equals; nullopt: none.
  std::optional<std::uint32_t> pick(std::uint32_t service);
  bool any_healthy(std::uint32_t service) const { return healthy_[service] > 0; }
  std::uint32_t healthy_count(std::uint32_t service) const { return healthy_[service]; }
  void set_healthy(std::uint32_t id, bool healthy);

  // A connection for one request: a kept one (with `probe`, only if it does not look closed), else
  // a new one that is still connecting. Errors: at once impossible, or too many are in use.
  Result<std::unique_ptr<Upstream>> take(std::uint32_t id, bool probe, UpstreamUser& user,
                                         SendGate* gate);
  // Ends the use of a connection; `reusable`: the exchange on it is complete and it may be kept.
  void give_back(std::unique_ptr<Upstream> connection, bool reusable, Instant now);
  // Closes what has been idle too long.
  void expire_idle(Instant now);
  void close_idle();

 private:
  void add_backends(RegionId region);
  void add_gateways(GatewayId self);
  void add(Destination destination, const Address& target);
  Result<std::unique_ptr<Upstream>> connect(const Destination& destination, UpstreamUser& user);
  Stream::Tls tls_for(GatewayId gateway) const;
  void drop_idle(const Upstream& connection);

  // An idle connection has nothing to say; whatever comes, it is of no more use.
  void on_upstream_data(Upstream& from, std::string_view) override { drop_idle(from); }
  void on_upstream_drained(Upstream&) override {}
  void on_upstream_fenced(Upstream&) override {}
  void on_upstream_closed(Upstream& from, bool, const Error&) override { drop_idle(from); }

  EventLoop& loop_;
  const Topology& topology_;
  const PeerPolicy policy_;
  mutable LogLimiter refusals_{std::chrono::seconds(10)};
  Resolver resolver_;
  const Credentials& credentials_;
  std::optional<Poco::Net::SocketAddress> source_;
  std::deque<Destination> destinations_;
  std::vector<std::vector<std::uint32_t>> by_service_;
  std::vector<std::uint32_t> by_gateway_;
  std::vector<std::uint32_t> healthy_;  // by service
  std::uint32_t turn_ = 0;
};

}  // namespace regent
