#include "security/tls_context.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/openssl.h"

namespace regent {
namespace {

// The smaller cipher first: with AES in hardware it is the cheapest, and this is the forward path.
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// For a service's clients that know TLS 1.2 only: ephemeral keys and AEAD, nothing else, which also
// is what HTTP/2 asks for (RFC 9113, 9.2.2).
constexpr const char* kCiphersOfTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr long kMaxCachedSessions = 4096;  // of clients without tickets, a service; about 1 kB each
constexpr long kSessionSeconds = 2 * 3600;

std::shared_ptr<SSL_CTX> new_context(const SSL_METHOD* method, int lowest_version) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  CHECK(context != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(context.get(), lowest_version) == 1);
  CHECK(SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION) == 1);
  CHECK(SSL_CTX_set_ciphersuites(context.get(), kCipherSuites) == 1);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

Status use_pair(SSL_CTX* context, X509* certificate, EVP_PKEY* key,
                const std::vector<std::shared_ptr<X509>>& chain) {
  ERR_clear_error();
  bool ok = SSL_CTX_use_certificate(context, certificate) == 1 &&
            SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
  for (const auto& next : chain) {
    ok = ok && SSL_CTX_add1_chain_cert(context, next.get()) == 1;
  }
  if (ok) return Done{};
  return Error{ErrorCode::invalid, "cannot be used for TLS: " + take_openssl_error()};
}

void demand_certificate(SSL_CTX* context, X509_STORE* authority) {
  SSL_CTX_set1_cert_store(context, authority);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

int show_current(SSL* ssl, void* argument) {
  const auto set = static_cast<const Credentials*>(argument)->current();
  return SSL_use_certificate(ssl, set->certificate.get()) == 1 &&
                 SSL_use_PrivateKey(ssl, set->key.get()) == 1 &&
                 SSL_set1_verify_cert_store(ssl, set->authority.get()) == 1
             ? 1
             : 0;
}

int accept_any(int, X509_STORE_CTX*) {
  return 1;
}

// What a server context chooses from when a client has said whom it wants.
struct Choices {
  std::vector<std::shared_ptr<const ServerCertificate>> certificates;
  std::unordered_map<std::string, std::size_t> by_name;
  std::string protocols;  // each after a byte with its length

  std::size_t for_server(std::string name) const;
};

int choices_slot() {
  static const int slot = new_context_slot<Choices>();
  return slot;
}

std::string length_prefixed(const std::string& protocol) {
  return static_cast<char>(protocol.size()) + protocol;
}

std::size_t Choices::for_server(std::string name) const {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (const auto found = by_name.find(name); found != by_name.end()) return found->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0) return 0;
  const auto found = by_name.find("*" + name.substr(dot));
  return found == by_name.end() ? 0 : found->second;
}

int show_named_certificate(SSL* ssl, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return 1;
  const Choices& choices = *attached<Choices>(SSL_get_SSL_CTX(ssl), choices_slot());
  const std::size_t chosen = choices.for_server(name);
  if (chosen == 0) return 1;  // the context's own
  const ServerCertificate& shown = *choices.certificates[chosen];
  return SSL_use_cert_and_key(ssl, shown.certificate.get(), shown.key.get(), shown.chain.get(), 1);
}

int select_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  const std::string& ours = attached<Choices>(SSL_get_SSL_CTX(ssl), choices_slot())->protocols;
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(
      &chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned>(ours.size()), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A session is bound to its service and all of its certificates: after a renewal every client sees
// the new certificate at its next connection.
void set_resumption(SSL_CTX* context,
                    const std::vector<std::shared_ptr<const ServerCertificate>>& certificates,
                    std::string_view service, std::shared_ptr<TicketKeys> tickets) {
  std::string bound_to(service);
  for (const auto& shown : certificates) bound_to += certificate_der(shown->certificate.get());
  const std::string id = certificate_fingerprint(bound_to);  // SHA-256
  CHECK(SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                       static_cast<unsigned>(id.size())) == 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, kMaxCachedSessions);
  SSL_CTX_set_timeout(context, kSessionSeconds);
  CHECK(SSL_CTX_set_max_early_data(context, 0) == 1);
  TicketKeys::use(context, std::move(tickets));
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> mutual_context(TlsSide side, X509* certificate, EVP_PKEY* key,
                                                const std::vector<std::shared_ptr<X509>>& chain,
                                                X509_STORE* authority) {
  auto context = new_context(side == TlsSide::server ? TLS_server_method() : TLS_client_method(),
                             TLS1_3_VERSION);
  if (const auto used = use_pair(context.get(), certificate, key, chain); !used.ok()) {
    return used.error();
  }
  demand_certificate(context.get(), authority);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  CHECK(SSL_CTX_set_num_tickets(context.get(), 0) == 1);
  return context;
}

std::shared_ptr<SSL_CTX> asking_context(X509_STORE* authority) {
  auto context = new_context(TLS_client_method(), TLS1_3_VERSION);
  demand_certificate(context.get(), authority);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

Status usable_for_tls(const ServerCertificate& certificate) {
  const auto context = new_context(TLS_server_method(), TLS1_2_VERSION);
  ERR_clear_error();
  if (SSL_CTX_use_cert_and_key(context.get(), certificate.certificate.get(), certificate.key.get(),
                               certificate.chain.get(), 1) == 1) {
    return Done{};
  }
  return Error{ErrorCode::invalid, "cannot be used for TLS: " + take_openssl_error()};
}

std::shared_ptr<SSL_CTX> server_context(
    std::vector<std::shared_ptr<const ServerCertificate>> certificates, std::string_view service,
    const std::vector<std::string>& protocols, std::shared_ptr<TicketKeys> tickets) {
  auto context = new_context(TLS_server_method(), TLS1_2_VERSION);
  SSL_CTX* ctx = context.get();
  CHECK(SSL_CTX_set_cipher_list(ctx, kCiphersOfTls12) == 1);
  const ServerCertificate& first = *certificates.at(0);
  CHECK(SSL_CTX_use_cert_and_key(ctx, first.certificate.get(), first.key.get(), first.chain.get(),
                                 1) == 1);
  set_resumption(ctx, certificates, service, std::move(tickets));
  auto choices = std::make_shared<Choices>();
  for (const std::string& protocol : protocols) choices->protocols += length_prefixed(protocol);
  choices->certificates = std::move(certificates);
  for (std::size_t i = 0; i < choices->certificates.size(); ++i) {
    const ServerCertificate& shown = *choices->certificates[i];
    for (const std::string& name : shown.names) choices->by_name.emplace(name, i);
  }
  attach(ctx, choices_slot(), choices);
  SSL_CTX_set_cert_cb(ctx, show_named_certificate, nullptr);
  if (!protocols.empty()) SSL_CTX_set_alpn_select_cb(ctx, select_protocol, nullptr);
  return context;
}

void serve_with_current_certificate(SSL_CTX* context, const Credentials& credentials) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_cert_cb(context, show_current, const_cast<Credentials*>(&credentials));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  // A resumed session would bring back a certificate that was judged by an older authority.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
}

}  // namespace regent
