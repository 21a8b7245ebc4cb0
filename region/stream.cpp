#include "region/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocketImpl.h>

#include "region/send_queue.h"

namespace regent {
namespace {

std::string reason_text(int error) {
  return std::system_category().message(error);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void set_option(int fd, int level, int option, int value) {
  // An option the kernel does not take costs speed or an early error, never correctness.
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

struct Stream::State : SocketHandler, std::enable_shared_from_this<Stream::State> {
  enum class Phase { connecting, handshake, open, closed };

  State(EventLoop& event_loop, Handler& owner) : loop(event_loop), handler(&owner) {}

  bool alive() const { return handler != nullptr && phase != Phase::closed; }
  int fd() const { return socket->impl()->sockfd(); }
  std::size_t unsent() const { return queue.size() + (outgoing ? outgoing->size() : 0); }

  void start(std::optional<Tls> tls, TlsSession::Side side);
  void connect_to(const Poco::Net::SocketAddress& to,
                  const std::optional<Poco::Net::SocketAddress>& source);

  void on_readable() override;
  void on_writable() override;
  void on_socket_error() override;

  void update_interest();
  void connected();
  void become_open();
  void received(std::span<const std::byte> data);
  void received_tls(std::span<const std::byte> data);
  void deliver_plain();
  void peer_ended();
  void end_of_input();
  void send_or_queue(std::span<const std::byte> data);
  void send_session_output();
  void put_on_wire(std::span<const std::byte> data);
  void flush();
  void finish_if_flushed();
  void fail_later(Error error);
  void close_now(const Error& reason);
  void release_socket();

  EventLoop& loop;
  Handler* handler;  // null once the Stream is gone
  std::optional<Poco::Net::StreamSocket> socket;
  std::unique_ptr<TlsSession> session;
  Phase phase = Phase::connecting;
  std::string target;   // whom we dial, for error texts
  SendQueue queue;      // for the socket
  SendQueue early;      // written before open
  SplicePipe* incoming = nullptr;  // where bytes go instead of the handler
  SplicePipe* outgoing = nullptr;  // sent behind the queue; null once it is empty
  std::string records;  // encrypted, only during a call; keeps its memory
  std::string plain;    // decrypted, not delivered yet
  std::optional<Error> failure;
  bool watching_read = false;
  bool watching_write = false;
  bool watched = false;
  bool paused = false;
  bool input_ended = false;
  bool end_pending = false;  // on_end() waits until reading resumes
  bool finishing = false;
  bool goodbye_sent = false;  // TLS close_notify
  bool finished = false;      // our FIN is out
  bool was_queued = false;
};

void Stream::State::start(std::optional<Tls> tls, TlsSession::Side side) {
  set_option(fd(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (tls) {
    session = std::make_unique<TlsSession>(std::move(tls->context), side, std::move(tls->check),
                                           tls->server_name);
  }
}

void Stream::State::connect_to(const Poco::Net::SocketAddress& to,
                               const std::optional<Poco::Net::SocketAddress>& source) {
  target = to.toString();
  const int made = ::socket(to.af(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) {
    return fail_later({ErrorCode::io, "connect to " + target + ": " + reason_text(errno)});
  }
  socket.emplace(new Poco::Net::StreamSocketImpl(made));
  if (source) {
    // Without this the kernel picks a port at bind() that is free towards every destination.
    set_option(made, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (::bind(made, source->addr(), source->length()) != 0) {
      return fail_later({ErrorCode::io, "connect to " + target + " from " +
                                            source->host().toString() + ": " + reason_text(errno)});
    }
  }
  if (::connect(made, to.addr(), to.length()) != 0 && errno != EINPROGRESS) {
    return fail_later({ErrorCode::unavailable, "connect to " + target + ": " + reason_text(errno)});
  }
  update_interest();
}

void Stream::State::update_interest() {
  if (!socket || phase == Phase::closed) return;
  const bool connecting = phase == Phase::connecting;
  const bool read = !connecting && !paused && !input_ended;
  const bool write = connecting || unsent() > 0;
  // A socket whose two directions are shut signals a hang-up for ever; with nothing left to read
  // it must leave the poll set, or the loop would spin.
  if (!read && !write && finished) {
    if (watched) loop.unwatch(*socket);
    watched = false;
    return;
  }
  if (watched && read == watching_read && write == watching_write) return;
  loop.watch(*socket, *this, read, write);
  watched = true;
  watching_read = read;
  watching_write = write;
}

void Stream::State::on_readable() {
  const auto self = shared_from_this();
  thread_local std::byte buffer[kReadBytes];
  const ssize_t got = incoming ? incoming->fill(fd()) : ::recv(fd(), buffer, sizeof buffer, 0);
  const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  if (got == 0) return peer_ended();
  if (got > 0) return incoming ? handler->on_piped(bytes) : received(std::span(buffer, bytes));
  const bool would_block = errno == EAGAIN || errno == EWOULDBLOCK;
  if (would_block && incoming && incoming->size() > 0) return handler->on_piped(0);
  if (would_block || errno == EINTR) return;
  close_now({ErrorCode::io, "connection lost: " + reason_text(errno)});
}

void Stream::State::on_writable() {
  const auto self = shared_from_this();
  if (phase == Phase::connecting) return connected();
  flush();
  if (!alive() || failure) return;
  update_interest();
  if (unsent() == 0 && early.size() == 0 && was_queued) {
    was_queued = false;
    finish_if_flushed();
    if (alive()) handler->on_drained();
  }
}

void Stream::State::on_socket_error() {
  const auto self = shared_from_this();
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0) error = ECONNRESET;
  close_now({ErrorCode::io, "connection lost: " + reason_text(error)});
}

void Stream::State::connected() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    return close_now({ErrorCode::unavailable, "connect to " + target + ": " + reason_text(error)});
  }
  if (!session) return become_open();
  phase = Phase::handshake;
  send_session_output();
  update_interest();
}

void Stream::State::become_open() {
  phase = Phase::open;
  if (early.size() > 0) {
    SendQueue pending;
    std::swap(pending, early);
    send_or_queue(bytes_of(pending.view()));
    was_queued = true;
    // A watcher of queued_bytes() hears about it even when the socket took everything at once.
    if (queue.size() == 0) {
      loop.post([self = shared_from_this()] {
        if (self->alive() && self->queue.size() == 0) self->on_writable();
      });
    }
  }
  finish_if_flushed();
  update_interest();
  handler->on_open();
}

void Stream::State::received(std::span<const std::byte> data) {
  if (session) return received_tls(data);
  handler->on_data(data);
}

void Stream::State::received_tls(std::span<const std::byte> data) {
  const Status fed = session->feed(data, plain);
  if (session->has_output()) send_session_output();
  if (!fed.ok() && phase != Phase::open) return close_now(fed.error());
  if (phase == Phase::handshake && session->established()) become_open();
  if (!alive()) return;
  deliver_plain();
  if (!alive()) return;
  if (!fed.ok()) return close_now(fed.error());
  if (session->peer_closed()) end_of_input();
}

void Stream::State::deliver_plain() {
  if (paused || plain.empty()) return;
  std::string delivered;
  delivered.swap(plain);
  handler->on_data(bytes_of(delivered));
  // The buffer's memory serves the next read, unless a burst has blown it up.
  if (alive() && plain.empty() && delivered.capacity() <= 2 * kReadBytes) {
    delivered.clear();
    plain.swap(delivered);
  }
}

void Stream::State::peer_ended() {
  if (session && !session->peer_closed()) {
    return close_now({ErrorCode::unavailable, phase == Phase::handshake
                                                  ? "closed by the peer during the TLS handshake"
                                                  : "closed by the peer without a TLS goodbye"});
  }
  end_of_input();
}

void Stream::State::end_of_input() {
  if (input_ended && !end_pending) return;
  input_ended = true;
  if (paused) {
    end_pending = true;
    return update_interest();
  }
  end_pending = false;
  update_interest();
  handler->on_end();
  if (alive() && finished) close_now({ErrorCode::unavailable, "closed"});
}

void Stream::State::send_or_queue(std::span<const std::byte> data) {
  if (!session) return put_on_wire(data);
  const Status written = session->write(data);
  if (!written.ok()) return fail_later(written.error());
  send_session_output();
}

void Stream::State::send_session_output() {
  records.clear();
  session->take_output(records);
  if (!records.empty()) put_on_wire(bytes_of(records));
}

void Stream::State::put_on_wire(std::span<const std::byte> data) {
  std::size_t taken = 0;
  CHECK(outgoing == nullptr);
  if (queue.size() == 0) {
    const ssize_t put = ::send(fd(), data.data(), data.size(), MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return fail_later({ErrorCode::io, "connection lost: " + reason_text(errno)});
    }
    taken = put > 0 ? static_cast<std::size_t>(put) : 0;
    if (taken == data.size()) return;
  }
  queue.push(text_of(data.subspan(taken)));
  was_queued = true;
  update_interest();
}

void Stream::State::flush() {
  while (unsent() > 0) {
    const std::string_view rest = queue.view();
    const ssize_t put = rest.empty() ? outgoing->drain(fd())
                                     : ::send(fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      return fail_later({ErrorCode::io, "connection lost: " + reason_text(errno)});
    }
    if (!rest.empty()) queue.pop(static_cast<std::size_t>(put));
    if (outgoing && outgoing->size() == 0) outgoing = nullptr;
  }
}

void Stream::State::finish_if_flushed() {
  if (!finishing || finished || phase != Phase::open || early.size() > 0) return;
  if (session && !goodbye_sent) {
    goodbye_sent = true;
    session->close();
    send_session_output();
  }
  if (unsent() > 0) return;
  finished = true;
  ::shutdown(fd(), SHUT_WR);
  update_interest();
  if (!input_ended || end_pending) return;
  fail_later({ErrorCode::unavailable, "closed"});
}

void Stream::State::fail_later(Error error) {
  if (failure) return;
  failure = std::move(error);
  loop.post([self = shared_from_this()] {
    if (self->alive()) self->close_now(*self->failure);
  });
}

void Stream::State::close_now(const Error& reason) {
  if (!alive()) return;
  release_socket();
  std::exchange(handler, nullptr)->on_closed(reason);
}

void Stream::State::release_socket() {
  phase = Phase::closed;
  if (!socket) return;
  if (watched) loop.unwatch(*socket);
  watched = false;
  socket.reset();
}

Stream::Stream() = default;

std::unique_ptr<Stream> Stream::connect(EventLoop& loop, const Poco::Net::SocketAddress& to,
                                        const std::optional<Poco::Net::SocketAddress>& source,
                                        std::optional<Tls> tls, Handler& handler) {
  std::unique_ptr<Stream> stream(new Stream);
  stream->state_ = std::make_shared<State>(loop, handler);
  stream->state_->connect_to(to, source);
  if (stream->state_->socket) {
    stream->state_->start(std::move(tls), TlsSession::Side::client);
  }
  return stream;
}

std::unique_ptr<Stream> Stream::accepted(EventLoop& loop, Poco::Net::StreamSocket socket,
                                         std::optional<Tls> tls, Handler& handler) {
  std::unique_ptr<Stream> stream(new Stream);
  stream->state_ = std::make_shared<State>(loop, handler);
  State& state = *stream->state_;
  state.socket.emplace(std::move(socket));
  const int flags = ::fcntl(state.fd(), F_GETFL);
  if ((flags & O_NONBLOCK) == 0) ::fcntl(state.fd(), F_SETFL, flags | O_NONBLOCK);
  state.phase = tls ? State::Phase::handshake : State::Phase::open;
  state.start(std::move(tls), TlsSession::Side::server);
  state.update_interest();
  return stream;
}

Stream::~Stream() {
  state_->handler = nullptr;
  state_->release_socket();
}

void Stream::write(std::span<const std::byte> data) {
  CHECK(!state_->finishing);
  if (data.empty() || !state_->alive() || state_->failure) return;
  if (state_->phase == State::Phase::open) return state_->send_or_queue(data);
  state_->early.push(text_of(data));
}

void Stream::write(std::string_view data) {
  write(bytes_of(data));
}

std::size_t Stream::queued_bytes() const {
  return state_->unsent() + state_->early.size();
}

void Stream::receive_into(SplicePipe* pipe) {
  CHECK(!state_->session);
  state_->incoming = pipe;
}

void Stream::send_from(SplicePipe& pipe) {
  State& state = *state_;
  CHECK(!state.session && !state.finishing && state.phase != State::Phase::connecting);
  CHECK(state.outgoing == nullptr || state.outgoing == &pipe);
  if (pipe.size() == 0 || !state.alive() || state.failure) return;
  state.outgoing = &pipe;
  state.flush();
  if (state.outgoing == nullptr || state.failure) return;
  state.was_queued = true;
  state.update_interest();
}

bool Stream::can_splice() const {
  return !state_->session && open();
}

void Stream::finish() {
  if (state_->finishing || !state_->alive() || state_->failure) return;
  state_->finishing = true;
  state_->finish_if_flushed();
}

void Stream::pause_reading() {
  state_->paused = true;
  state_->update_interest();
}

void Stream::resume_reading() {
  State& state = *state_;
  if (!state.paused) return;
  state.paused = false;
  state.update_interest();
  if (!state.alive() || (state.plain.empty() && !state.end_pending)) return;
  state.loop.post([self = state_] {
    if (self->alive()) self->deliver_plain();
    if (self->alive() && !self->paused && self->end_pending) self->end_of_input();
  });
}

bool Stream::open() const {
  return state_->phase == State::Phase::open && !state_->failure;
}

void Stream::set_handler(Handler& handler) {
  if (state_->handler != nullptr) state_->handler = &handler;
}

std::string_view Stream::protocol() const {
  return state_->session ? state_->session->protocol() : std::string_view();
}

void Stream::reset_on_close() {
  if (!state_->socket) return;
  const linger at_once{1, 0};
  ::setsockopt(state_->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Stream::set_unacknowledged_limit(Duration limit) {
  if (!state_->socket) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  set_option(state_->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms));
}

const std::optional<Identity>& Stream::peer() const {
  static const std::optional<Identity> nobody;
  return state_->session ? state_->session->peer() : nobody;
}

std::string Stream::peer_certificate_der() const {
  return state_->session ? state_->session->peer_certificate_der() : std::string();
}

Poco::Net::SocketAddress Stream::peer_address() const {
  try {
    if (state_->socket) return state_->socket->peerAddress();
  } catch (const Poco::Exception&) {
    // Not connected any more.
  }
  return Poco::Net::SocketAddress();
}

Poco::Net::SocketAddress Stream::local_address() const {
  try {
    if (state_->socket) return state_->socket->address();
  } catch (const Poco::Exception&) {
    // Not connected any more.
  }
  return Poco::Net::SocketAddress();
}

}  // namespace regent
