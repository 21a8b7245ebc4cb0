#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

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

  // `count` sockets that listen on one address, among which the kernel spreads the connections
  // (SO_REUSEPORT). The first is taken without sharing, so an address in use is an error, whoever
  // uses it, also another process that would share. Only one that asks to share, runs as the same
  // user and comes later can still join; a gateway never does. Errors as open(). Any thread.
  static Result<std::vector<Poco::Net::StreamSocket>> listening(
      const Poco::Net::SocketAddress& address, std::size_t count);
  // Accepts from one of those.
  Listener(EventLoop& loop, Poco::Net::StreamSocket listening, OnAccept on_accept);

  // Errors (ErrorCode::unavailable): "cannot listen on 127.0.1.1:7400: address already in use by
  // process haproxy, pid 712". Port 0 takes a free one. Accepted sockets do not block. When the
  // process has no descriptor left, it logs that and tries again after a moment.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop,
                                                const Poco::Net::SocketAddress& address,
                                                OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Takes what is waiting to be accepted now, before the listener is closed and would reset it.
  void accept_waiting();
  Poco::Net::SocketAddress address() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace regent
