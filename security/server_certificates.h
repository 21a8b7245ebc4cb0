#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "quorum/result.h"
#include "security/ticket_keys.h"

namespace regent {

struct ServerCertificateFiles {
  std::string cert;  // PEM: the certificate, and the chain after it
  std::string key;   // PEM, mode 0600
};

// One of a service's certificates in use.
struct ServerCertificate {
  std::string file;  // of the certificate
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<STACK_OF(X509)> chain;  // without the certificate itself
  std::vector<std::string> names;         // DNS names it is for, lower case; may begin with "*."
  std::chrono::system_clock::time_point not_after;

  // Errors name the file, what is wrong and what to do: missing, unreadable, not PEM, key does not
  // match or is readable by others, cannot be used for TLS. That it has expired is no error here.
  static Result<std::shared_ptr<const ServerCertificate>> load(const ServerCertificateFiles& files);
  // Errors: expired, not valid yet.
  Status valid_at(std::chrono::system_clock::time_point now) const;
};

// What the clients of one service are shown, read again when the files change. Any thread.
class ServerCertificates {
 public:
  struct Options {
    std::string service;                 // tells its sessions from those of other services
    std::vector<std::string> protocols;  // ALPN, the preferred one first; empty: none is spoken of
    std::shared_ptr<TicketKeys> tickets;
  };

  // files: at least one; the first is for clients that name no server, or one that none is for.
  // Errors as ServerCertificate::load().
  static Result<std::unique_ptr<ServerCertificates>> load(std::vector<ServerCertificateFiles> files,
                                                          Options options);
  ~ServerCertificates();
  ServerCertificates(const ServerCertificates&) = delete;
  ServerCertificates& operator=(const ServerCertificates&) = delete;

  // For the connections that are accepted from now on. See server_context().
  std::shared_ptr<SSL_CTX> context() const;
  // In the order of the files.
  std::vector<std::shared_ptr<const ServerCertificate>> current() const;

  // Looks at the files' inode, size, mode and times and loads the pairs that have changed. Of a
  // pair that cannot be loaded, or is not valid now, the one in use stays in use; it is tried again
  // at each call, but an error is returned only once. To be called about once a second.
  struct Reload {
    std::vector<std::shared_ptr<const ServerCertificate>> loaded;
    std::vector<Error> failed;
  };
  Reload reload_if_changed();

 private:
  struct Slot;
  struct Current;
  explicit ServerCertificates(Options options);
  void use_slots();

  const Options options_;
  std::mutex reload_mutex_;  // one reload at a time; protects the slots
  std::vector<Slot> slots_;
  mutable std::mutex mutex_;  // held to look at or exchange the pointer only
  std::shared_ptr<const Current> current_;
};

}  // namespace regent
