#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "quorum/message.h"
#include "quorum/types.h"
#include "region/pause.h"

// Everything that processes say to each other, as plain values. region/codec.h puts them into
// frames; nothing else knows the wire format.
namespace regent {

// A node's answer with the proof that the node gave it (security/signature.h).
struct SignedAnswer {
  Answer answer;
  std::string signature;    // over the answer, the cluster and the quorum hash
  std::string fingerprint;  // SHA-256 of the node's certificate (DER), 32 bytes
  std::string certificate;  // the certificate (DER) when the receiver may not have it yet, else ""
  std::string quorum_hash;  // of the topology the node runs under
};

// What a gateway tells every peer each heartbeat.
struct Heartbeat {
  std::uint64_t sequence = 0;        // of this sender, from 1, growing by one
  std::uint64_t heard_sequence = 0;  // last one heard from the receiver; 0: none yet
  Duration heard_ago{};              // how long before sending this it was heard
  Incarnation incarnation;
  std::string version;  // of the program
  std::uint64_t topology_version = 0;
  std::string topology_hash;
  std::string quorum_hash;
  // The sender's region.
  bool region_quorate = false;  // enough of its own nodes answer
  bool eligible = false;        // may stand
  std::uint32_t healthy_backends = 0;
  // What the sender believes.
  Epoch epoch;
  RegionId primary = kNoRegion;
  bool serving = false;   // the sender itself holds the lease
  Duration lease_left{};  // of the primary's lease, as far as the sender knows, when sent
  bool draining = false;  // the sender is about to end: it stands no more, and serves not for long
  Pause pause;
  Reign last_reign;  // while paused: which failover is not to happen
  std::string drill;  // whose faults the sender runs, or has been told of; "": none
};

// A gateway's question on its way to a node: from gateway to gateway, and from gateway to node.
struct RoundMessage {
  Question question;
  std::string quorum_hash;  // the asking gateway's
};

// Answers of the sender's own nodes to a round, as far as not yet told. A node sends its own
// answer to its gateway in the same message, with one answer in it.
struct TallyMessage {
  RoundId round;
  std::vector<SignedAnswer> answers;
};

// Switchover, between gateways. The operator's wish travels to a gateway that holds the lease.
struct SwitchoverRequest {
  std::uint64_t id = 0;
  RegionId to = kNoRegion;
  Duration timeout{};
};
enum class SwitchoverOutcome : std::uint8_t { done, not_possible, unsafe, timed_out };
struct SwitchoverReply {
  std::uint64_t id = 0;
  SwitchoverOutcome outcome = SwitchoverOutcome::not_possible;
  std::string message;
  Epoch epoch;     // of the new primary
  // How long nobody took writes; zero: the region was primary already.
  Duration gap{};
};
// To the holder's siblings: stop serving this epoch, finish, release, and answer with Drained.
struct DrainRequest {
  Epoch epoch;
  RegionId successor = kNoRegion;
  Duration timeout{};
};
struct Drained {
  Epoch epoch;
};
// To all: the epoch was given back in favour of the successor; the successor stands at once, the
// others leave it the first turn.
struct HandOver {
  Epoch epoch;
  RegionId successor = kNoRegion;
};

// What gateways tell each other while a drill goes on, so that they can end it without whoever
// ordered it. The drill's own cuts and delays let it pass; a link that is really broken does not.
// Nothing that decides on the primary looks at it.
struct DrillNotice {
  std::string drill{};
  bool running = false;   // at the sender; otherwise it has only heard of it, or
  std::string ended{};    // a rule ended it, there or at a third gateway: which gateway, and why
  Duration serves_for{};  // what is left of the lease that the sender itself holds, when sent
  std::uint64_t failed_writes = 0;  // answered by the sender since it knows of the drill
  bool cuts_receiver = false;       // the sender's faults cut it off from the receiver's region
};

using PeerMessage = std::variant<Heartbeat, RoundMessage, TallyMessage, SwitchoverRequest,
                                 SwitchoverReply, DrainRequest, Drained, HandOver, DrillNotice>;

}  // namespace regent
