#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "quorum/check.h"

// Owners for what OpenSSL allocates, and its error queue as text.
namespace regent {

template <auto Free>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

template <typename T, auto Free>
using OpenSslOwner = std::unique_ptr<T, OpenSslFree<Free>>;

using BioOwner = OpenSslOwner<BIO, BIO_free_all>;
using X509Owner = OpenSslOwner<X509, X509_free>;
using KeyOwner = OpenSslOwner<EVP_PKEY, EVP_PKEY_free>;
using DigestOwner = OpenSslOwner<EVP_MD_CTX, EVP_MD_CTX_free>;
using SslContextOwner = OpenSslOwner<SSL_CTX, SSL_CTX_free>;
using SslOwner = OpenSslOwner<SSL, SSL_free>;
using StoreOwner = OpenSslOwner<X509_STORE, X509_STORE_free>;
using StoreContextOwner = OpenSslOwner<X509_STORE_CTX, X509_STORE_CTX_free>;

// The reason of the oldest entry of this thread's error queue, which is emptied; "unknown error"
// when there is none.
std::string take_openssl_error();

// The digest that signatures with this key are made over: SHA-256, or null for Ed25519, which
// brings its own.
const EVP_MD* signing_digest(const EVP_PKEY* key);

// Objects of ours that live as long as an SSL_CTX, each kind in a slot of its own.
template <typename T>
int new_context_slot() {
  const int slot = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<T>*>(data);
      });
  CHECK(slot >= 0);
  return slot;
}
template <typename T>
void attach(SSL_CTX* context, int slot, std::shared_ptr<T> object) {
  CHECK(SSL_CTX_get_ex_data(context, slot) == nullptr);
  CHECK(SSL_CTX_set_ex_data(context, slot, new std::shared_ptr<T>(std::move(object))) == 1);
}
template <typename T>
T* attached(const SSL_CTX* context, int slot) {
  return static_cast<std::shared_ptr<T>*>(SSL_CTX_get_ex_data(context, slot))->get();
}

// A memory BIO that reads `bytes`, which must outlive it.
BioOwner read_bio(std::string_view bytes);
// Everything written to a memory BIO.
std::string bio_text(BIO* bio);

}  // namespace regent
