#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "region/channel.h"
#include "region/listener.h"
#include "region/log_limiter.h"
#include "region/peer_policy.h"
#include "region/proofs.h"
#include "security/credentials.h"

namespace regent {

// The connections that other processes opened to this one: listens, lets in whom the policy allows,
// logs whom it refuses and why, and closes what takes too long or says nothing. Everything on the
// loop's thread (or while the loop does not run).
class Acceptor {
 public:
  // Accepted connections that have not shown yet who they are; beyond that the oldest goes.
  static constexpr std::size_t kMaxHandshakes = 64;
  // Connections of one identity; beyond that its oldest goes.
  static constexpr std::size_t kMaxFromOnePeer = 4;
  static constexpr Duration kHandshakeLimit = std::chrono::seconds(2);

  struct Owner {
    virtual ~Owner() = default;
    virtual void on_accepted_frame(std::uint64_t connection, const Endpoint& peer,
                                   std::span<const std::byte> body) = 0;
  };
  struct Limits {
    Duration idle;            // nothing received for so long: closed
    Duration unacknowledged;  // sent bytes unacknowledged for so long: closed
  };

  // All references must outlive this object.
  Acceptor(EventLoop& loop, const PeerPolicy& policy, Credentials& credentials, Limits limits,
           Owner& owner);
  ~Acceptor();

  // Errors as Listener::open().
  Status listen(const Poco::Net::SocketAddress& address);
  // False when the connection is gone, or its peer does not read.
  bool send(std::uint64_t connection, std::string_view body);
  // Closes the connection, with a line in the log.
  void close(std::uint64_t connection, const Error& reason);
  // nullopt when the connection is gone.
  std::optional<Endpoint> peer(std::uint64_t connection) const;
  // nullptr when the connection is gone.
  Proofs::Carried* carried(std::uint64_t connection);

 private:
  struct Connection;
  void add(Poco::Net::StreamSocket socket);
  void opened(Connection& connection);
  void closed(Connection& connection, const Error& reason);
  void sweep();
  void limit_handshakes();
  void limit_peer(const Endpoint& peer);
  void log_refused(const std::string& address, const Error& reason);

  EventLoop& loop_;
  const PeerPolicy& policy_;
  Credentials& credentials_;
  const Limits limits_;
  Owner& owner_;
  std::unique_ptr<Listener> listener_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_connection_ = 0;
  EventLoop::TimerId sweep_timer_ = 0;
  LogLimiter limiter_{std::chrono::seconds(10)};
};

}  // namespace regent
