#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include <Poco/Net/StreamSocket.h>

#include "gateway/backend_pool.h"
#include "gateway/http_session.h"
#include "gateway/proxy_context.h"
#include "gateway/service_table.h"
#include "gateway/session.h"
#include "region/event_loop.h"
#include "region/listener.h"
#include "region/peer_policy.h"

namespace regent {

// One thread of the data plane, with everything a request needs on its way: listeners, client
// connections, connections to backends, held requests. It shares with the other threads only what
// PlaneShared and the DestinationStates hold, and the kernel spreads new connections among them.
// Loop's thread, or while the loop does not run, unless said otherwise.
class Worker {
 public:
  // What a worker hears from outside, and tells; called on its thread.
  struct Events {
    std::function<void(std::uint32_t destination)> connect_failed;
    std::function<void(std::uint32_t destination, const std::string& why)> eject;
    BackendPool::Wake wake;
    std::function<void()> ended;  // no session left while stopping
  };
  // `index` counts from 0.
  Worker(PlaneShared& shared, std::size_t index, Events events);

  EventLoop& loop() { return loop_; }
  const BackendPool& pool() const { return pool_; }

  // Serves the table's services from now on, on the sockets it has for their ports or is given
  // here; stops listening where no service is any more. Connections of a service that is gone end
  // after what is under way.
  using Sockets = std::map<std::uint16_t, Poco::Net::StreamSocket>;  // by port
  void set_table(std::shared_ptr<const ServiceTable> table, const Sockets& fresh);
  // Accepts other gateways' requests from this listening socket.
  void listen_forward(Poco::Net::StreamSocket listening);

  // Before the loop starts.
  void start();
  void route_changed();
  void backend_changed(std::uint32_t destination, bool healthy);
  void serve_waiting(std::uint32_t service) { pool_.serve_waiting(service); }
  void set_address(std::uint32_t destination, const Poco::Net::SocketAddress& address);

  // Takes no new connections and ends those that are idle; Events::ended follows.
  void wind_down();
  // Ends what is left. The second step comes after the loop has stopped.
  void cut_off();
  void clear() { sessions_.clear(); }

 private:
  void accept_at(std::uint16_t port, Poco::Net::StreamSocket socket);
  void accept(Poco::Net::StreamSocket socket, HttpSession::Entry entry,
              std::optional<Stream::Tls> tls);
  void accept_tcp(Poco::Net::StreamSocket socket, std::uint32_t service,
                  std::optional<Stream::Tls> tls);
  Status judge_peer(const Identity& peer);
  void tick();
  void arm_held_timer();
  void retry_held(bool route_changed);

  PlaneShared& shared_;
  const PeerPolicy policy_;
  const Events events_;
  EventLoop loop_;
  BackendPool pool_;
  ProxyContext context_;
  SessionSet sessions_;
  std::shared_ptr<const ServiceTable> table_;
  std::map<std::uint16_t, std::uint32_t> services_;               // by port
  std::map<std::uint16_t, std::unique_ptr<Listener>> listeners_;  // by port
  std::unique_ptr<Listener> forward_;
  bool held_timer_ = false;
};

}  // namespace regent
