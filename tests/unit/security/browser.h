#pragma once

#include <array>
#include <string>
#include <string_view>

#include "security/certificate.h"
#include "security/openssl.h"
#include "security/tls_session.h"
#include "tests/unit/security/tls_pair.h"

namespace regent::test {

// A client of a service as the world has them: OpenSSL's own client side, wired to a TlsSession.
class Browser {
 public:
  struct Wish {
    Wish(int tls_version = TLS1_3_VERSION, std::string name = "")
        : version(tls_version), server_name(std::move(name)) {}
    int version;
    std::string server_name;
    std::string protocols;           // ALPN, each after a byte with its length
    SSL_SESSION* session = nullptr;  // to resume
    bool tickets = true;
    std::string ciphers;  // of TLS 1.2
  };
  Browser(std::shared_ptr<SSL_CTX> service, const Wish& wish)
      : server(std::move(service), TlsSession::Side::server, {}) {
    SSL_CTX* context = context_.get();
    // Old versions and suites are refused by the server, not by this side.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, wish.version);
    SSL_CTX_set_max_proto_version(context, wish.version);
    if (!wish.ciphers.empty()) SSL_CTX_set_cipher_list(context, wish.ciphers.c_str());
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (!wish.tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    ssl.reset(SSL_new(context));
    if (!wish.server_name.empty()) SSL_set_tlsext_host_name(ssl.get(), wish.server_name.c_str());
    if (!wish.protocols.empty()) {
      SSL_set_alpn_protos(ssl.get(),
                          reinterpret_cast<const unsigned char*>(wish.protocols.data()),
                          static_cast<unsigned>(wish.protocols.size()));
    }
    if (wish.session != nullptr) {
      // A copy: OpenSSL lets a session of TLS 1.3 be resumed once only.
      const OpenSslOwner<SSL_SESSION, SSL_SESSION_free> copy(SSL_SESSION_dup(wish.session));
      SSL_set_session(ssl.get(), copy.get());
    }
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl.get());
    pump();
  }

  // As after a goodbye: OpenSSL resumes no session of a connection that was cut.
  ~Browser() { SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Carries bytes until neither side has any; what the server sent is appended to `received`.
  void pump() {
    for (bool moved = true; moved;) {
      std::array<char, 16384> buffer;
      SSL_do_handshake(ssl.get());
      const int got = SSL_read(ssl.get(), buffer.data(), buffer.size());
      if (got > 0) received.append(buffer.data(), static_cast<std::size_t>(got));
      const int out = BIO_read(SSL_get_wbio(ssl.get()), buffer.data(), buffer.size());
      if (out > 0) {
        server_status =
            server.feed(bytes({buffer.data(), static_cast<std::size_t>(out)}), at_server);
      }
      const std::string answer = server.take_output();
      if (!answer.empty()) {
        BIO_write(SSL_get_rbio(ssl.get()), answer.data(), static_cast<int>(answer.size()));
      }
      moved = got > 0 || out > 0 || !answer.empty();
    }
  }
  bool send(std::string_view text) {
    const bool sent = SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())) > 0;
    pump();
    return sent;
  }
  bool open() const { return SSL_is_init_finished(ssl.get()) == 1 && server.established(); }
  bool resumed() const { return SSL_session_reused(ssl.get()) == 1; }
  std::string certificate() const {
    const X509* shown = SSL_get0_peer_certificate(ssl.get());
    return shown == nullptr ? "" : certificate_der(shown);
  }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl.get(), &name, &size);
    return std::string(reinterpret_cast<const char*>(name), size);
  }
  // What a later connection may resume.
  std::shared_ptr<SSL_SESSION> session() const {
    return {SSL_get1_session(ssl.get()), SSL_SESSION_free};
  }

  TlsSession server;
  Status server_status = Done{};
  std::string at_server;
  std::string received;

 private:
  SslContextOwner context_{SSL_CTX_new(TLS_client_method())};

 public:
  SslOwner ssl;
};

}  // namespace regent::test
