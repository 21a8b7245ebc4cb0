#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "region/log_limiter.h"
#include "region/peer_message.h"
#include "region/peer_policy.h"
#include "security/credentials.h"
#include "security/signature.h"
#include "topology/topology.h"

namespace regent {

// The certificates that answers are signed with: sent once a connection, kept by those who relay
// answers, and used to let only genuine answers through. One thread.
class Proofs {
 public:
  // Certificates kept for relaying, and remembered as carried by a connection. Beyond that, all
  // are forgotten, which costs sending them once more.
  static constexpr std::size_t kMaxKept = 4096;

  // Fingerprints whose certificates one connection has carried.
  class Carried {
   public:
    bool first_time(const std::string& fingerprint);

   private:
    std::unordered_set<std::string> fingerprints_;
  };

  // `topology` and `policy` must outlive this object.
  Proofs(const Topology& topology, const PeerPolicy& policy,
         const std::shared_ptr<const CredentialSet>& own);
  // The process's certificate, or the authority, changed.
  void set_credentials(const std::shared_ptr<const CredentialSet>& own);

  // Before sending: adds the certificates that the connection has not carried, removes the others.
  void attach(TallyMessage& message, Carried& carried) const;

  // After receiving: removes the answers that are not genuine, with a line in the log (not for each
  // one): not the peer's to give, unknown certificate, bad signature. True when a certificate was
  // missing that the peer believes to have sent: the connection must be opened anew.
  bool admit(const Endpoint& peer, TallyMessage& message, Instant now);

 private:
  Status check(const Endpoint& peer, SignedAnswer& answer, bool& missing);

  const Topology& topology_;
  const PeerPolicy& policy_;
  SignatureVerifier verifier_;
  std::unordered_map<std::string, std::string> kept_;  // fingerprint to certificate (DER)
  LogLimiter limiter_{std::chrono::seconds(10)};
};

}  // namespace regent
