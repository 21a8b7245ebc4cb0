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
    std::function<void()> ended;  // no session left while stopping
  };
  // `index` counts from 0.
  Worker(PlaneShared& shared, std::size_t index, Events events);

  EventLoop& loop() { return loop_; }
  const BackendPool& pool() const { return pool_; }

  // Serves the table's services from now on.
  void set_table(std::shared_ptr<const ServiceTable> table);
  // Accepts a service's clients (other gateways' requests) from this listening socket.
  void listen(std::uint32_t service, Poco::Net::StreamSocket listening);
  void listen_forward(Poco::Net::StreamSocket listening);

  // Before the loop starts.
  void start();
  void route_changed();
  void backend_changed(std::uint32_t destination);
  void set_address(std::uint32_t destination, const Poco::Net::SocketAddress& address);

  // Takes no new connections and ends those that are idle; Events::ended follows.
  void wind_down();
  // Ends what is left. The second step comes after the loop has stopped.
  void cut_off();
  void clear() { sessions_.clear(); }

 private:
  void accept(Poco::Net::StreamSocket socket, HttpSession::Entry entry,
              std::optional<Stream::Tls> tls);
  void accept_tcp(Poco::Net::StreamSocket socket, std::uint32_t service,
                  std::optional<Stream::Tls> tls);
  Status judge_peer(const Identity& peer) const;
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
  std::map<std::uint32_t, std::unique_ptr<Listener>> listeners_;  // by service
  std::unique_ptr<Listener> forward_;
  bool held_timer_ = false;
};

}  // namespace regent
