#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/drill/fault_order.h"
#include "quorum/types.h"
#include "topology/findings.h"
#include "topology/topology.h"

// A drill: rehearsed faults, with what is expected of the cluster meanwhile.
namespace regent {

// Regions are named as in the topology, or by the part they play when the drill begins:
//   $primary  who is primary then
//   $standby  who stands next after it
//   $other    the first region, by name, that is neither
struct DrillStep {
  enum class Kind : std::uint8_t {
    isolate,         // region: nothing goes there or comes from there
    cut,             // what `region` sends to `other` is lost; `both`: and the other way
    delay,           // what `region` sends to `other` is late by `span`
    lose_node,       // region, process: a node is cut off from its gateways
    lose_redis,      // region
    stop_gateway,    // region, process: killed, and started again when it heals
    stop_node,       // region, process
    stop_gateways,   // region: all of them
    pause_gateway,   // region, process: stands still, and goes on when it heals
    pause_node,      // region, process
    pause_gateways,  // region: all of them
    switchover,      // to region
    wait,            // span
    await_primary,   // until region is primary (`negated`: until another one is); span at most
    heal,            // everything
  };
  Kind kind = Kind::wait;
  std::string path;  // in the file: steps[2]
  std::string region;
  std::string other;
  std::string process;  // name of a node or gateway; $first: the region's first one
  bool both = false;
  bool negated = false;
  Duration span{};

  bool breaks() const { return kind <= Kind::pause_gateways; }
  bool stops() const { return Kind::stop_gateway <= kind && kind <= Kind::stop_gateways; }
  bool pauses() const { return Kind::pause_gateway <= kind && kind <= Kind::pause_gateways; }
  // Only where `regent local` runs the cluster.
  bool takes_processes() const { return stops() || pauses(); }
};

struct DrillProbe {
  std::string service;  // "": the topology's first http service
  std::string path = "/orders";
  std::string body = R"({"id":"$id"})";  // $id: another one each time
  Duration every{std::chrono::milliseconds(100)};
};

struct DrillExpectations {
  std::optional<Duration> gap;  // longest time without an acknowledged write anywhere
  std::optional<std::uint64_t> failed_writes;  // through regions that are not isolated
  bool minority_refuses = false;  // no write is acknowledged by an isolated region, once its lease
                                  // can have run out
};

struct Drill {
  std::string name;
  std::string about;
  std::uint64_t needs_regions = 2;  // that may be primary and are ready
  std::uint64_t needs_margin = 0;   // of the quorum, before anything is broken
  std::uint64_t min_margin = 0;     // while faults run: below it they end
  Duration max_length{std::chrono::minutes(2)};
  DrillProbe probe;
  std::vector<DrillStep> steps;
  DrillExpectations expect;
  DrillAborts abort;
};

inline constexpr std::size_t kMaxDrillBytes = 64 * 1024;
inline constexpr std::size_t kMaxDrillSteps = 100;

struct LoadedDrill {
  Drill drill;                  // meaningful only when errors is empty
  std::vector<Finding> errors;  // all of the file's, with their places
};

// Reads a drill file and checks what can be checked without a topology. With one, also that every
// name is in it and every step possible.
LoadedDrill load_drill(const std::string& file, const Topology* topology);
LoadedDrill parse_drill(const std::string& text, const std::string& file, const Topology* topology);

// "isolate us-east", for people.
std::string step_text(const DrillStep& step);

}  // namespace regent
