#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "security/tls_session.h"

namespace regent::test {

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Two sessions wired to each other, with what each of them received and how it ended.
struct TlsPair {
  TlsPair(std::shared_ptr<SSL_CTX> client_context, TlsSession::PeerCheck client_check,
          std::shared_ptr<SSL_CTX> server_context, TlsSession::PeerCheck server_check)
      : client(std::move(client_context), TlsSession::Side::client, std::move(client_check)),
        server(std::move(server_context), TlsSession::Side::server, std::move(server_check)) {}

  // Carries bytes until none are left, `step` of them at a time.
  void pump(std::size_t step = 100'000) {
    while (client.has_output() || server.has_output()) {
      carry(client, server, server_status, server_received, step);
      carry(server, client, client_status, client_received, step);
    }
  }

  TlsSession client;
  TlsSession server;
  Status client_status = Done{};
  Status server_status = Done{};
  std::string client_received;
  std::string server_received;

 private:
  static void carry(TlsSession& from, TlsSession& to, Status& status, std::string& received,
                    std::size_t step) {
    const std::string output = from.take_output();
    for (std::size_t at = 0; at < output.size(); at += step) {
      status = to.feed(bytes(std::string_view(output).substr(at, step)), received);
    }
  }
};

}  // namespace regent::test
