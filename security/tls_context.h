#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "quorum/result.h"
#include "security/credentials.h"

// TLS settings for the kinds of connections there are. A finished context is not changed any more
// and may be used by any thread.
namespace regent {

enum class TlsSide { client, server };

// Between our processes: TLS 1.3 only, shows `certificate` (with `chain` after it), demands and
// verifies the peer's certificate against `authority`. No tickets: each connection proves its
// identity anew. Errors: OpenSSL refuses the certificate or key.
Result<std::shared_ptr<SSL_CTX>> mutual_context(TlsSide side, X509* certificate, EVP_PKEY* key,
                                                const std::vector<std::shared_ptr<X509>>& chain,
                                                X509_STORE* authority);

// For clients of a service: TLS 1.2 and 1.3, asks for no certificate. cert_file: PEM, the
// service's certificate and its chain. Errors name the file and what is wrong with it.
Result<std::shared_ptr<SSL_CTX>> public_server_context(const std::string& cert_file,
                                                       const std::string& key_file);

// For a server that makes its own context (the admin API): each connection accepted with `context`
// shows the certificate that `credentials` holds at that moment. A client certificate is asked for
// but neither demanded nor judged during the handshake; the server asks verified_operator() where
// it matters. TLS 1.2 and 1.3. `credentials` must outlive `context`.
void serve_with_current_certificate(SSL_CTX* context, const Credentials& credentials);

}  // namespace regent
