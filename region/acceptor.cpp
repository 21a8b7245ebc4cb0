#include "region/acceptor.h"

#include <optional>
#include <utility>

#include "region/clock.h"
#include "region/log.h"

namespace regent {
namespace {

constexpr Duration kSweepEvery = std::chrono::milliseconds(500);

}  // namespace

struct Acceptor::Connection : Channel::Handler {
  Connection(Acceptor& owner, std::uint64_t number) : acceptor(owner), id(number) {}

  void on_open() override { acceptor.opened(*this); }
  void on_frame(std::span<const std::byte> body) override {
    last_received = boot_now();
    acceptor.owner_.on_accepted_frame(id, *peer, body);
  }
  void on_closed(const Error& reason) override { acceptor.closed(*this, reason); }

  Acceptor& acceptor;
  const std::uint64_t id;
  std::string address;
  Instant last_received = boot_now();
  std::optional<Endpoint> peer;  // once the handshake is complete
  Proofs::Carried carried;
  std::unique_ptr<Channel> channel;
};

Acceptor::Acceptor(EventLoop& loop, const PeerPolicy& policy, Credentials& credentials,
                   Limits limits, Owner& owner)
    : loop_(loop), policy_(policy), credentials_(credentials), limits_(limits), owner_(owner) {}

Acceptor::~Acceptor() {
  loop_.cancel(sweep_timer_);
}

Status Acceptor::listen(const Poco::Net::SocketAddress& address) {
  auto listener = Listener::open(
      loop_, address, [this](Poco::Net::StreamSocket socket) { add(std::move(socket)); });
  if (!listener.ok()) return listener.error();
  listener_ = std::move(listener).value();
  sweep_timer_ = loop_.after(kSweepEvery, [this] { sweep(); });
  return Done{};
}

void Acceptor::add(Poco::Net::StreamSocket socket) {
  limit_handshakes();
  auto connection = std::make_unique<Connection>(*this, ++last_connection_);
  Stream::Tls tls;
  tls.context = credentials_.current()->server;
  tls.check = [this](const Identity& identity) -> Status {
    const auto allowed = policy_.may_connect(identity);
    if (!allowed.ok()) return allowed.error();
    return Done{};
  };
  connection->channel = Channel::accepted(loop_, std::move(socket), std::move(tls), *connection);
  connection->channel->stream().set_unacknowledged_limit(limits_.unacknowledged);
  connection->address = connection->channel->stream().peer_address().toString();
  connections_.emplace(connection->id, std::move(connection));
}

void Acceptor::opened(Connection& connection) {
  const auto& identity = connection.channel->stream().peer();
  CHECK(identity.has_value());
  const auto peer = policy_.may_connect(*identity);
  CHECK(peer.ok());  // the TLS session asked the same question
  limit_peer(*peer);
  connection.peer = *peer;
  connection.last_received = boot_now();
}

void Acceptor::closed(Connection& connection, const Error& reason) {
  if (!connection.peer) {
    log_refused(connection.address, reason);
  } else if (reason.code == ErrorCode::invalid) {
    log_event(LogLevel::warning, "connection closed",
              {{"peer", policy_.describe(*connection.peer)},
               {"address", connection.address},
               {"reason", reason.message}});
  }
  connections_.erase(connection.id);
}

void Acceptor::log_refused(const std::string& address, const Error& reason) {
  // The source port differs at each attempt and would defeat the limit.
  const std::string host = address.substr(0, address.rfind(':'));
  const auto suppressed = limiter_.pass(host + reason.message, boot_now());
  if (!suppressed) return;
  log_event(LogLevel::warning, "peer refused",
            {{"address", address},
             {"reason", reason.message},
             {"repeated", std::to_string(*suppressed)}});
}

bool Acceptor::send(std::uint64_t connection, std::string_view body) {
  const auto found = connections_.find(connection);
  return found != connections_.end() && found->second->channel->send(body);
}

void Acceptor::close(std::uint64_t connection, const Error& reason) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) found->second->channel->close(reason);
}

std::optional<Endpoint> Acceptor::peer(std::uint64_t connection) const {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? std::nullopt : found->second->peer;
}

Proofs::Carried* Acceptor::carried(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : &found->second->carried;
}

void Acceptor::sweep() {
  sweep_timer_ = loop_.after(kSweepEvery, [this] { sweep(); });
  const Instant now = boot_now();
  for (const auto& [id, connection] : connections_) {
    const Duration silent = now - connection->last_received;
    if (!connection->peer && silent > kHandshakeLimit) {
      connection->channel->close({ErrorCode::timed_out, "no TLS handshake within 2 s"});
    } else if (connection->peer && silent > limits_.idle) {
      connection->channel->close({ErrorCode::timed_out, "idle"});
    }
  }
}

void Acceptor::limit_handshakes() {
  std::size_t unknown = 0;
  Connection* oldest = nullptr;
  for (const auto& [id, connection] : connections_) {
    if (connection->peer) continue;
    if (oldest == nullptr) oldest = connection.get();
    ++unknown;
  }
  if (unknown < kMaxHandshakes) return;
  log_refused(oldest->address, {ErrorCode::unavailable, "too many connections without handshake"});
  connections_.erase(oldest->id);
}

void Acceptor::limit_peer(const Endpoint& peer) {
  std::size_t count = 0;
  Connection* oldest = nullptr;
  for (const auto& [id, connection] : connections_) {
    if (connection->peer != peer) continue;
    if (oldest == nullptr) oldest = connection.get();
    ++count;
  }
  if (count >= kMaxFromOnePeer) connections_.erase(oldest->id);
}

}  // namespace regent
