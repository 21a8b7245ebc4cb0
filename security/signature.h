#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "quorum/message.h"
#include "quorum/result.h"
#include "security/credentials.h"

// Signed votes: a node signs each answer with the key of its certificate, so that a gateway cannot
// invent votes and a winning set can be checked by anyone who has the authority's certificate.
namespace regent {

// Names for the ids in an answer: ids mean something only under one topology, names everywhere.
struct SignedAnswerText {
  std::string_view cluster;
  std::string_view quorum_hash;
  std::string_view node_region;  // of the answering node
  std::string_view node_name;
  std::string_view asking_region;  // question.region
  std::string_view supports;       // answer.supports, "" for nobody
};

// The bytes that are signed: a version tag, then every name and every field of the answer and of
// the question it answers (ids as the names), each with its length in front, so that two different
// answers never give the same bytes. Numbers are big-endian.
std::string signed_bytes(const Answer& answer, const SignedAnswerText& names);

// ECDSA with SHA-256 (or Ed25519) signature with the certificate's key. Errors: the key cannot
// sign.
Result<std::string> sign(const CredentialSet& credentials, std::string_view bytes);

// Checks signatures of nodes. Certificates are verified once and remembered by fingerprint; at most
// max_remembered of them, those learned first being forgotten first. Any thread.
class SignatureVerifier {
 public:
  static constexpr std::size_t kMaxRemembered = 20'000;

  explicit SignatureVerifier(std::shared_ptr<X509_STORE> authority,
                             std::size_t max_remembered = kMaxRemembered);
  // Forgets every certificate; for when the authority's file changed.
  void set_authority(std::shared_ptr<X509_STORE> authority);

  // Makes a certificate (DER) known. Errors: not a certificate, not issued by the authority, not
  // valid now, no node's identity. Returns whose it is.
  Result<Identity> learn(std::string_view certificate_der);
  bool knows(std::string_view fingerprint) const;

  // Whether `signature` over `bytes` is by the remembered certificate `fingerprint` and that
  // certificate is node `signer`'s and valid now. Errors say which of these fails.
  Status verify(std::string_view fingerprint, const Identity& signer, std::string_view bytes,
                std::string_view signature) const;

 private:
  struct Known;
  const std::size_t max_remembered_;
  mutable std::mutex mutex_;  // not held while certificates or signatures are computed on
  std::shared_ptr<X509_STORE> authority_;
  std::unordered_map<std::string, std::shared_ptr<const Known>> known_;
  std::deque<std::string> learned_;  // the keys of known_, oldest first
};

}  // namespace regent
