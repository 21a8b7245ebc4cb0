#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include <openssl/ssl.h>

#include "quorum/result.h"
#include "security/identity.h"

namespace regent {

struct CredentialFiles {
  std::string ca;    // trusted authority, PEM
  std::string cert;  // own certificate, PEM
  std::string key;   // own private key, PEM, mode 0600
};
// DIR/ca.crt with DIR/REGION.NAME.{crt,key}, or DIR/operator.{crt,key} for the operator.
CredentialFiles credential_files(const std::string& dir, const Identity& self);

// One loaded, consistent set of files; immutable, shared by the connections made with it.
struct CredentialSet {
  std::shared_ptr<SSL_CTX> server;  // TLS 1.3 only, demands a client certificate of our authority
  std::shared_ptr<SSL_CTX> client;  // TLS 1.3 only, shows ours, verifies the peer's chain
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509_STORE> authority;
  std::string certificate_der;
  std::string fingerprint;  // SHA-256 of certificate_der, 32 bytes
  Identity identity;
  std::chrono::system_clock::time_point not_after;
};

// The certificate, key and authority of this process, read again when the files change.
// Any thread.
class Credentials {
 public:
  // Errors name the file, what is wrong and what to do: missing, unreadable, not PEM, key does not
  // match the certificate, key readable by others, wrong identity (not `self`), expired or not yet
  // valid, not issued by the authority in the ca file.
  static Result<std::unique_ptr<Credentials>> load(CredentialFiles files, Identity self);

  std::shared_ptr<const CredentialSet> current() const;

  // Looks at the files' inode, size, mode and times; loads them when they changed. On an error the
  // set in use stays in use, and the files are tried again at each call, but the same error is
  // returned only once. Returns whether a new set is in use. Call about once a second.
  Result<bool> reload_if_changed();

 private:
  Credentials(CredentialFiles files, Identity self);
  struct Stamp;
  CredentialFiles files_;
  Identity self_;
  mutable std::mutex mutex_;  // protects current_
  std::mutex reload_mutex_;   // one reload at a time; protects the members below
  std::shared_ptr<const CredentialSet> current_;
  std::shared_ptr<const Stamp> stamp_;  // of the files that current_ was made from
  std::string reported_;                // the error returned last
};

}  // namespace regent
