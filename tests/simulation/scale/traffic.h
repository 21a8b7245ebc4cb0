#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "region/codec.h"
#include "region/simulation/network.h"
#include "region/simulation/process.h"

namespace regent::simulation {

// What is sent, in messages and in bytes of frames: between regions, and within them from gateway
// to node and back. Frames have the sizes that the codec gives them, with signatures and
// fingerprints as long as real ones; TLS, TCP and IP come on top, and a node's certificate once a
// connection. One thread.
class Traffic {
 public:
  enum Kind : std::uint8_t { heartbeats, rounds, tallies, others, kKinds };
  struct Sum {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    Sum& operator+=(const Sum& other);
  };
  struct Period {
    std::array<Sum, kKinds> wide{};
    std::array<Sum, kKinds> local{};
    std::uint64_t answers = 0;     // handed to gateways: signatures for them to verify
    std::uint64_t most_wide = 0;   // messages between regions that the busiest gateway sent or got
    std::uint64_t most_bytes = 0;  // and bytes, of the gateway that sent or got most of them
    Sum wide_total() const;
    Sum local_total() const;
  };

  // `world` must outlive this object.
  explicit Traffic(const World& world);
  void count(ProcessId from, ProcessId to, const PeerMessage& message);
  // What was counted since the last call.
  Period take();

 private:
  std::uint64_t size_of(const PeerMessage& message);
  std::uint64_t round_size(const RoundMessage& round);
  std::uint64_t tally_size(const TallyMessage& tally);

  const World& world_;
  Codec codec_;
  Period period_;
  std::vector<Sum> by_gateway_;  // between regions, sent or received
  // Rounds and tallies are many, and equal in size when this about them is equal.
  std::unordered_map<std::uint64_t, std::uint64_t> sizes_;
};

}  // namespace regent::simulation
