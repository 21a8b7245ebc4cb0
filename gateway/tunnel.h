#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/proxy_context.h"
#include "gateway/request_observer.h"
#include "gateway/serving_right.h"
#include "gateway/session.h"
#include "gateway/upstream.h"
#include "region/stream.h"

namespace regent {

// Raw bytes both ways between a client and a backend, or another gateway, without a look at what
// they mean: what a connection of a tcp service, or one that an HTTP request has upgraded
// (RFC 9110, 7.8), goes on as once both sides are connected. A fast side waits for the slow one. A
// side that ends its stream has that passed on and may still receive; anything but an orderly end
// of both is a reset for both.
//
// Invariants: every byte, and the end of the client's stream, goes to a backend of this region only
// while the right holds, by a look at route and clock for that very send; at the moment it ends
// both sides are reset. Until then the tunnel counts in WritesInFlight, so a switchover goes on
// once it is closed.
//
// Where both sides are plain TCP, a direction in which the data comes in bulk goes through a pipe
// of the kernel, for less than half of the CPU; it goes back to copying when there is less. Loop's
// thread.
class Tunnel final : public Session,
                     private Stream::Handler,
                     private UpstreamUser,
                     private SendGate,
                     private RightWatch::Holder {
 public:
  // Above this a fast side waits for the slow one.
  static constexpr std::size_t kHighWaterBytes = 256 * 1024;
  // A direction takes to a pipe when a read has brought a Stream's full kReadBytes, and leaves it
  // when one brings less than this.
  static constexpr std::size_t kBulkBytes = 16 * 1024;

  // The side away from the client, as whoever has made the connection leaves it.
  struct Far {
    std::unique_ptr<Upstream> upstream;  // connected
    ServingRight right;
    std::uint32_t service = 0;    // which it does not outlive for long
    Duration idle{};              // it ends when nothing moves for this long
    std::string_view to_client;   // received from there already; good until start() is over
  };

  Tunnel(ProxyContext& context, SessionSet& sessions, Far far);
  ~Tunnel() override;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Takes the client's open connection over and begins. Must be in `sessions` already, and may be
  // out of them again when this returns. to_upstream: goes first. client_ended: its stream has.
  void start(std::unique_ptr<Stream> client, std::string_view to_upstream, bool client_ended);

  void tick(Instant now) override;
  // A connection has no end of its own to wait for: the gateway's limit ends it.
  void wind_down() override {}
  void cut_off() override { end(TunnelEnd::lost); }

 private:
  void on_open() override {}
  void on_data(std::span<const std::byte> data) override;
  void on_piped(std::size_t bytes) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(const Error& reason) override;
  void on_upstream_data(Upstream& from, std::string_view data) override;
  void on_upstream_piped(Upstream& from, std::size_t bytes) override;
  void on_upstream_drained(Upstream& from) override;
  void on_upstream_fenced(Upstream& from) override;
  void on_upstream_closed(Upstream& from, bool orderly, const Error& reason) override;
  bool may_send(bool first) override;
  void right_ended() override { end(TunnelEnd::cut); }

  void send_up(std::string_view data);
  void send_down(std::string_view data);
  void pause_client();
  void pause_upstream();
  bool wants_pipe(std::size_t read) const;
  void leave_up_pipe();
  void leave_down_pipe();
  void leave_quiet_pipes();
  void fenced();
  void end_if_done();
  void end(TunnelEnd how);
  void release();
  void report_bytes();
  bool over() const { return !stream_; }
  Upstream& upstream() { return *far_.upstream; }
  void touch() { progress_ = context_.tick_now; }

  ProxyContext& context_;
  SessionSet& sessions_;
  Far far_;
  std::unique_ptr<SplicePipe> up_pipe_;  // null while the direction is copied
  std::unique_ptr<SplicePipe> down_pipe_;
  std::unique_ptr<Stream> stream_;  // the client's; null before start() and when it is over
  bool client_ended_ = false;  // its stream
  bool upstream_ended_ = false;
  bool client_paused_ = false;  // reading from it
  bool upstream_paused_ = false;
  Instant progress_{};         // when something moved last
  std::size_t queued_ = 0;     // both ways, at the last tick
  std::uint64_t to_upstream_ = 0;  // bytes, since the last report
  std::uint64_t to_client_ = 0;
};

}  // namespace regent
