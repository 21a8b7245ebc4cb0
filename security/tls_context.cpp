#include "security/tls_context.h"

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/credential_files.h"
#include "security/openssl.h"

namespace regent {
namespace {

// The smaller cipher first: with AES in hardware it is the cheapest, and this is the forward path.
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

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

}  // namespace

Result<std::shared_ptr<SSL_CTX>> mutual_context(TlsSide side, X509* certificate, EVP_PKEY* key,
                                                const std::vector<std::shared_ptr<X509>>& chain,
                                                X509_STORE* authority) {
  auto context = new_context(side == TlsSide::server ? TLS_server_method() : TLS_client_method(),
                             TLS1_3_VERSION);
  if (const auto used = use_pair(context.get(), certificate, key, chain); !used.ok()) {
    return used.error();
  }
  SSL_CTX_set1_cert_store(context.get(), authority);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  CHECK(SSL_CTX_set_num_tickets(context.get(), 0) == 1);
  return context;
}

Result<std::shared_ptr<SSL_CTX>> public_server_context(const std::string& cert_file,
                                                       const std::string& key_file) {
  const auto pem = read_small_file(cert_file);
  if (!pem.ok()) return pem.error();
  auto certificates = certificates_from_pem(*pem);
  if (!certificates.ok()) {
    return Error{ErrorCode::invalid, cert_file + ": " + certificates.error().message};
  }
  const auto key = read_private_key(key_file);
  if (!key.ok()) return key.error();
  const auto certificate = certificates->front();
  certificates->erase(certificates->begin());
  if (X509_check_private_key(certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::invalid, key_file + ": is not the key of the certificate in " +
                                         cert_file + "; give the pair that belongs together"};
  }
  auto context = new_context(TLS_server_method(), TLS1_2_VERSION);
  const auto used = use_pair(context.get(), certificate.get(), key->get(), *certificates);
  if (!used.ok()) return Error{ErrorCode::invalid, cert_file + ": " + used.error().message};
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
