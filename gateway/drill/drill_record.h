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

  bool acknowledged() const { return code >= 200 && code < 300; }
};

// What one gateway said of itself.
struct GatewaySample {
  double at = 0;
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
};

// A region was cut off from all others, or its gateways did not run.
struct Isolation {
  std::string region;
  double from = 0;
  double until = 0;
  std::string gateway{};  // only this one, and the region went on; "": all of them
};

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
  std::vector<std::pair<std::string, bool>> awaited;  // each await_primary, and whether it came
};

struct DrillCheck {
  std::string name;
  std::string expected;
  std::string actual;
  bool passed = false;
};

// From the first fault that hit the primary to the first write of the next; seconds after the
// fault, negative: not seen.
struct DrillPhases {
  double detected = -1;    // a link to or from the old primary was seen down
  double lease_over = -1;  // a gateway knew of no primary any more
  double voted = -1;       // a gateway knew the new one
  double first_write = -1;
};

struct DrillVerdict {
  bool passed = false;
  std::vector<DrillCheck> checks;
  double gap = 0;  // longest time without an acknowledged write
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
