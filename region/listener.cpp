#include "region/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <Poco/Net/StreamSocketImpl.h>

#include "region/log.h"
#include "region/port_owner.h"

namespace regent {
namespace {

constexpr Duration kRetryWithoutDescriptors = std::chrono::milliseconds(100);

Error listen_error(const Poco::Net::SocketAddress& address, int error) {
  std::string text = "cannot listen on " + address.toString() + ": ";
  if (error != EADDRINUSE) {
    return {ErrorCode::unavailable, text + std::system_category().message(error)};
  }
  text += "address already in use";
  const std::string owner = port_owner(address);
  if (!owner.empty()) text += " by " + owner;
  return {ErrorCode::unavailable, text};
}

Result<Poco::Net::StreamSocket> listen_on(const Poco::Net::SocketAddress& address, bool shared) {
  const int fd = ::socket(address.af(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return listen_error(address, errno);
  Poco::Net::StreamSocket socket(new Poco::Net::StreamSocketImpl(fd));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd, address.addr(), address.length()) != 0 || ::listen(fd, Listener::kBacklog) != 0) {
    return listen_error(address, errno);
  }
  return socket;
}

}  // namespace

struct Listener::State : SocketHandler, std::enable_shared_from_this<Listener::State> {
  State(EventLoop& event_loop, Poco::Net::StreamSocket listening, OnAccept callback)
      : loop(event_loop),
        socket(std::move(listening)),
        on_accept(std::move(callback)),
        name(socket.address().toString()) {}

  void on_readable() override {
    const auto self = shared_from_this();
    for (int i = 0; i < kAcceptsPerEvent && !closed; ++i) {
      const int fd =
          ::accept4(socket.impl()->sockfd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        on_accept(Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(fd)));
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return wait_for_descriptors(errno);
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // Anything else belongs to the one connection that was about to be accepted.
    }
  }
  void on_writable() override {}
  void on_socket_error() override {}

  void wait_for_descriptors(int error) {
    log_event(LogLevel::error, "cannot accept connections",
              {{"address", name}, {"reason", std::system_category().message(error)}});
    loop.unwatch(socket);
    loop.after(kRetryWithoutDescriptors, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->closed) self->loop.watch(self->socket, *self, true, false);
    });
  }

  EventLoop& loop;
  Poco::Net::StreamSocket socket;
  OnAccept on_accept;
  const std::string name;
  bool closed = false;
};

Result<std::vector<Poco::Net::StreamSocket>> Listener::listening(
    const Poco::Net::SocketAddress& address, std::size_t count) {
  auto first = listen_on(address, false);
  if (!first) return first.error();
  std::vector<Poco::Net::StreamSocket> sockets{*first};
  if (count < 2) return sockets;
  const int on = 1;
  ::setsockopt(first->impl()->sockfd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  const Poco::Net::SocketAddress taken = first->address();
  while (sockets.size() < count) {
    auto next = listen_on(taken, true);
    if (!next) return next.error();
    sockets.push_back(*next);
  }
  return sockets;
}

Listener::Listener(EventLoop& loop, Poco::Net::StreamSocket listening, OnAccept on_accept)
    : state_(std::make_shared<State>(loop, std::move(listening), std::move(on_accept))) {
  loop.watch(state_->socket, *state_, true, false);
}

Result<std::unique_ptr<Listener>> Listener::open(EventLoop& loop,
                                                 const Poco::Net::SocketAddress& address,
                                                 OnAccept on_accept) {
  auto socket = listen_on(address, false);
  if (!socket) return socket.error();
  return std::make_unique<Listener>(loop, *socket, std::move(on_accept));
}

Listener::~Listener() {
  state_->closed = true;
  state_->loop.unwatch(state_->socket);
}

void Listener::accept_waiting() {
  state_->on_readable();
}

Poco::Net::SocketAddress Listener::address() const {
  return state_->socket.address();
}

}  // namespace regent
