#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/topology.h"

// Whether lease and heartbeat suit the distances between the regions, and how long a failover takes
// with them. Pure.
namespace regent {

// There and back between regions. 0 where nothing is known.
struct RoundTrips {
  std::vector<std::vector<Duration>> between;  // by the two RegionIds, either way round
  bool given = false;

  static RoundTrips unknown(const Topology& topology);
  // DURATION for all pairs, or REGION~REGION=DURATION, such as 80ms, 0.5ms, 1s. Errors name the
  // word.
  Status set(const Topology& topology, std::string_view word);
  // Such words in any order; of two for the same the last one counts.
  Status set(const Topology& topology, std::vector<std::string> words);
  void set(RegionId a, RegionId b, Duration round_trip);
  // Pairs of which nothing is known become as far apart as the farthest that is.
  void assume_longest();
};

// The round trip in which a region has heard enough to win: that of the farthest region it cannot
// do without, starting with the nearest. nullopt: it cannot win. `lost` takes no part.
std::optional<Duration> winning_round_trip(const Topology& topology, const RoundTrips& trips,
                                           RegionId region, RegionId lost);

// From the loss of the primary's region to the lease of the next. Its last renewal was up to a
// fifth of the lease old, so that much of the promise given in it has run out; then comes the
// successor's turn (it stands first, with a jitter) and two round trips, probe and ask.
struct FailoverTime {
  RegionId lost;
  RegionId successor = kNoRegion;  // none: without the region there is no quorum or no leader
  Duration least{};
  Duration typical{};
  Duration most{};
};
FailoverTime failover_time(const Topology& topology, const Timing& timing, const RoundTrips& trips,
                           RegionId lost);

struct TimingProblem {
  std::string path;  // timing.lease
  std::string text;
  std::string mend;
};

struct TimingAdvice {
  Duration longest_to_win{};  // of all regions that may be primary, with any one region lost
  Duration longest{};         // of all pairs
  std::vector<TimingProblem> problems;
  std::vector<FailoverTime> failovers;  // of each region that may be primary, as they stand
  // The shortest that suit these distances, and what a failover of the first region takes then.
  Timing better;
  FailoverTime better_failover;
};

// A packet that is lost is sent again by TCP after this, plus a round trip (the least that Linux
// waits, TCP_RTO_MIN).
inline constexpr Duration kRetransmit = std::chrono::milliseconds(200);
// Below this, a pause of a process or of a disk would cost a lease.
inline constexpr Duration kLeastSensibleLease = std::chrono::milliseconds(500);
inline constexpr Duration kLeastSensibleHeartbeat = std::chrono::milliseconds(50);

TimingAdvice timing_advice(const Topology& topology, const RoundTrips& trips);

}  // namespace regent
