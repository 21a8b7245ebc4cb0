#include "security/openssl.h"

#include <openssl/err.h>

#include "quorum/check.h"

namespace regent {

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

const EVP_MD* signing_digest(const EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256();
}

BioOwner read_bio(std::string_view bytes) {
  BioOwner bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  CHECK(bio != nullptr);
  return bio;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace regent
