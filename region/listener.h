#pragma once

#include <functional>
#include <memory>

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

#include "quorum/result.h"
#include "region/event_loop.h"

namespace regent {

// One listening TCP socket on an event loop. Everything on the loop's thread (or while the loop
// does not run).
class Listener {
 public:
  static constexpr int kBacklog = 1024;
  static constexpr int kAcceptsPerEvent = 64;
  using OnAccept = std::function<void(Poco::Net::StreamSocket)>;

  // Errors (ErrorCode::unavailable): "cannot listen on 127.0.1.1:7400: address already in use by
  // process haproxy, pid 712". Port 0 takes a free one. Accepted sockets do not block. When the
  // process has no descriptor left, it logs that and tries again after a moment.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop,
                                                const Poco::Net::SocketAddress& address,
                                                OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Poco::Net::SocketAddress address() const;

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace regent
