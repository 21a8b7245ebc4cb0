#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Poco/Net/SocketAddress.h>

#include "gateway/backend_queue.h"
#include "gateway/service_table.h"
#include "gateway/upstream.h"
#include "region/log_limiter.h"
#include "region/peer_policy.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// One thread's connections to the backends of this region and to the other gateways, kept open
// between requests; and the choice among the backends, by what all threads have under way there.
// Loop's thread, or while the loop does not run.
class BackendPool : private UpstreamUser {
 public:
  // A backend's own keep-alive limit is usually five seconds or more; leaving first avoids sending
  // a request into a connection that is just being closed.
  static constexpr Duration kIdleLimit = std::chrono::seconds(4);
  // Another gateway's is the `idle` of the service named last.
  static constexpr Duration kGatewayIdleLimit = std::chrono::seconds(60);
  // Above as many as are busy at once, each burst would make new connections again.
  static constexpr std::size_t kMaxIdlePerDestination = 1024;
  // Requests whose connection to a gateway is still being made. A change of primary sets many free
  // at once, and a handshake costs both sides more than a request: a few connections that are soon
  // there carry the others sooner than one for each.
  static constexpr std::size_t kMaxConnecting = 64;
  // A gateway that has refused us is dialled once in so long, whoever waits: a handshake for each
  // request that is held would keep both sides busy with nothing else.
  static constexpr Duration kRefusalPause = std::chrono::milliseconds(100);
  // Connections that stand ready to each gateway that may come to be the primary's, so that a
  // change of primary costs no handshake: as many as were lately in use towards the primary, within
  // these bounds. None once there has been no traffic for a while.
  static constexpr std::size_t kMinReady = 8;
  static constexpr std::size_t kMaxReady = 128;
  static constexpr Duration kReadyFor = std::chrono::seconds(60);

  // Has serve_waiting() of that thread's pool called.
  using Wake = std::function<void(std::size_t thread, std::uint32_t service)>;

  // All references must outlive the pool. `thread` counts from 0.
  BackendPool(EventLoop& loop, const Topology& topology, GatewayId self,
              const Credentials& credentials, std::size_t thread, Wake wake);
  ~BackendPool() override = default;

  struct Destination {
    std::shared_ptr<DestinationState> state;
    // From the start for an IP literal, else as soon as somebody has looked it up.
    std::optional<Poco::Net::SocketAddress> address;
    bool removed = false;                         // not in the table any more
    std::uint32_t own = 0;                        // of state->in_use
    std::vector<std::unique_ptr<Upstream>> idle;  // the last one used last
    // Of gateways: connections that are still being made, for a request, and to stand ready.
    std::vector<const Upstream*> connecting;
    std::vector<std::unique_ptr<Upstream>> opening;
    Instant open_at{};  // the next of `opening`; later after a failure
    // It has refused us and not answered since: when the next request may dial it.
    bool refuses = false;
    Instant dial_at{};

    bool is_gateway() const { return state->gateway != kNoGateway; }
  };
  // Takes the table's destinations as those of the present. One that is gone gets no new requests,
  // and is forgotten when those under way are over.
  void set_table(const ServiceTable& table);
  // Of a number in the present table, or that a connection of this pool is in use for.
  const Destination& destination(std::uint32_t id) const { return *destinations_[id]; }
  static std::uint32_t gateway(GatewayId id) { return id.value; }
  // A name was looked up. Ignored for a destination that is gone.
  void set_address(std::uint32_t id, const Poco::Net::SocketAddress& address);

  struct Choice {
    std::optional<std::uint32_t> backend;
    // There are some, but all are at their limit, or others wait already, or the first check of
    // their health is still to come.
    bool all_busy = false;
  };
  // How a request stands with the backends of its service.
  struct Turn {
    std::optional<std::uint32_t> failed;  // where its last attempt has failed
    std::uint64_t ticket = 0;             // its place in the queue; 0: it has none yet
    Instant waits_until = kNever;         // set when it begins to wait
  };
  // The healthy backend with the fewest requests under way in all threads, in turn among equals.
  // Not one that is set aside, and not the one that has failed, while there is another.
  Choice pick(std::uint32_t service, const Turn& turn);
  // Whether there is a backend that is healthy, or may turn out to be at its first check.
  bool any_hopeful(std::uint32_t service) const;

  // A connection for one request: a kept one (with `probe`, only if it does not look closed), else
  // a new one that is still connecting. Errors: at once impossible; ErrorCode::refused: as many
  // requests are under way there as may be.
  Result<std::unique_ptr<Upstream>> take(std::uint32_t id, bool probe, UpstreamUser& user,
                                         SendGate* gate);
  // How the request went: it got an answer; or the backend was to blame, and failed() is true when
  // it has to be set aside for that; or a gateway refused the connection.
  void succeeded(std::uint32_t id);
  [[nodiscard]] bool failed(std::uint32_t id);
  void refused(std::uint32_t id);

  // Waits for room at a backend of the service, in turn with the other threads' requests. False:
  // too many wait already, or it has waited as long as it may.
  bool wait(std::uint32_t service, BackendWaiter& waiter, Turn& turn, const BackendLimits& limits);
  void stop_waiting(std::uint32_t service, const Turn& turn);
  // Lets those who wait go on while there is room.
  void serve_waiting(std::uint32_t service);
  // The same for all services: for what makes room without telling, such as a backend's return.
  void serve_waiting();

  // Ends the use of a connection; `reusable`: the exchange on it is complete and it may be kept.
  void give_back(std::unique_ptr<Upstream> connection, bool reusable, Instant now);
  // Closes what has been idle too long.
  void expire_idle(Instant now);
  // Opens what is missing of the connections that stand ready, a few at each call; closes what is
  // idle towards gateways that are `lost`.
  void keep_ready(Instant now, const std::vector<GatewayId>& lost);
  // Closes the idle connections to a destination, e.g. to one that has failed.
  void close_idle(std::uint32_t id);
  void close_idle();

 private:
  Result<std::unique_ptr<Upstream>> connect(const Destination& destination, UpstreamUser& user);
  Stream::Tls tls_for(GatewayId gateway) const;
  Result<std::unique_ptr<Upstream>> take_new(Destination& destination, UpstreamUser& user);
  std::size_t ready_wanted(Instant now);
  void open_ready(std::uint32_t id, std::size_t wanted, Instant now);
  void drop_idle(const Upstream& connection);
  void forget_if_over(std::uint32_t id);
  void wake_first(std::uint32_t service);

  // An idle connection has nothing to say; whatever comes, it is of no more use.
  void on_upstream_data(Upstream& from, std::string_view) override { drop_idle(from); }
  void on_upstream_drained(Upstream&) override {}
  void on_upstream_fenced(Upstream&) override {}
  void on_upstream_closed(Upstream& from, bool, const Error&) override { drop_idle(from); }

  EventLoop& loop_;
  const PeerPolicy policy_;
  mutable LogLimiter refusals_{std::chrono::seconds(10)};
  const Credentials& credentials_;
  std::optional<Poco::Net::SocketAddress> source_;
  std::vector<std::unique_ptr<Destination>> destinations_;  // by number; null: gone
  std::vector<std::vector<std::uint32_t>> by_service_;
  std::vector<std::unique_ptr<BackendQueue>> queues_;  // by service
  const std::size_t thread_;
  const Wake wake_;
  std::uint32_t turn_ = 0;

  std::vector<std::uint32_t> may_be_primary_;  // the other gateways that can be forwarded to
  bool traffic_ = false;                       // since the last look
  Instant traffic_until_{};
  std::size_t peak_ = 0;  // connections in use towards one gateway, lately
  Instant peak_until_{};
};

}  // namespace regent
