#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include "quorum/result.h"
#include "region/event_loop.h"
#include "region/splice_pipe.h"
#include "security/tls_session.h"

namespace regent {

// One byte connection on an event loop, plain or TLS; used for peers, nodes, clients, backends.
// Everything on the loop's thread (or while the loop does not run). After on_closed() nothing more
// is called. No method calls the handler from inside; what it causes is reported by a later event.
class Stream {
 public:
  // The most that one event reads from the socket, so that a fast peer cannot starve the others.
  static constexpr std::size_t kReadBytes = 64 * 1024;

  struct Handler {
    virtual ~Handler() = default;
    // Connected, and for TLS: handshake complete and peer accepted. A stream made from an accepted
    // plain socket is open from the start and does not call this.
    virtual void on_open() = 0;
    // Bytes from the peer; valid during the call only.
    virtual void on_data(std::span<const std::byte> data) = 0;
    // Bytes from the peer are in the pipe given to receive_into(); 0: it is full.
    virtual void on_piped(std::size_t) {}
    // The peer will send no more (FIN, with TLS only after close_notify); we may still write.
    virtual void on_end() = 0;
    // Everything queued has gone to the socket, after queued_bytes() had been above zero.
    virtual void on_drained() = 0;
    // Over, with the reason: an error, or both sides have finished. The socket is closed already.
    virtual void on_closed(const Error& reason) = 0;
  };
  struct Tls {
    std::shared_ptr<SSL_CTX> context;
    TlsSession::PeerCheck check;  // may be empty
    std::string server_name;
  };

  // Starts to connect, from `source` (port 0) when given. Fails later through on_closed(), with
  // "connect to ADDRESS: why". No time limit of its own: the owner destroys the stream.
  static std::unique_ptr<Stream> connect(EventLoop& loop, const Poco::Net::SocketAddress& to,
                                         const std::optional<Poco::Net::SocketAddress>& source,
                                         std::optional<Tls> tls, Handler& handler);
  // Takes over an accepted socket.
  static std::unique_ptr<Stream> accepted(EventLoop& loop, Poco::Net::StreamSocket socket,
                                          std::optional<Tls> tls, Handler& handler);
  // Closes at once without calling the handler. May be destroyed from inside a handler's call.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Sends what the socket takes and queues the rest. Never blocks; the caller watches
  // queued_bytes() and stops its own source above its limit. Before open() it only queues.
  void write(std::span<const std::byte> data);
  void write(std::string_view data);
  std::size_t queued_bytes() const;
  // Half-close after what is queued; nothing may be written afterwards.
  void finish();
  // For bulk: bytes that come go into the pipe, and on_piped() says so; null: to on_data() again.
  // Not with TLS. The pipe must be there until then, or until the Stream is gone.
  void receive_into(SplicePipe* pipe);
  // Sends what is in the pipe, after what is queued, and counts it in queued_bytes(). Until that
  // is 0 the pipe must be there and nothing may be written. Only when open(), and not with TLS.
  void send_from(SplicePipe& pipe);
  // Whether those two can be used.
  bool can_splice() const;
  // Stops and restarts on_data(); while paused at most kReadBytes are held.
  void pause_reading();
  void resume_reading();
  bool open() const;
  // Hands the connection over to another owner, who also takes the Stream. May be done from inside
  // a call.
  void set_handler(Handler& handler);
  // The application protocol agreed on (TLS with ALPN, once open); "" for none.
  std::string_view protocol() const;
  // Closing will reset the connection, so that the peer cannot take it for an orderly end; what is
  // queued is lost.
  void reset_on_close();

  // The kernel ends the connection when sent bytes stay unacknowledged for this long.
  void set_unacknowledged_limit(Duration limit);

  const std::optional<Identity>& peer() const;  // TLS with a check only
  std::string peer_certificate_der() const;
  // "0.0.0.0:0" when it cannot be known.
  Poco::Net::SocketAddress peer_address() const;
  Poco::Net::SocketAddress local_address() const;

 private:
  Stream();
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace regent
