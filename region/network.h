#pragma once

#include <cstdint>
#include <memory>

#include "quorum/result.h"
#include "region/link_faults.h"
#include "region/peer_message.h"
#include "region/peer_policy.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// Whose message it is, as its certificate and the topology say.
struct From {
  Endpoint peer;
  RegionId region;               // the peer's
  std::uint64_t connection = 0;  // for reply(); never 0, never used twice
};

// All connections of one process to the other processes of the cluster, over mutual TLS.
//
// A gateway dials every other gateway and every node of its own region, keeps one connection to
// each, and redials when it is lost. It listens for the other gateways. A node listens for the
// gateways of its own region and dials nobody. What a process has to say travels on the connection
// that it dialled; replies travel back on the connection that the request came on.
//
// Only genuine messages reach the handler: the peer is the one its certificate names, a node's
// answer carries that node's valid signature (under the topology hash it claims, which may differ
// from ours), comes from the node itself or from a gateway of its region, and a node says nothing
// but answers. Messages to a peer that is not connected are lost; the protocol repeats itself.
class Network {
 public:
  static constexpr std::size_t kMaxHandshakes = 64;  // accepted, not yet known who it is
  static constexpr std::size_t kMaxFromOnePeer = 4;  // accepted, of one identity; oldest goes
  static constexpr std::size_t kMaxDelayed = 10'000;  // messages a drill holds back; more are lost

  // Called on the network's own thread; must not block, must not call stop().
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_message(const From& from, PeerMessage message, Instant received) = 0;
    // The connection dialled to `target` was opened or (why != nullptr) closed or could not be
    // opened; repeated failures are repeated calls. Opened does not yet mean accepted: with TLS 1.3
    // the dialling side finishes first. Only a message of the peer proves that.
    virtual void on_connection(const Endpoint& target, bool up, const Error* why) = 0;
  };

  struct Counters {
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t bytes_sent = 0;  // of frames, before encryption
    std::uint64_t bytes_received = 0;
  };

  // All must outlive this object. `faults`: what drills cut and delay; null: nothing. They hold for
  // messages, in the stated direction, except for DrillNotice; connections are opened as ever.
  Network(const Topology& topology, Endpoint self, Credentials& credentials, Handler& handler,
          const LinkFaults* faults = nullptr);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Starts to listen and to dial. Errors: the address cannot be listened on (and who has it).
  Status start();
  // Closes everything and waits for the thread; the handler is not called afterwards. Not from
  // inside the handler.
  void stop();

  // Any thread; never blocks. Only to targets that this process dials.
  void send(const Endpoint& target, PeerMessage message);
  void reply(std::uint64_t connection, PeerMessage message);
  // The dialled connection is of no use (the peer is silent): drop it and dial anew. Ignored while
  // dialling and within a second after it was opened.
  void reconnect(const Endpoint& target);

  Counters counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace regent
