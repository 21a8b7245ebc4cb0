#include "security/signature.h"

#include <chrono>

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/openssl.h"

namespace regent {
namespace {

constexpr std::string_view kVersionTag = "regent answer v1";

template <typename Integer>
void put_big_endian(std::string& to, Integer value) {
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    to += static_cast<char>((value >> shift) & 0xff);
  }
}

void put(std::string& to, std::string_view field) {
  put_big_endian(to, static_cast<std::uint32_t>(field.size()));
  to += field;
}

void put(std::string& to, std::uint64_t number) {
  put_big_endian(to, static_cast<std::uint32_t>(sizeof number));
  put_big_endian(to, number);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string signed_bytes(const Answer& answer, const SignedAnswerText& names) {
  const Question& question = answer.question;
  std::string bytes;
  bytes.reserve(320);
  put(bytes, kVersionTag);
  put(bytes, names.cluster);
  put(bytes, names.quorum_hash);
  put(bytes, names.node_region);
  put(bytes, names.node_name);
  put(bytes, static_cast<std::uint64_t>(question.kind));
  put(bytes, question.epoch.value);
  put(bytes, names.asking_region);
  put(bytes, question.incarnation.value);
  put(bytes, static_cast<std::uint64_t>(question.lease.count()));
  put(bytes, question.round.value);
  put(bytes, static_cast<std::uint64_t>(answer.verdict));
  put(bytes, answer.epoch.value);
  put(bytes, names.supports);
  put(bytes, static_cast<std::uint64_t>(answer.wait.count()));
  return bytes;
}

Result<std::string> sign(const CredentialSet& credentials, std::string_view bytes) {
  EVP_PKEY* key = credentials.key.get();
  const DigestOwner context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  ERR_clear_error();
  std::size_t size = 0;
  std::string signature;
  bool ok = EVP_DigestSignInit(context.get(), nullptr, signing_digest(key), nullptr, key) == 1 &&
            EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size()) == 1;
  if (ok) {
    signature.resize(size);
    ok = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                        bytes_of(bytes), bytes.size()) == 1;
  }
  if (!ok) {
    return Error{ErrorCode::invalid, "the key of " + credentials.identity.uri() +
                                         " cannot sign: " + take_openssl_error()};
  }
  signature.resize(size);
  return signature;
}

struct SignatureVerifier::Known {
  std::shared_ptr<X509> certificate;
  EVP_PKEY* key = nullptr;  // owned by certificate
  Identity identity;
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;

  Status valid_now() const {
    const auto now = std::chrono::system_clock::now();
    const std::string start = "certificate of " + identity.uri();
    if (now > not_after) {
      return Error{ErrorCode::refused, start + " expired on " + utc_text(not_after)};
    }
    if (now < not_before) {
      return Error{ErrorCode::refused,
                   start + " is not yet valid, only from " + utc_text(not_before) + " on"};
    }
    return Done{};
  }
};

SignatureVerifier::SignatureVerifier(std::shared_ptr<X509_STORE> authority,
                                     std::size_t max_remembered)
    : max_remembered_(max_remembered), authority_(std::move(authority)) {}

void SignatureVerifier::set_authority(std::shared_ptr<X509_STORE> authority) {
  const std::scoped_lock lock(mutex_);
  authority_ = std::move(authority);
  known_.clear();
  learned_.clear();
}

Result<Identity> SignatureVerifier::learn(std::string_view certificate_der) {
  const std::string fingerprint = certificate_fingerprint(certificate_der);
  std::shared_ptr<X509_STORE> authority;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = known_.find(fingerprint); found != known_.end()) {
      const Status valid = found->second->valid_now();
      if (!valid.ok()) return valid.error();
      return found->second->identity;
    }
    authority = authority_;
  }
  auto certificate = certificate_from_der(certificate_der);
  if (!certificate.ok()) return certificate.error();
  const auto identity = verify_certificate(certificate->get(), authority.get());
  if (!identity.ok()) return identity.error();
  if (identity->role != IdentityRole::node) {
    return Error{ErrorCode::refused, identity->uri() + " is not a node; only nodes sign answers"};
  }
  auto known = std::make_shared<Known>();
  known->certificate = *certificate;
  known->key = X509_get0_pubkey(certificate->get());
  known->identity = *identity;
  known->not_before = not_before_of(certificate->get());
  known->not_after = not_after_of(certificate->get());
  if (known->key == nullptr) {
    ERR_clear_error();
    return Error{ErrorCode::refused,
                 "certificate of " + identity->uri() + " has a key of an unknown kind"};
  }
  const std::scoped_lock lock(mutex_);
  if (authority_ != authority) {
    return Error{
        ErrorCode::unavailable,
        "the authority changed meanwhile; show the certificate of " + identity->uri() + " again"};
  }
  if (!known_.emplace(fingerprint, std::move(known)).second) return identity;
  learned_.push_back(fingerprint);
  if (learned_.size() > max_remembered_) {
    known_.erase(learned_.front());
    learned_.pop_front();
  }
  return identity;
}

bool SignatureVerifier::knows(std::string_view fingerprint) const {
  const std::scoped_lock lock(mutex_);
  return known_.contains(std::string(fingerprint));
}

Status SignatureVerifier::verify(std::string_view fingerprint, const Identity& signer,
                                 std::string_view bytes, std::string_view signature) const {
  std::shared_ptr<const Known> known;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = known_.find(std::string(fingerprint));
    if (found == known_.end()) {
      return Error{ErrorCode::refused, "an answer in the name of " + signer.uri() +
                                           " is signed with a certificate that was not shown"};
    }
    known = found->second;
  }
  if (known->identity != signer) {
    return Error{ErrorCode::refused, "an answer in the name of " + signer.uri() + " is signed by " +
                                         known->identity.uri()};
  }
  if (const Status valid = known->valid_now(); !valid.ok()) return valid;
  const DigestOwner context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  ERR_clear_error();
  const bool good = EVP_DigestVerifyInit(context.get(), nullptr, signing_digest(known->key),
                                         nullptr, known->key) == 1 &&
                    EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                     bytes_of(bytes), bytes.size()) == 1;
  ERR_clear_error();
  if (good) return Done{};
  return Error{ErrorCode::refused, "the signature of an answer of " + signer.uri() +
                                       " is not over this answer, or not by its key"};
}

}  // namespace regent
