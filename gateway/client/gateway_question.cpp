#include "gateway/client/gateway_question.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <sstream>
#include <system_error>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SocketAddress.h>

#include "region/clock.h"
#include "security/credential_files.h"
#include "security/tls_context.h"

namespace regent::client {
namespace {

constexpr const char* kHeadEnd = "\r\n\r\n";

Error failed(const std::string& reason) {
  return {ErrorCode::io, reason};
}

Error failed(int error) {
  return failed(std::system_category().message(error));
}

bool would_wait() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

TlsSession::PeerCheck gateway_of(const std::string& cluster) {
  return [cluster](const Identity& peer) -> Status {
    if (peer.role == IdentityRole::gateway && peer.cluster == cluster) return Done{};
    return Error{ErrorCode::refused,
                 peer.uri() + " answers there, which is no gateway of cluster " + cluster};
  };
}

}  // namespace

Result<std::unique_ptr<GatewayQuestion>> GatewayQuestion::begin(const Endpoint& gateway,
                                                                const std::string& cluster,
                                                                const std::string& ca_file) {
  const auto authority = load_authority(ca_file);
  if (!authority.ok()) return authority.error();
  std::unique_ptr<GatewayQuestion> question(
      new GatewayQuestion(gateway, cluster, asking_context(authority->get())));
  try {
    question->socket_.connectNB(Poco::Net::SocketAddress(gateway.host, gateway.port));
  } catch (const Poco::Exception& e) {
    return failed(e.displayText());
  }
  return question;
}

GatewayQuestion::GatewayQuestion(const Endpoint& gateway, const std::string& cluster,
                                 std::shared_ptr<SSL_CTX> context)
    : tls_(std::move(context), TlsSession::Side::client, gateway_of(cluster)) {
  // HTTP/1.0: the answer comes in one piece, and the connection ends with it.
  const std::string request = "GET /v1/route HTTP/1.0\r\nHost: " + gateway.text() + kHeadEnd;
  // Queued until the handshake is complete; a failure comes with the first feed().
  static_cast<void>(tls_.write(std::as_bytes(std::span(request))));
}

pollfd GatewayQuestion::wants() const {
  const bool out = !connected_ || !unsent_.empty() || tls_.has_output();
  return {fd(), static_cast<short>(POLLIN | (out ? POLLOUT : 0)), 0};
}

std::optional<Result<GatewayAnswer>> GatewayQuestion::move(short happened) {
  if (happened == 0) return std::nullopt;
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return failed(error);
    connected_ = true;
  }
  std::optional<Result<GatewayAnswer>> result = receive();
  if (const Status sent = send(); !sent.ok() && !result) return sent.error();
  return result;
}

Status GatewayQuestion::send() {
  while (true) {
    if (unsent_.empty()) unsent_ = tls_.take_output();
    if (unsent_.empty()) return Done{};
    const ssize_t count = ::send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0) return would_wait() ? Status(Done{}) : failed(errno);
    unsent_.erase(0, static_cast<std::size_t>(count));
  }
}

std::optional<Result<GatewayAnswer>> GatewayQuestion::receive() {
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = ::recv(fd(), buffer, sizeof buffer, 0);
    if (count < 0 && would_wait()) return std::nullopt;
    if (count < 0) return failed(errno);
    if (count == 0) return answer(true);
    // The question leaves once the handshake is complete: what is asked about is no older.
    if (!tls_.established()) asked_ = boot_now();
    const auto bytes = std::as_bytes(std::span(buffer, static_cast<std::size_t>(count)));
    if (const Status fed = tls_.feed(bytes, received_); !fed.ok()) return fed.error();
    if (received_.size() > kMaxAnswerBytes) return failed("the answer is too long");
    if (auto complete = answer(tls_.peer_closed())) return complete;
  }
}

// Once all of it is there; nullopt while more may come.
std::optional<Result<GatewayAnswer>> GatewayQuestion::answer(bool at_end) {
  const std::size_t head_end = received_.find(kHeadEnd);
  if (head_end != std::string::npos) {
    const std::size_t body_start = head_end + std::string_view(kHeadEnd).size();
    try {
      std::istringstream head(received_.substr(0, body_start));
      Poco::Net::HTTPResponse response;
      response.read(head);
      const Poco::Int64 length = response.getContentLength64();
      const auto body_bytes = static_cast<Poco::Int64>(received_.size() - body_start);
      if (length < 0 ? at_end : body_bytes >= length) {
        return GatewayAnswer{response.getStatus(), received_.substr(body_start), asked_};
      }
    } catch (const Poco::Exception&) {
      return failed("what answers there does not speak HTTP");
    }
  }
  if (!at_end) return std::nullopt;
  return failed("closed the connection before it had answered");
}

}  // namespace regent::client
