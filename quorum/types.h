#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>

namespace regent {

// Spans of time, nanoseconds inside; every public number carries its unit in its name instead.
using Duration = std::chrono::nanoseconds;

// Instants on one process's own steady clock (CLOCK_BOOTTIME in a running process, simulated time
// in the simulator). Instants of two processes are never compared and never sent.
// Deliberately without now(): whoever decides gets the time as an argument (region/clock.h reads
// it).
struct BootTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootTime, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = BootTime::time_point;
inline constexpr Instant kNever = Instant::max();

// A number that is not interchangeable with other numbers.
template <typename Tag, typename Rep>
struct Tagged {
  Rep value{};
  constexpr auto operator<=>(const Tagged&) const = default;
};

// The fencing token: number of a primary's reign, growing for ever. 0 = no epoch yet.
using Epoch = Tagged<struct EpochTag, std::uint64_t>;
// An epoch beyond this was never reached by counting: whoever names one is broken, and following it
// would use up the number space.
inline constexpr Epoch kMaxEpoch{std::uint64_t{1} << 62};
// One life of one gateway process, drawn at random when it starts. 0 = unknown.
using Incarnation = Tagged<struct IncarnationTag, std::uint64_t>;
// One question to all regions and the answers to it, drawn at random.
using RoundId = Tagged<struct RoundTag, std::uint64_t>;

// Places in the topology, as indices into its sorted lists (topology/topology.h). They mean the
// same in two processes only when both have the same topology hash; on the wire there are names.
using RegionId = Tagged<struct RegionTag, std::uint16_t>;
using NodeId = Tagged<struct NodeTag, std::uint32_t>;  // also the leaf of the quorum tree
using GatewayId = Tagged<struct GatewayTag, std::uint16_t>;
inline constexpr RegionId kNoRegion{0xffff};
inline constexpr NodeId kNoNode{0xffffffff};
inline constexpr GatewayId kNoGateway{0xffff};

}  // namespace regent

template <typename Tag, typename Rep>
struct std::hash<regent::Tagged<Tag, Rep>> {
  std::size_t operator()(const regent::Tagged<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
