#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway/drill/drill.h"

// What was seen during a drill. Times are seconds since it began.
namespace regent {

struct DrillEvent {
  double at = 0;
  enum class Kind : std::uint8_t { step, note, trouble };
  Kind kind = Kind::note;
  std::string text;
};

// One write of the probe.
struct ProbeAnswer {
  double sent = 0;
  double answered = 0;
  std::string region;   // of the gateway it went through
  std::string gateway;  // its name
  int code = 0;         // HTTP; 0: no answer
  std::string served_by;
  std::uint64_t epoch = 0;
  bool unknown = false;  // the gateway said that the write may have been taken

  enum class Outcome : std::uint8_t { taken, refused, unknown, failed };  // failed: no answer
  Outcome outcome() const {
    return acknowledged() ? Outcome::taken
           : unknown      ? Outcome::unknown
           : code > 0     ? Outcome::refused
                          : Outcome::failed;
  }
  bool acknowledged() const { return code >= 200 && code < 300; }
};

// How a region's nodes count, as one gateway sees it.
struct RegionSum {
  std::string region;
  std::uint64_t weight = 0;   // of the region
  std::uint64_t present = 0;  // weight of its nodes that answer
  std::uint64_t needed = 0;
  std::uint64_t total = 0;
  bool won = false;

  bool operator==(const RegionSum&) const = default;
};

// What one gateway said of itself.
struct GatewaySample {
  double at = 0;  // when it had answered
  std::string region;
  std::string gateway;
  bool answered = false;  // nothing below is known otherwise
  std::string primary;    // as known there; "": none
  bool serving = false;
  std::uint64_t epoch = 0;
  double lease_ms = 0;
  std::int64_t margin = 0;
  std::uint64_t weight = 0;
  std::uint64_t needed = 0;
  bool faults = false;                                     // the drill runs there
  std::string faults_end;                                  // why the last one ended
  std::vector<std::pair<std::string, std::string>> links;  // region.gateway, state
  bool won = false;                                        // the quorum
  std::uint64_t total = 0;                                 // of all weights
  std::vector<RegionSum> sums{};
  std::uint64_t lost_nodes = 0;  // that did not answer it
  std::uint64_t ready = 0;       // gateways of other regions that could take over
  bool hears_of_drill = false;   // at another gateway
  double asked = 0;              // when it was asked
};

// A region was cut off from all others, or its gateways did not run.
struct Isolation {
  std::string region;
  double from = 0;
  double until = 0;
  std::string gateway{};  // only this one, and the region went on; "": all of them
};

// Something the drill did to the cluster, and how long it lasted: a fault, or a switchover.
struct DrillAction {
  std::string text;
  double from = 0;
  double until = 0;
};

inline constexpr double kUntilHealed = 1e9;

// Why a run is aborted whose steps are not all taken in time.
inline constexpr const char* kTakesTooLong = "it takes longer than its max_length";

struct DrillRecord {
  std::string id;
  std::string cluster;
  std::string started;  // UTC, for people
  Drill drill;          // bound
  Duration lease{};     // of the topology
  double length = 0;
  std::string aborted;  // why; "": it came to its end
  std::vector<DrillEvent> events;
  std::vector<ProbeAnswer> probes;
  std::vector<GatewaySample> samples;
  std::vector<Isolation> isolations;
  std::vector<DrillAction> actions;
  std::vector<std::pair<std::string, bool>> awaited;  // each await_primary, and whether it came
};

// Notes a step that breaks something: from the first moment on, and for certain from `in_force`.
void begin_action(DrillRecord& record, const DrillStep& step, double from, double in_force);
// What was broken is so no more.
void end_actions(DrillRecord& record, double at);
// Regions that were cut off, or did not run, are back.
void end_isolations(DrillRecord& record, double at);

struct DrillCheck {
  std::string name;
  std::string expected;
  std::string actual;
  bool passed = false;
};

// The failover after the first thing the drill did; seconds from that, negative: not seen. What is
// known from samples is as late as they are apart; a write that was taken shows that the vote was
// done by then.
struct DrillPhases {
  double detected = -1;    // a link to or from the old primary was seen not to be up
  double lease_over = -1;  // the old primary's lease ran out, or was given back
  double voted = -1;       // the next primary held its lease
  double published = -1;   // a gateway of another region knew of it
  double first_write = -1;
};

struct DrillVerdict {
  bool passed = false;
  std::vector<DrillCheck> checks;
  double gap = 0;          // longest time without an acknowledged write
  double usual_write = 0;  // median time until a write was acknowledged
  std::uint64_t writes = 0;
  std::uint64_t failed = 0;  // through regions that were not isolated
  DrillPhases phases;
};

// Holds what was seen against what was expected. Pure.
DrillVerdict judge_drill(const DrillRecord& record);

// Writes through regions that were not isolated meanwhile, and were not acknowledged.
std::uint64_t failed_writes(const std::vector<ProbeAnswer>& probes,
                            const std::vector<Isolation>& isolations);

}  // namespace regent
