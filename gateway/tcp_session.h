#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gateway/placement.h"
#include "gateway/proxy_context.h"
#include "gateway/session.h"
#include "gateway/tunnel.h"
#include "gateway/tunnel_opening.h"

namespace regent {

// A connection of a client of a tcp service, or of another gateway that carries one here. Finds its
// place once, connects, and leaves the rest to a tunnel in its stead; where there is none, it is
// reset at once. Where all backends have as many connections as they may, it waits in turn with the
// others. Loop's thread.
class TcpSession final : public Session,
                         private Stream::Handler,
                         private UpstreamUser,
                         private BackendWaiter {
 public:
  // Connections to backends, or to gateways, that are tried before the client is refused.
  static constexpr unsigned kMaxConnects = 4;
  static constexpr std::size_t kMaxAnswerBytes = 16 * 1024;  // to an opening

  TcpSession(ProxyContext& context, SessionSet& sessions, std::uint32_t service);

  // Takes a client's socket over. The session must be in `sessions` already.
  void open(Poco::Net::StreamSocket socket, std::optional<Stream::Tls> tls);
  // The same with another gateway's connection, at the end of its opening.
  void open(std::unique_ptr<Stream> from_gateway, TunnelOpening opening);

  void tick(Instant now) override;
  void wind_down() override;
  void cut_off() override;

 private:
  enum class State : std::uint8_t { handshake, queued, connecting, lingering, gone };

  void on_open() override;
  void on_data(std::span<const std::byte>) override {}
  void on_end() override;
  void on_drained() override {}
  void on_closed(const Error& reason) override;
  void on_upstream_data(Upstream& from, std::string_view data) override;
  void on_upstream_drained(Upstream& from) override;
  void on_upstream_fenced(Upstream&) override {}
  void on_upstream_closed(Upstream& from, bool orderly, const Error& reason) override;

  Place where();
  void place_connection();
  void go_local();
  void wait_for_backend();
  void on_backend_room() override;
  void stop_waiting();
  void go_forward();
  void connect(std::uint32_t destination);
  void failed(std::uint32_t destination, const std::string& why);
  void try_next();
  void refuse(unsigned status, std::string_view error, std::string message);
  void start_tunnel(std::string_view to_client);
  void release_upstream();
  void retire();

  ProxyContext& context_;
  SessionSet& sessions_;
  const std::uint32_t number_;  // of the service
  const std::shared_ptr<const Service> service_;  // its settings when the connection came
  State state_ = State::connecting;
  bool from_gateway_ = false;
  Instant since_{};  // of the present state or attempt
  std::unique_ptr<Stream> stream_;
  TunnelOpening about_;

  std::unique_ptr<Upstream> upstream_;
  ServingRight right_;
  BackendPool::Turn turn_;
  unsigned connects_ = 0;
  std::size_t next_gateway_ = 0;
  std::string answer_;  // of a gateway, to the opening
};

}  // namespace regent
