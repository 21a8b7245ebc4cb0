#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "topology/timing_advice.h"
#include "topology/topology.h"

// A given script of faults on a given topology, in simulated time: what a drill would see.
namespace regent::simulation {

struct RehearsalStep {
  enum class Kind : std::uint8_t {
    isolate,        // region, from all others
    cut,            // what `region` sends to `other`; `both`: and the other way
    slow,           // what `region` sends to `other`, by `span`
    lose_node,      // nodes: their region's gateways and they hear nothing of each other
    stop,           // gateways and nodes end at once; heal starts them again
    pause,          // gateways and nodes stand still until heal
    heal,           // everything
    switchover,     // to region
    wait,           // span
    await_primary,  // until region leads (`negated`: until another one does), for at most span
    nothing,        // what is no part of the simulation
  };
  Kind kind = Kind::wait;
  RegionId region = kNoRegion;
  RegionId other = kNoRegion;
  std::vector<GatewayId> gateways;
  std::vector<NodeId> nodes;
  bool both = false;
  bool negated = false;
  Duration span{};
};

struct RehearsalOptions {
  std::uint64_t seed = 1;
  RegionId primary = kNoRegion;  // when the first step is taken; kNoRegion: who comes first
  // Between two regions; not `given`: drawn for each pair, 1 to 80 ms.
  RoundTrips round_trips;
  Duration write_every{std::chrono::milliseconds(100)};  // after an answer, by each client
  Duration hold{std::chrono::seconds(5)};                // how long a write waits for a primary
  unsigned attempts = 3;                                 // that may have been taken, of one write
  Duration serve_margin{};  // a data plane takes no writes for so long before its lease ends
  std::size_t trace_lines = 0;
};

// One write of a client, each of which writes through a gateway of its own; times count from the
// beginning, which is kLeadIn before the first step.
struct RehearsedWrite {
  Duration sent{};
  Duration answered{};
  GatewayId through{};
  bool taken = false;   // otherwise refused
  bool no_answer = false;  // its gateway was not there
  bool unknown = false;    // not taken as far as is known: an attempt was cut off
  RegionId by = kNoRegion;
  Epoch epoch{};
};

struct Rehearsed {
  std::string failure;          // a broken rule, or a primary that did not come; "": none
  std::vector<Duration> steps;  // when each was taken; those after a failed one are not
  std::vector<bool> awaited;    // whether each await_primary and switchover came to its end
  std::vector<RehearsedWrite> writes;
  Duration healed{};  // when everything was healed, whatever the last step was
  Duration length{};
  std::uint64_t changes = 0;  // of the primary's region, from the first step on
  std::vector<std::string> trace;
};

// Clients write for so long before the first step is taken.
inline constexpr Duration kLeadIn = std::chrono::seconds(1);

// The script, for a cluster in which this region leads.
using Script = std::function<std::vector<RehearsalStep>(RegionId primary)>;

// One run, from the start of a cluster that is well; everything follows from the seed. The rules
// are watched by the Checker throughout. At the end everything heals, and there must be a primary.
Rehearsed rehearse(const Topology& topology, const Script& script, const RehearsalOptions& options);

}  // namespace regent::simulation
