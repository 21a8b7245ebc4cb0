#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "quorum/result.h"
#include "security/identity.h"

namespace regent {

// One TLS connection without the connection: bytes from the socket go in, bytes for the socket come
// out, nothing blocks and nothing is read or written here (OpenSSL over memory BIOs). One thread.
class TlsSession {
 public:
  enum class Side { client, server };
  // Decides whether the peer may talk to us, once its certificate was found good: called once,
  // during the handshake, so that a refused peer is told by an alert. That the peer has the
  // certificate's key is proven only after it, so the check must only decide; established() says
  // that both hold. An error ends the session. No byte of the peer is handed out before.
  using PeerCheck = std::function<Status(const Identity& peer)>;

  // `context` from CredentialSet (or a server context for clients of a service, then without a
  // peer check: the peer stays anonymous). With a check, a peer without a certificate is refused
  // whatever the context says. server_name: SNI, client side, optional.
  TlsSession(std::shared_ptr<SSL_CTX> context, Side side, PeerCheck check,
             const std::string& server_name = "");
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Bytes received from the socket. Decrypted data is appended to `plain`. Errors: handshake or
  // record failure, refused peer, refused by the peer; the text says why in words (verify error,
  // wrong identity). With TLS 1.3 a client is established before the server has judged it, so a
  // server's refusal comes as an error of a later feed(). An alert may still wait in take_output()
  // and should be sent before closing. After an error each call returns the same one.
  Status feed(std::span<const std::byte> received, std::string& plain);
  // Encrypts data (queued until the handshake is complete). Errors: the session has failed, or
  // close() was called.
  Status write(std::span<const std::byte> plain);
  // Bytes to put on the socket now; the string is moved out, empty when there are none. A client's
  // first bytes are there right after construction.
  std::string take_output();
  // The same without giving up memory: `into`, which must be empty, is exchanged with the output.
  void take_output(std::string& into);
  bool has_output() const;

  bool established() const;
  // The application protocol agreed on (ALPN), once established; "" for none.
  std::string_view protocol() const;
  bool peer_closed() const;  // close_notify received
  // Queues our close_notify behind everything written; nothing can be written after it. An end of
  // the socket without the peer's close_notify is for the owner of the socket to judge.
  void close();
  // Identity and certificate (DER) of the peer; nullopt / "" before the handshake or when
  // anonymous.
  const std::optional<Identity>& peer() const;
  std::string peer_certificate_der() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace regent
