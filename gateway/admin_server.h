#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gateway/admin_api.h"
#include "quorum/result.h"
#include "security/credentials.h"

// The admin API over HTTPS: POCO's HTTP server with a thread a connection, which is plenty for
// checks and operators. New connections show the certificate that is current when they come in.
namespace regent {

class AdminServer {
 public:
  // At the limits: connections beyond `threads` wait, beyond `queued` more they are closed; whoever
  // has not sent a whole request, or read the answer, within `request_timeout` is cut off.
  struct Limits {
    int threads = 16;
    int queued = 64;
    Duration request_timeout = std::chrono::seconds(10);
    Duration keep_alive_timeout = std::chrono::seconds(5);  // between two requests
  };
  // A longer body gets 413. Heads are limited by POCO: 100 fields of 8 KiB, 16 KiB of target.
  static constexpr std::size_t kMaxBodyBytes = 64 * 1024;

  // Listens on host:port (port 0: any free one). `api` and `credentials` must outlive the server.
  // Errors: the host is unknown, the address is not ours, the port is taken (says by whom if that
  // can be found out).
  static Result<std::unique_ptr<AdminServer>> start(const std::string& host, std::uint16_t port,
                                                    const Credentials& credentials, AdminApi& api,
                                                    const Limits& limits);
  static Result<std::unique_ptr<AdminServer>> start(const std::string& host, std::uint16_t port,
                                                    const Credentials& credentials, AdminApi& api) {
    return start(host, port, credentials, api, Limits{});
  }
  // Stops listening, cuts what is open, and waits for requests that are being worked on; so what
  // `api` asks must still answer.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  std::uint16_t port() const;

 private:
  explicit AdminServer(const Limits& limits);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace regent
