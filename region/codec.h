#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "quorum/result.h"
#include "region/peer_message.h"
#include "topology/topology.h"

namespace regent {

// PeerMessage <-> the bytes of one frame's body. Only this and wire_enums.h know the generated
// types. On the wire are names, in memory ids of this process's topology. Immutable; any thread.
class Codec {
 public:
  static constexpr std::size_t kMaxAnswers = 256;     // in one TallyMessage
  static constexpr std::size_t kMaxNameBytes = 256;   // region, node
  static constexpr std::size_t kMaxTextBytes = 1024;  // a person's text, a version
  static constexpr std::size_t kMaxSignatureBytes = 1024;
  static constexpr std::size_t kMaxCertificateBytes = 16 * 1024;
  static constexpr std::size_t kFingerprintBytes = 32;
  static constexpr Duration kLongestLease = std::chrono::hours(1);
  static constexpr Duration kLongestSpan = std::chrono::hours(24 * 3650);

  // `topology` must outlive this object.
  explicit Codec(const Topology& topology);

  // Negative spans travel as 0, longer texts cut off at kMaxTextBytes, between characters. A
  // TallyMessage holds at most kMaxAnswers answers.
  std::string encode(const PeerMessage& message) const;

  // Errors (ErrorCode::invalid, naming the field): not a message, an unknown enumerator, a value
  // out of its range, too many answers, a name the topology does not have. Where the sender's
  // topology hash differs from ours, unknown names are no error: an unknown primary or asking
  // region becomes kNoRegion, and an answer that names an unknown node or region is left out.
  Result<PeerMessage> decode(std::span<const std::byte> bytes) const;

 private:
  const Topology& topology_;
};

// The names that an answer's signature covers come from here, too (security/signature.h).
std::string answer_signed_bytes(const SignedAnswer& answer, const Topology& topology);

}  // namespace regent
