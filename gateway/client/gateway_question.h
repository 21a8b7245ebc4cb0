#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>

#include <Poco/Net/StreamSocket.h>

#include "gateway/client/route.h"
#include "security/tls_session.h"

namespace regent::client {

struct GatewayAnswer {
  int code = 0;
  std::string body;
  Instant asked;  // before the question left
};

// `GET /v1/route` to one gateway, once, without ever waiting; the owner polls. Who answers must be
// a gateway of the cluster, by a certificate of its authority. Only finding a host name's address
// may block. One thread.
class GatewayQuestion {
 public:
  static constexpr std::size_t kMaxAnswerBytes = 256 * 1024;

  // ca_file: PEM, read now, so that a new one counts from the next question on.
  static Result<std::unique_ptr<GatewayQuestion>> begin(const Endpoint& gateway,
                                                        const std::string& cluster,
                                                        const std::string& ca_file);

  pollfd wants() const;
  // Moves what can be moved. nullopt: under way. An error or answer ends the question.
  std::optional<Result<GatewayAnswer>> move(short happened);

 private:
  GatewayQuestion(const Endpoint& gateway, const std::string& cluster,
                  std::shared_ptr<SSL_CTX> context);
  int fd() const { return socket_.impl()->sockfd(); }
  Status send();
  std::optional<Result<GatewayAnswer>> receive();
  std::optional<Result<GatewayAnswer>> answer(bool at_end);

  Poco::Net::StreamSocket socket_;
  bool connected_ = false;
  TlsSession tls_;
  Instant asked_ = Instant::min();
  std::string unsent_;
  std::string received_;
};

}  // namespace regent::client
