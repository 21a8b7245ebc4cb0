#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/x509.h>

#include "quorum/result.h"
#include "security/identity.h"

// The development authority: issues the certificates of a cluster for trying it out and for tests.
// A real installation may use any other authority that puts the same SPIFFE URI into certificates.
namespace regent {

struct Validity {
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;

  // From five minutes ago, so that a peer whose clock is a little behind accepts it at once, until
  // `days` from now.
  static Validity days_from_now(int days);
};

// A certificate and its private key, both PEM.
struct CertificatePair {
  std::string certificate;
  std::string key;
};

// What a certificate is to say. Taken literally, also where it makes no sense: checking is the
// reader's business, and the tests need certificates that must be refused.
struct CertificateRequest {
  std::string common_name;         // shown by tools; means nothing here
  std::vector<std::string> uris;   // URI alternative names, normally one identity
  std::vector<std::string> hosts;  // DNS names and IP literals under which the holder is reached
  Validity validity;
};

// An authority's certificate and key. Immutable. Any thread.
class Authority {
 public:
  // A new self-signed authority with a P-256 key.
  static Result<Authority> create(const std::string& cluster, const Validity& validity);
  // Errors (ErrorCode::invalid): not PEM, the key does not match, not an authority's certificate.
  static Result<Authority> from_pem(const CertificatePair& pair);

  // Issues a certificate over a new P-256 key, for use at both ends of a TLS connection.
  // Errors: a host or URI that cannot be put into a certificate.
  Result<CertificatePair> issue(const CertificateRequest& request) const;
  Result<CertificatePair> issue(const Identity& identity, const std::vector<std::string>& hosts,
                                const Validity& validity) const;

  std::string certificate_pem() const;
  std::string key_pem() const;
  std::chrono::system_clock::time_point not_after() const;

 private:
  Authority(std::shared_ptr<X509> certificate, std::shared_ptr<EVP_PKEY> key);
  std::shared_ptr<X509> certificate_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace regent
