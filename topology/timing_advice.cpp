#include "topology/timing_advice.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "quorum/lease.h"
#include "topology/analysis.h"
#include "topology/electorate.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

constexpr Duration kLongestRoundTrip = std::chrono::minutes(1);

Error wrong(std::string_view word, const std::string& problem) {
  return {ErrorCode::invalid, "'" + std::string(word) + "': " + problem};
}

std::optional<Duration> parse_round_trip(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const double scale = unit == "ms" ? 1e6 : unit == "s" ? 1e9 : unit == "us" ? 1e3 : 0;
  const double nanoseconds = value * scale;
  if (error != std::errc() || scale == 0 || !(nanoseconds >= 0) ||
      nanoseconds > static_cast<double>(kLongestRoundTrip.count())) {
    return std::nullopt;
  }
  return Duration(static_cast<Duration::rep>(nanoseconds));
}

Duration rounded_up(Duration value, Duration step) {
  return (value + step - Duration(1)) / step * step;
}

std::string text_of(Duration duration) {
  return std::to_string(std::chrono::ceil<milliseconds>(duration).count()) + "ms";
}

// Of all regions that may be primary, also when any other one is lost and they can still win.
Duration longest_to_win(const Topology& topology, const RoundTrips& trips) {
  Duration out{};
  for (const RegionId region : standing_order(topology)) {
    const auto consider = [&](RegionId lost) {
      out = std::max(out, winning_round_trip(topology, trips, region, lost).value_or(Duration{}));
    };
    consider(kNoRegion);
    for (std::uint16_t lost = 0; lost < topology.regions.size(); ++lost) {
      if (RegionId{lost} != region) consider(RegionId{lost});
    }
  }
  return out;
}

Duration longest_pair(const RoundTrips& trips) {
  Duration out{};
  for (const std::vector<Duration>& row : trips.between) {
    for (const Duration trip : row) out = std::max(out, trip);
  }
  return out;
}

// A renewal follows a fifth of the lease after the last, and a tenth before its end writes stop.
// In between a packet may be lost once: it is sent again, and answered.
Duration least_lease(Duration to_win) {
  return (kRetransmit + 2 * to_win) * 10 / 7;
}

// A link is given up after four heartbeats, which must leave TCP time to send one again.
Duration least_heartbeat(Duration longest) {
  return (kRetransmit + longest) / 4;
}

// So that the answers to an election's ask come while its short lease runs, with half to spare.
Duration least_window(Duration to_win) {
  return to_win * 3 / 2;
}

Timing better_timing(const Timing& timing, Duration to_win, Duration longest) {
  Timing out = timing;
  out.heartbeat = std::max(kLeastSensibleHeartbeat,
                           rounded_up(least_heartbeat(longest), milliseconds(10)));
  out.lease = std::max({kLeastSensibleLease, least_lease(to_win), 4 * least_window(to_win),
                        4 * out.heartbeat});
  out.lease = rounded_up(out.lease, milliseconds(50));
  out.election_window = out.lease / 4;
  return out;
}

void find_problems(const Timing& timing, TimingAdvice& advice) {
  const Timing& better = advice.better;
  const std::string trip = "a round trip of " + text_of(advice.longest_to_win);
  if (timing.election_window <= advice.longest_to_win) {
    advice.problems.push_back(
        {"timing.election_window",
         "is " + text_of(timing.election_window) + ", and " + trip +
             " is needed to win: no election can succeed",
         "make it " + text_of(least_window(advice.longest_to_win)) + " or longer, or the lease " +
             text_of(better.lease)});
  }
  if (timing.lease < least_lease(advice.longest_to_win)) {
    advice.problems.push_back({"timing.lease",
                               "is " + text_of(timing.lease) + ", and with " + trip +
                                   " one lost packet is enough to lose it",
                               "make it " + text_of(better.lease)});
  }
  if (timing.heartbeat < least_heartbeat(advice.longest)) {
    advice.problems.push_back({"timing.heartbeat",
                               "is " + text_of(timing.heartbeat) + ", and over " +
                                   text_of(advice.longest) +
                                   " one lost packet makes a link look down",
                               "make it " + text_of(better.heartbeat)});
  }
  if (timing.lease >= 3 * better.lease) {
    advice.problems.push_back({"timing.lease",
                               "is " + text_of(timing.lease) +
                                   ", longer than these distances need: a failover waits for it",
                               "make it " + text_of(better.lease)});
  }
}

}  // namespace

RoundTrips RoundTrips::unknown(const Topology& topology) {
  const std::size_t regions = topology.regions.size();
  return {std::vector(regions, std::vector<Duration>(regions)), false};
}

void RoundTrips::set(RegionId a, RegionId b, Duration round_trip) {
  between.at(a.value).at(b.value) = round_trip;
  between.at(b.value).at(a.value) = round_trip;
  given = true;
}

void RoundTrips::assume_longest() {
  const Duration longest = longest_pair(*this);
  for (std::size_t a = 0; a < between.size(); ++a) {
    for (std::size_t b = 0; b < between.size(); ++b) {
      if (a != b && between[a][b] == Duration{}) between[a][b] = longest;
    }
  }
}

Status RoundTrips::set(const Topology& topology, std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view text = word.substr(equals == std::string_view::npos ? 0 : equals + 1);
  const auto trip = parse_round_trip(text);
  if (!trip) return wrong(word, "a round trip is a duration of at most 1 minute, such as 80ms");
  if (equals == std::string_view::npos) {
    for (std::uint16_t a = 0; a < topology.regions.size(); ++a) {
      for (std::uint16_t b = 0; b < a; ++b) set(RegionId{a}, RegionId{b}, *trip);
    }
    given = true;
    return Done{};
  }
  const std::string_view pair = word.substr(0, equals);
  const std::size_t tilde = pair.find('~');
  if (tilde == std::string_view::npos) {
    return wrong(word, "write DURATION or REGION~REGION=DURATION");
  }
  const auto a = topology.find_region(pair.substr(0, tilde));
  const auto b = topology.find_region(pair.substr(tilde + 1));
  if (!a || !b || *a == *b) return wrong(word, "these are not two regions of the topology");
  set(*a, *b, *trip);
  return Done{};
}

Status RoundTrips::set(const Topology& topology, std::vector<std::string> words) {
  std::stable_partition(words.begin(), words.end(), [](const std::string& word) {
    return word.find('=') == std::string::npos;
  });
  for (const std::string& word : words) {
    if (Status status = set(topology, std::string_view(word)); !status) return status;
  }
  return Done{};
}

std::optional<Duration> winning_round_trip(const Topology& topology, const RoundTrips& trips,
                                           RegionId region, RegionId lost) {
  std::vector<RegionId> others;
  for (std::uint16_t i = 0; i < topology.regions.size(); ++i) {
    if (RegionId{i} != lost) others.push_back(RegionId{i});
  }
  const std::vector<Duration>& distance = trips.between.at(region.value);
  const auto away = [&](RegionId id) { return id == region ? Duration{} : distance[id.value]; };
  std::stable_sort(others.begin(), others.end(),
                   [&](RegionId one, RegionId other) { return away(one) < away(other); });
  // A Turnout would make a tree for each region, and this is asked for each region.
  Ballot votes(topology.tree);
  for (const RegionId id : others) {
    for (const NodeId node : topology.region(id).nodes) votes.set(node, Vote::granted);
    if (votes.outcome() == Outcome::won) return away(id);
  }
  return std::nullopt;
}

FailoverTime failover_time(const Topology& topology, const Timing& timing, const RoundTrips& trips,
                           RegionId lost) {
  FailoverTime out;
  out.lost = lost;
  const Turnout rest(topology, topology.region(lost).nodes);
  for (const RegionId id : standing_order(topology)) {
    if (id == lost || !rest.may_lead(id) || !rest.quorum()) continue;
    out.successor = id;
    break;
  }
  if (out.successor == kNoRegion) return out;
  const Duration there = winning_round_trip(topology, trips, out.successor, lost).value();
  const Duration renewal =
      winning_round_trip(topology, trips, lost, kNoRegion).value_or(Duration{});
  const Duration promise = promise_span(timing.lease, DriftBound{timing.clock_drift_ppm});
  // A promise starts where the renewal arrives, and is told of one way later.
  const Duration sure = promise + renewal / 2 + there / 2 + 2 * there;
  const Duration jitter = timing.lease / 30;
  out.least = sure - timing.lease / 5;
  out.typical = sure - timing.lease / 10 + jitter / 2;
  out.most = sure + jitter;
  return out;
}

TimingAdvice timing_advice(const Topology& topology, const RoundTrips& trips) {
  TimingAdvice out;
  out.longest_to_win = longest_to_win(topology, trips);
  out.longest = longest_pair(trips);
  out.better = better_timing(topology.timing, out.longest_to_win, out.longest);
  const std::vector<RegionId> order = standing_order(topology);
  for (const RegionId id : order) {
    out.failovers.push_back(failover_time(topology, topology.timing, trips, id));
  }
  if (!order.empty()) {
    out.better_failover = failover_time(topology, out.better, trips, order.front());
  }
  if (trips.given) find_problems(topology.timing, out);
  return out;
}

}  // namespace regent
