#pragma once

#include <compare>
#include <cstdint>
#include <utility>

#include "quorum/types.h"

// The operators' switch that stops automatic failover (quorum/PROTOCOL.md, "Pause").
namespace regent {

// The switch itself, as it travels in every heartbeat. Of two, the one with the higher version
// counts; of equal versions, which two operators may give at once, the one that pauses.
struct Pause {
  // Nobody counts that far: a higher version would use up the number space, and is not believed.
  static constexpr std::uint64_t kMaxVersion = std::uint64_t{1} << 62;

  std::uint64_t version = 0;  // 0: no operator has touched the switch yet
  bool paused = false;
  constexpr auto operator<=>(const Pause&) const = default;
};

// The last reign that is known of, over or not: whose failover is not to happen while paused.
struct Reign {
  Epoch epoch;               // 0: no primary was ever known
  bool handed_over = false;  // that epoch was given back in favour of `region`
  RegionId region = kNoRegion;

  bool known() const { return epoch != Epoch{}; }
  bool later_than(const Reign& other) const {
    return std::pair(epoch, handed_over) > std::pair(other.epoch, other.handed_over);
  }
  bool operator==(const Reign&) const = default;
};

// The switch and the reign it keeps, as one gateway knows them. Both only ever move forward, so the
// order in which words about them arrive does not matter. Pure; one thread.
struct PauseRecord {
  Pause pause;
  Reign last_reign;

  // What an operator's wish makes of the switch.
  Pause ordered(bool paused) const { return {pause.version + 1, paused}; }
  // Takes over what is newer; whether anything was.
  bool adopt(const Pause& other) {
    if (other <= pause || other.version > Pause::kMaxVersion) return false;
    pause = other;
    return true;
  }
  bool saw(const Reign& reign) {
    if (!reign.known() || reign.epoch > kMaxEpoch || !reign.later_than(last_reign)) return false;
    last_reign = reign;
    return true;
  }
  bool operator==(const PauseRecord&) const = default;
};

}  // namespace regent
