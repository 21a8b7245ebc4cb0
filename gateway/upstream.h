#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <Poco/Net/SocketAddress.h>

#include "quorum/result.h"
#include "region/event_loop.h"
#include "region/splice_pipe.h"
#include "region/stream.h"

// A connection from the data plane to a backend (plain TCP) or to another gateway (mutual TLS).
// Everything on the loop's thread.
namespace regent {

// Asked immediately before each system call that hands bytes of a guarded request to the kernel,
// also for bytes that had to be queued before. Once it says no, nothing more of the request leaves
// this process.
class SendGate {
 public:
  virtual ~SendGate() = default;
  // first: nothing of this request has been sent yet.
  virtual bool may_send(bool first) = 0;
};

// Who uses the connection at present. It may destroy the connection inside any of these calls.
class Upstream;
class UpstreamUser {
 public:
  virtual ~UpstreamUser() = default;
  virtual void on_upstream_data(Upstream& from, std::string_view data) = 0;
  // Bytes are in the pipe given to receive_into(); 0: it is full.
  virtual void on_upstream_piped(Upstream&, std::size_t) {}
  // Queued bytes have gone out.
  virtual void on_upstream_drained(Upstream& from) = 0;
  // The gate said no to bytes that were queued.
  virtual void on_upstream_fenced(Upstream& from) = 0;
  // Over. orderly: the other side ended its stream after all its data. The connection may then be
  // kept to go on sending; it is called once more, not orderly, when that fails.
  virtual void on_upstream_closed(Upstream& from, bool orderly, const Error& reason) = 0;
};

class Upstream {
 public:
  virtual ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Sends or queues. False when the gate said no; then nothing of `data` was sent.
  [[nodiscard]] virtual bool send(std::string_view data) = 0;
  virtual std::size_t queued_bytes() const = 0;
  // For bulk, where can_splice(): the same as a Stream's. send_from() is send() of what is in the
  // pipe, each piece of it guarded like others.
  virtual bool can_splice() const { return false; }
  virtual void receive_into(SplicePipe*) {}
  [[nodiscard]] virtual bool send_from(SplicePipe&) { return false; }
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  virtual bool connected() const = 0;
  // Ends our direction of the stream behind what is queued; nothing may be sent after it. False
  // when the gate said no, for it is a message as well. Only once connected.
  [[nodiscard]] virtual bool finish() = 0;
  // Destroying it will reset the connection, so that nobody can take that for an orderly end.
  virtual void reset_on_close() = 0;
  // Whether the other side is seen to have closed, or has sent something, while it was idle.
  virtual bool looks_dead() const = 0;

  // Takes the connection into use for one request; gate null: not guarded.
  void begin(UpstreamUser& user, SendGate* gate) {
    user_ = &user;
    gate_ = gate;
    sent_any_ = false;
  }
  // Out of use: events go to `user`, nothing is sent.
  void rest(UpstreamUser& user) {
    user_ = &user;
    gate_ = nullptr;
  }
  // Whether bytes of the present request may have reached the other side.
  bool sent_any() const { return sent_any_; }

  std::uint32_t destination = 0;  // in the pool
  bool used_before = false;
  Instant idle_since{};

 protected:
  Upstream() = default;
  UpstreamUser* user_ = nullptr;
  SendGate* gate_ = nullptr;
  bool sent_any_ = false;
};

// Starts to connect. Errors: no socket or no route at once; later ones come as on_upstream_closed.
Result<std::unique_ptr<Upstream>> connect_backend(EventLoop& loop,
                                                  const Poco::Net::SocketAddress& to,
                                                  UpstreamUser& user);
Result<std::unique_ptr<Upstream>> connect_gateway(
    EventLoop& loop, const Poco::Net::SocketAddress& to,
    const std::optional<Poco::Net::SocketAddress>& source, Stream::Tls tls, UpstreamUser& user);

}  // namespace regent
