#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

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

// A memory BIO that reads `bytes`, which must outlive it.
BioOwner read_bio(std::string_view bytes);
// Everything written to a memory BIO.
std::string bio_text(BIO* bio);

}  // namespace regent
