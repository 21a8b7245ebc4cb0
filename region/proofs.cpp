#include "region/proofs.h"

#include <utility>

#include "region/codec.h"
#include "region/log.h"

namespace regent {

bool Proofs::Carried::first_time(const std::string& fingerprint) {
  if (fingerprints_.size() >= kMaxKept) fingerprints_.clear();
  return fingerprints_.insert(fingerprint).second;
}

Proofs::Proofs(const Topology& topology, const PeerPolicy& policy,
               const std::shared_ptr<const CredentialSet>& own)
    : topology_(topology), policy_(policy), verifier_(own->authority) {
  kept_.emplace(own->fingerprint, own->certificate_der);
}

void Proofs::set_credentials(const std::shared_ptr<const CredentialSet>& own) {
  verifier_.set_authority(own->authority);
  kept_.emplace(own->fingerprint, own->certificate_der);
}

void Proofs::attach(TallyMessage& message, Carried& carried) const {
  for (SignedAnswer& answer : message.answers) {
    answer.certificate.clear();
    const auto kept = kept_.find(answer.fingerprint);
    if (kept != kept_.end() && carried.first_time(answer.fingerprint)) {
      answer.certificate = kept->second;
    }
  }
}

bool Proofs::admit(const Endpoint& peer, TallyMessage& message, Instant now) {
  bool missing = false;
  std::vector<SignedAnswer> admitted;
  for (SignedAnswer& answer : message.answers) {
    const Status genuine = check(peer, answer, missing);
    if (genuine.ok()) {
      admitted.push_back(std::move(answer));
      continue;
    }
    const std::string from = policy_.describe(peer);
    const std::string node = policy_.describe(answer.answer.node);
    if (limiter_.pass(from + node + genuine.error().message, now)) {
      log_event(LogLevel::warning, "answer refused",
                {{"from", from}, {"signer", node}, {"reason", genuine.error().message}});
    }
  }
  message.answers = std::move(admitted);
  return missing;
}

Status Proofs::check(const Endpoint& peer, SignedAnswer& answer, bool& missing) {
  const Endpoint node = answer.answer.node;
  if (std::holds_alternative<NodeId>(peer) ? peer != node
                                           : policy_.region_of(peer) != policy_.region_of(node)) {
    return Error{ErrorCode::refused, "the answer is not this peer's to give"};
  }
  const std::string& fingerprint = answer.fingerprint;
  if (!verifier_.knows(fingerprint) ||
      (!answer.certificate.empty() && !kept_.contains(fingerprint))) {
    const auto kept = kept_.find(fingerprint);
    if (answer.certificate.empty() && kept != kept_.end()) answer.certificate = kept->second;
    if (answer.certificate.empty()) {
      missing = true;
      return Error{ErrorCode::unavailable, "the certificate of the answer is not known here"};
    }
    auto learned = verifier_.learn(answer.certificate);
    if (!learned.ok()) return learned.error();
    if (kept_.size() >= kMaxKept) kept_.clear();
    if (verifier_.knows(fingerprint)) kept_.insert_or_assign(fingerprint, answer.certificate);
  }
  answer.certificate.clear();
  return verifier_.verify(fingerprint, policy_.identity_of(node),
                          answer_signed_bytes(answer, topology_), answer.signature);
}

}  // namespace regent
