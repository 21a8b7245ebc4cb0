#include "security/ticket_keys.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "quorum/check.h"
#include "security/openssl.h"

namespace regent {
namespace {

constexpr std::size_t kNameBytes = 16;  // of the field in the ticket that names its key
constexpr std::size_t kKeyBytes = 32;

int keys_slot() {
  static const int slot = new_context_slot<TicketKeys>();
  return slot;
}

}  // namespace

struct TicketKeys::Key {
  Key() {
    CHECK(RAND_bytes(name.data(), kNameBytes) == 1);
    CHECK(RAND_priv_bytes(cipher.data(), kKeyBytes) == 1);
    CHECK(RAND_priv_bytes(mac.data(), kKeyBytes) == 1);
  }
  ~Key() {
    OPENSSL_cleanse(cipher.data(), kKeyBytes);
    OPENSSL_cleanse(mac.data(), kKeyBytes);
  }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  std::array<unsigned char, kNameBytes> name;
  std::array<unsigned char, kKeyBytes> cipher;
  std::array<unsigned char, kKeyBytes> mac;
};

struct TicketKeys::Ring {
  std::array<std::shared_ptr<const Key>, 3> keys;  // the newest first; it seals
  Instant made;
};

TicketKeys::TicketKeys(Instant now) {
  auto first = std::make_shared<Ring>();
  first->keys[0] = std::make_shared<const Key>();
  first->made = now;
  ring_ = std::move(first);
}

TicketKeys::~TicketKeys() = default;

std::shared_ptr<const TicketKeys::Ring> TicketKeys::ring() const {
  const std::scoped_lock lock(mutex_);
  return ring_;
}

void TicketKeys::rotate_if_due(Instant now) {
  const auto present = ring();
  if (now - present->made < kLifetime) return;
  auto next = std::make_shared<Ring>();
  next->keys = {std::make_shared<const Key>(), present->keys[0], present->keys[1]};
  // A process that slept keeps no key beyond its time.
  if (now - present->made >= 2 * kLifetime) next->keys[2] = nullptr;
  if (now - present->made >= 3 * kLifetime) next->keys[1] = nullptr;
  next->made = now;
  const std::scoped_lock lock(mutex_);
  ring_ = std::move(next);
}

void TicketKeys::use(SSL_CTX* context, std::shared_ptr<TicketKeys> keys) {
  attach(context, keys_slot(), std::move(keys));
  CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context, seal_or_open) == 1);
}

// OpenSSL's question for a key: 1 here it is, 0 none, 2 here it is but make a new ticket, -1 error.
int TicketKeys::seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv,
                             EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  const auto ring = attached<TicketKeys>(SSL_get_SSL_CTX(ssl), keys_slot())->ring();
  const Key* key = ring->keys[0].get();
  if (seal == 1) {
    std::memcpy(name, key->name.data(), kNameBytes);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    const auto found = std::ranges::find_if(ring->keys, [&](const auto& candidate) {
      return candidate && std::memcmp(candidate->name.data(), name, kNameBytes) == 0;
    });
    if (found == ring->keys.end()) return 0;
    key = found->get();
  }
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
                                        const_cast<unsigned char*>(key->mac.data()), kKeyBytes),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1 ||
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, seal) != 1) {
    return -1;
  }
  return seal == 1 || key == ring->keys[0].get() ? 1 : 2;
}

}  // namespace regent
