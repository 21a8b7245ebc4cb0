#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "topology/topology.h"

// A given script of faults on a given topology, in simulated time: what a drill would see.
namespace regent::simulation {

struct RehearsalStep {
  enum class Kind : std::uint8_t {
    isolate,        // region, from all others
    cut,            // what `region` sends to `other`; `both`: and the other way
    slow,           // what `region` sends to `other`, by `span`
    lose_node,      // node
    stop,           // process, until it heals
    pause,          // process, until it heals
    heal,           // everything
    switchover,     // to region
    wait,           // span
    await_primary,  // until region leads (`negated`: until another one does), for at most span
  };
  Kind kind = Kind::wait;
  RegionId region = kNoRegion;
  RegionId other = kNoRegion;
  NodeId node;
  std::optional<std::variant<GatewayId, NodeId>> process;
  bool both = false;
  bool negated = false;
  Duration span{};
};

struct RehearsalOptions {
  std::uint64_t seed = 1;
  // Between two regions, there and back; nullopt: drawn for each pair, 1 to 80 ms.
  std::optional<Duration> round_trip;
  Duration write_every{std::chrono::milliseconds(100)};  // at each gateway
};

struct Rehearsed {
  std::string failure;  // a broken rule, or a primary that did not come; "": none
  Duration gap{};       // longest time in which no gateway took a write, from the first step on
  // From the first step to the first write that another region took; nullopt: none did.
  std::optional<Duration> failover;
  std::uint64_t changes = 0;  // of the primary's region, from the first step on
};

// The script, for a cluster in which this region leads.
using Script = std::function<std::vector<RehearsalStep>(RegionId primary)>;

// One run, from the start of a cluster that is well; everything follows from the seed. At the end
// everything heals, and there must be a primary.
Rehearsed rehearse(const Topology& topology, const Script& script, const RehearsalOptions& options);

}  // namespace regent::simulation
