#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/proxy_context.h"
#include "gateway/request_observer.h"
#include "gateway/serving_right.h"
#include "gateway/upstream.h"
#include "region/stream.h"

namespace regent {

// Raw bytes both ways between a client and a backend, or another gateway, without a look at what
// they mean. A fast side waits for the slow one. A side that ends its stream has that passed on and
// may still receive; anything but an orderly end of both is a reset for both.
//
// Invariants: every byte, and the end of the client's stream, goes to a backend of this region only
// while the right holds, by a look at route and clock for that very send; at the moment it ends
// both sides are reset. Until then the tunnel counts in WritesInFlight, so a switchover goes on
// once it is closed. Loop's thread.
class Tunnel final : private Stream::Handler,
                     private UpstreamUser,
                     private SendGate,
                     private RightWatch::Holder {
 public:
  // Above this a fast side waits for the slow one.
  static constexpr std::size_t kHighWaterBytes = 256 * 1024;

  class Owner {
   public:
    virtual ~Owner() = default;
    // Over; both connections are closed. The tunnel may be destroyed by a later event.
    virtual void tunnel_ended(TunnelEnd end) = 0;
  };

  // Both connections are open. `service`: for the counters. `idle`: it ends when nothing moves for
  // this long.
  Tunnel(ProxyContext& context, Owner& owner, std::uint32_t service, const ServingRight& right,
         Duration idle);
  ~Tunnel() override;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Takes the connections over. The bytes go first in their direction.
  void start(std::unique_ptr<Stream> client, std::unique_ptr<Upstream> upstream,
             std::string_view to_upstream, std::string_view to_client);
  // Looks at the time limit.
  void tick(Instant now);
  // Ends it now, by a reset of both sides.
  void abandon() { end(TunnelEnd::lost); }

 private:
  void on_open() override {}
  void on_data(std::span<const std::byte> data) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(const Error& reason) override;
  void on_upstream_data(Upstream& from, std::string_view data) override;
  void on_upstream_drained(Upstream& from) override;
  void on_upstream_fenced(Upstream& from) override;
  void on_upstream_closed(Upstream& from, bool orderly, const Error& reason) override;
  bool may_send(bool first) override;
  void right_ended() override { end(TunnelEnd::cut); }

  void send_up(std::string_view data);
  void send_down(std::string_view data);
  void fenced();
  void end_if_done();
  void end(TunnelEnd how);
  void release();
  void report_bytes();
  bool over() const { return !stream_; }
  void touch() { progress_ = context_.tick_now; }

  ProxyContext& context_;
  Owner& owner_;
  const std::uint32_t service_;
  const Duration idle_;
  std::unique_ptr<Stream> stream_;  // the client's
  std::unique_ptr<Upstream> upstream_;
  bool client_ended_ = false;  // its stream
  bool upstream_ended_ = false;
  bool client_paused_ = false;  // reading from it
  bool upstream_paused_ = false;
  Instant progress_{};              // when something moved last
  std::uint64_t to_upstream_ = 0;  // bytes, since the last report
  std::uint64_t to_client_ = 0;
};

}  // namespace regent
