#include "gateway/upstream.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocket.h>

#include "quorum/check.h"
#include "region/send_queue.h"

namespace regent {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

// One for the thread: a handler has done with the bytes when its call returns.
std::array<char, kReadBytes>& read_buffer() {
  static thread_local std::array<char, kReadBytes> buffer;
  return buffer;
}

// A plain socket instead of a Stream, because a Stream flushes its queue by itself, and here the
// gate has a say in every single send.
class BackendConnection final : public Upstream, private SocketHandler {
 public:
  BackendConnection(EventLoop& loop, UpstreamUser& user) : loop_(loop) { user_ = &user; }
  ~BackendConnection() override {
    loop_.unwatch(socket_);
    try {
      socket_.close();
    } catch (const Poco::Exception&) {  // nothing is left to close
    }
  }

  Status connect(const Poco::Net::SocketAddress& to) {
    try {
      socket_.connectNB(to);
      socket_.setNoDelay(true);
    } catch (const Poco::Exception& failure) {
      return Error{ErrorCode::unavailable,
                   "cannot connect to " + to.toString() + ": " + failure.displayText()};
    }
    fd_ = socket_.impl()->sockfd();
    peer_ = to;
    loop_.watch(socket_, *this, false, true);
    return Done{};
  }

  bool send(std::string_view data) override {
    CHECK(outgoing_ == nullptr);
    if (!connected_ || !queue_.empty()) {
      queue_.push(data);
      return true;
    }
    const SendResult result = send_now(data);
    if (result.fenced) return false;
    if (result.sent < data.size()) {
      if (!broken_) queue_.push(data.substr(result.sent));
      watch();
    }
    return true;
  }
  std::size_t queued_bytes() const override {
    return queue_.size() + (outgoing_ ? outgoing_->size() : 0);
  }
  bool can_splice() const override { return connected_ && !broken_; }
  void receive_into(SplicePipe* pipe) override { incoming_ = pipe; }
  bool send_from(SplicePipe& pipe) override {
    if (broken_ || pipe.size() == 0) return true;
    outgoing_ = &pipe;
    if (queue_.empty() && !drain_pipe()) return false;
    if (outgoing_ != nullptr || broken_) watch();
    return true;
  }
  void pause_reading() override { set_paused(true); }
  void resume_reading() override { set_paused(false); }
  bool connected() const override { return connected_; }
  bool finish() override {
    finishing_ = true;
    return finish_if_flushed();
  }
  void reset_on_close() override {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  bool looks_dead() const override {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }

 private:
  struct SendResult {
    std::size_t sent = 0;
    bool fenced = false;
  };
  SendResult send_now(std::string_view data) {
    if (gate_ != nullptr && !gate_->may_send(!sent_any_)) return {0, true};
    const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return {note_sent(sent), false};
  }

  // What a system call that sends has moved.
  std::size_t note_sent(ssize_t sent) {
    if (sent >= 0) {
      sent_any_ = sent_any_ || sent > 0;
      return static_cast<std::size_t>(sent);
    }
    // What the peer said before it went away is still to be read; reading finds the end as well.
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) broken_ = true;
    return 0;
  }

  // False when the gate said no.
  bool drain_pipe() {
    while (outgoing_ != nullptr && !broken_) {
      if (gate_ != nullptr && !gate_->may_send(!sent_any_)) return false;
      if (note_sent(outgoing_->drain(fd_)) == 0) break;
      if (outgoing_->size() == 0) outgoing_ = nullptr;
    }
    if (broken_) outgoing_ = nullptr;
    return true;
  }

  // The end of the stream is something said, too, and needs the gate's leave.
  bool finish_if_flushed() {
    if (!finishing_ || finished_ || broken_ || queued_bytes() > 0) return true;
    if (gate_ != nullptr && !gate_->may_send(!sent_any_)) return false;
    finished_ = true;
    ::shutdown(fd_, SHUT_WR);
    watch();
    return true;
  }

  void on_readable() override {
    if (paused_) return;
    auto& buffer = read_buffer();
    const ssize_t got = incoming_ != nullptr
                            ? incoming_->fill(fd_)
                            : ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    const bool full = got < 0 && errno == EAGAIN && incoming_ != nullptr && incoming_->size() > 0;
    if (full || (got > 0 && incoming_ != nullptr)) {
      user_->on_upstream_piped(*this, full ? 0 : static_cast<std::size_t>(got));
    } else if (got > 0) {
      user_->on_upstream_data(*this, {buffer.data(), static_cast<std::size_t>(got)});
    } else if (got == 0) {
      ended_ = true;
      loop_.unwatch(socket_);
      user_->on_upstream_closed(
          *this, true,
          {ErrorCode::unavailable, peer_.toString() + ": the other side closed the connection"});
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      close(std::strerror(errno));
    }
  }

  void on_writable() override {
    if (!connected_ && !finish_connect()) return;
    while (!queue_.empty() && !broken_) {
      const SendResult result = send_now(queue_.view());
      if (result.fenced) return user_->on_upstream_fenced(*this);
      if (result.sent == 0) break;
      queue_.pop(result.sent);
    }
    if (queue_.empty() && !drain_pipe()) return user_->on_upstream_fenced(*this);
    if (broken_ && ended_) return close("sending failed");
    if (broken_) queue_.pop(queue_.size());
    if (queued_bytes() > 0) return;
    watch();
    if (!finish_if_flushed()) return user_->on_upstream_fenced(*this);
    user_->on_upstream_drained(*this);
  }

  void on_socket_error() override { close("the connection was reset"); }

  bool finish_connect() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) {
      close(std::strerror(error));
      return false;
    }
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
    connected_ = true;
    watch();
    return true;
  }

  void set_paused(bool paused) {
    if (paused_ == paused) return;
    paused_ = paused;
    watch();
  }
  void watch() {
    // A connection that is over signals a hang-up for ever, whatever is watched for.
    if ((ended_ && finished_) || (broken_ && paused_ && !ended_)) return loop_.unwatch(socket_);
    const bool read = connected_ && !paused_ && !ended_;
    const bool tell_failure = broken_ && ended_;
    const bool write = !connected_ || (queued_bytes() > 0 && !broken_) || tell_failure;
    loop_.watch(socket_, *this, read, write);
  }

  // The user usually destroys this object inside the call.
  void close(const char* why) {
    loop_.unwatch(socket_);
    user_->on_upstream_closed(*this, false,
                              {ErrorCode::unavailable, peer_.toString() + ": " + why});
  }

  EventLoop& loop_;
  Poco::Net::StreamSocket socket_;
  Poco::Net::SocketAddress peer_;
  int fd_ = -1;
  SendQueue queue_;
  SplicePipe* incoming_ = nullptr;  // where bytes go instead of the user
  SplicePipe* outgoing_ = nullptr;  // sent behind the queue; null once it is empty
  bool connected_ = false;
  bool paused_ = false;
  bool broken_ = false;
  bool ended_ = false;      // the other side sends no more
  bool finishing_ = false;  // our side is to end
  bool finished_ = false;   // and has
};

// Not guarded: the other gateway checks its own right before anything goes to a backend.
class GatewayConnection final : public Upstream, private Stream::Handler {
 public:
  explicit GatewayConnection(UpstreamUser& user) { user_ = &user; }

  void connect(EventLoop& loop, const Poco::Net::SocketAddress& to,
               const std::optional<Poco::Net::SocketAddress>& source, Stream::Tls tls) {
    stream_ = Stream::connect(loop, to, source, std::move(tls), *this);
  }

  bool send(std::string_view data) override {
    if (!connected_) {
      waiting_.append(data);
    } else {
      sent_any_ = true;
      stream_->write(data);
    }
    return true;
  }
  std::size_t queued_bytes() const override { return waiting_.size() + stream_->queued_bytes(); }
  void pause_reading() override { stream_->pause_reading(); }
  void resume_reading() override { stream_->resume_reading(); }
  bool connected() const override { return connected_; }
  bool finish() override {
    stream_->finish();
    return true;
  }
  void reset_on_close() override { stream_->reset_on_close(); }
  // One that is still being made is not.
  bool looks_dead() const override { return ended_ || (connected_ && !stream_->open()); }

 private:
  void on_open() override {
    connected_ = true;
    if (waiting_.empty()) return;
    sent_any_ = true;
    stream_->write(waiting_);
    waiting_.clear();
    if (stream_->queued_bytes() == 0) user_->on_upstream_drained(*this);
  }
  void on_data(std::span<const std::byte> data) override {
    user_->on_upstream_data(*this, {reinterpret_cast<const char*>(data.data()), data.size()});
  }
  void on_end() override {
    ended_ = true;
    user_->on_upstream_closed(*this, true,
                              {ErrorCode::unavailable, "the other gateway closed the connection"});
  }
  void on_drained() override { user_->on_upstream_drained(*this); }
  void on_closed(const Error& reason) override {
    // By its handshake, behind which nothing was read: see take_tls_error().
    if (reason.code == ErrorCode::refused) sent_any_ = false;
    user_->on_upstream_closed(*this, false, reason);
  }

  std::unique_ptr<Stream> stream_;
  std::string waiting_;
  bool connected_ = false;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Upstream>> connect_backend(EventLoop& loop,
                                                  const Poco::Net::SocketAddress& to,
                                                  UpstreamUser& user) {
  auto connection = std::make_unique<BackendConnection>(loop, user);
  if (Status status = connection->connect(to); !status) return status.error();
  return std::unique_ptr<Upstream>(std::move(connection));
}

Result<std::unique_ptr<Upstream>> connect_gateway(
    EventLoop& loop, const Poco::Net::SocketAddress& to,
    const std::optional<Poco::Net::SocketAddress>& source, Stream::Tls tls, UpstreamUser& user) {
  auto connection = std::make_unique<GatewayConnection>(user);
  connection->connect(loop, to, source, std::move(tls));
  return std::unique_ptr<Upstream>(std::move(connection));
}

}  // namespace regent
