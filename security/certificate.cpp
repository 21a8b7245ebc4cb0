#include "security/certificate.h"

#include <algorithm>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "security/openssl.h"

namespace regent {
namespace {

using std::chrono::system_clock;

// Certificates may name years that a 64-bit count of nanoseconds cannot hold.
system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return system_clock::time_point{};
  const std::time_t seconds = timegm(&parts);
  const std::time_t first = system_clock::to_time_t(system_clock::time_point::min()) + 1;
  const std::time_t last = system_clock::to_time_t(system_clock::time_point::max()) - 1;
  return system_clock::from_time_t(std::clamp(seconds, first, last));
}

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

Result<std::vector<std::shared_ptr<X509>>> certificates_from_pem(std::string_view pem) {
  const BioOwner bio = read_bio(pem);
  std::vector<std::shared_ptr<X509>> certificates;
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next, X509_free);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_error();
  if (!at_end) return Error{ErrorCode::invalid, "holds a broken certificate (" + reason + ")"};
  if (certificates.empty()) {
    return Error{ErrorCode::invalid, "holds no certificate in PEM form"};
  }
  return certificates;
}

Result<std::shared_ptr<X509>> certificate_from_der(std::string_view der) {
  const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
  const auto* position = begin;
  ERR_clear_error();
  std::shared_ptr<X509> certificate(d2i_X509(nullptr, &position, static_cast<long>(der.size())),
                                    X509_free);
  if (certificate == nullptr) {
    return Error{ErrorCode::invalid, "not a certificate: " + take_openssl_error()};
  }
  if (position != begin + der.size()) {
    return Error{ErrorCode::invalid, "not a certificate: more bytes follow it"};
  }
  return certificate;
}

std::string certificate_der(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  CHECK(size > 0);
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::string certificate_pem(const X509* certificate) {
  const BioOwner bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return bio_text(bio.get());
}

std::string certificate_fingerprint(std::string_view der) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(der.data()), der.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

system_clock::time_point not_before_of(const X509* certificate) {
  return time_of(X509_get0_notBefore(certificate));
}

system_clock::time_point not_after_of(const X509* certificate) {
  return time_of(X509_get0_notAfter(certificate));
}

double seconds_until_expiry(const CredentialSet& set) {
  return seconds_until_expiry(set.not_after);
}

double seconds_until_expiry(system_clock::time_point not_after) {
  return std::chrono::duration<double>(not_after - system_clock::now()).count();
}

std::string utc_text(system_clock::time_point time) {
  const std::time_t seconds = system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return std::string(text, size);
}

std::string claimed_holder(const X509* certificate) {
  if (certificate == nullptr) return "unknown";
  if (const auto identity = identity_of(certificate); identity.ok()) return identity->uri();
  const BioOwner bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
  const std::string subject = printable(bio_text(bio.get()));
  return subject.empty() ? "an unnamed holder" : "'" + subject + "'";
}

std::string verify_failure_text(X509_STORE_CTX* context) {
  const int code = X509_STORE_CTX_get_error(context);
  const X509* leaf = X509_STORE_CTX_get0_cert(context);
  const X509* offender = X509_STORE_CTX_get_current_cert(context);
  if (offender == nullptr) offender = leaf;
  std::string text = "certificate of " + claimed_holder(leaf);
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return text + " was not issued by our authority";
    default:
      break;
  }
  if (offender != leaf && X509_cmp(offender, leaf) != 0) {
    text += " cannot be used: its authority's certificate " + claimed_holder(offender);
  }
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return text + " expired on " + utc_text(not_after_of(offender));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return text + " is not yet valid, only from " + utc_text(not_before_of(offender)) + " on";
    case X509_V_ERR_INVALID_PURPOSE:
      return text + " was not issued for this end of a TLS connection";
    default:
      return text + " was refused: " + X509_verify_cert_error_string(code);
  }
}

Result<Identity> verify_certificate(X509* certificate, X509_STORE* authority,
                                    const std::vector<std::shared_ptr<X509>>& chain) {
  // The stack only points to certificates of `chain`.
  const OpenSslOwner<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }> others(
      sk_X509_new_null());
  for (const auto& other : chain) sk_X509_push(others.get(), other.get());
  const StoreContextOwner context(X509_STORE_CTX_new());
  CHECK(context != nullptr);
  ERR_clear_error();
  if (X509_STORE_CTX_init(context.get(), authority, certificate, others.get()) != 1) {
    return Error{ErrorCode::refused, "cannot verify the certificate of " +
                                         claimed_holder(certificate) + ": " + take_openssl_error()};
  }
  if (X509_verify_cert(context.get()) != 1) {
    Error error{ErrorCode::refused, verify_failure_text(context.get())};
    ERR_clear_error();
    return error;
  }
  return identity_of(certificate);
}

Status verified_operator(X509* presented, const CredentialSet& ours) {
  const Identity wanted{ours.identity.cluster, IdentityRole::operator_, "", ""};
  if (presented == nullptr) {
    return Error{ErrorCode::refused,
                 "no certificate was shown; this needs the one of " + wanted.uri()};
  }
  const auto identity = verify_certificate(presented, ours.authority.get());
  if (!identity.ok()) return identity.error();
  if (*identity != wanted) {
    return Error{ErrorCode::refused,
                 identity->uri() + " may not do this; only " + wanted.uri() + " may"};
  }
  return Done{};
}

}  // namespace regent
