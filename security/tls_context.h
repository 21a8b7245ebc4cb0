#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "quorum/result.h"
#include "security/credentials.h"
#include "security/server_certificates.h"

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

// For one who only asks: TLS 1.3 only, shows no certificate, verifies the server's against
// `authority`. Who answers is for TlsSession's check to judge.
std::shared_ptr<SSL_CTX> asking_context(X509_STORE* authority);

// For clients of a service: TLS 1.2 (forward-secret AEAD suites only) and 1.3; asks for no
// certificate. A client is shown the first certificate that is for the server it names (SNI; "*."
// stands for one label), else the first of all. A client resumes its session by ticket, or by a
// bounded cache where it knows no tickets, but only under the very certificates and the service it
// was made with; there is no early data. protocols: ALPN, the preferred one first; a client that
// offers some but none of these is refused (RFC 7301), and empty says nothing about them.
std::shared_ptr<SSL_CTX> server_context(
    std::vector<std::shared_ptr<const ServerCertificate>> certificates, std::string_view service,
    const std::vector<std::string>& protocols, std::shared_ptr<TicketKeys> tickets);
// Errors: why OpenSSL does not take a certificate, key and chain; such a one server_context() may
// not be given.
Status usable_for_tls(const ServerCertificate& certificate);

// For a server that makes its own context (the admin API): each connection accepted with `context`
// shows the certificate that `credentials` holds at that moment. A client certificate is asked for
// but neither demanded nor judged during the handshake; the server asks verified_operator() where
// it matters. TLS 1.2 and 1.3. `credentials` must outlive `context`.
void serve_with_current_certificate(SSL_CTX* context, const Credentials& credentials);

}  // namespace regent
