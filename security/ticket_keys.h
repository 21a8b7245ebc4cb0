#pragma once

#include <memory>
#include <mutex>

#include <openssl/ssl.h>

#include "quorum/types.h"

namespace regent {

// The keys that session tickets are sealed with (RFC 5077; AES-256-CBC with HMAC-SHA-256). A ticket
// holds what its connection was encrypted with, so the keys live in this process' memory alone and
// are forgotten: each seals tickets for kLifetime and opens them for two more. Shared by all
// contexts of a process, so that a client resumes its session whoever accepts it. Any thread.
class TicketKeys {
 public:
  static constexpr Duration kLifetime = std::chrono::hours(1);

  explicit TicketKeys(Instant now);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Makes a new key when the present one has served its time. To be called now and then.
  void rotate_if_due(Instant now);

  // Seals and opens the tickets of connections made with `context`, which keeps `keys` alive. A
  // ticket of an unknown key leads to a full handshake, one of an older key to a new ticket.
  static void use(SSL_CTX* context, std::shared_ptr<TicketKeys> keys);

 private:
  struct Key;
  struct Ring;
  static int seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                          EVP_MAC_CTX* mac, int seal);
  std::shared_ptr<const Ring> ring() const;

  mutable std::mutex mutex_;  // held to look at or exchange the pointer only
  std::shared_ptr<const Ring> ring_;
};

}  // namespace regent
