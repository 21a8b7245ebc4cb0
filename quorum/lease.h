#pragma once

#include <cstdint>

#include "quorum/types.h"

// How long a node must keep its word so that a lease granted on it is over for certain.
namespace regent {

// Largest error of any clock's rate against true time, in parts per million.
struct DriftBound {
  std::uint32_t ppm = 0;
};

inline constexpr std::uint32_t kMaxDriftPpm = 100'000;

// P(L) = ceil(L * (1+d) / (1-d)). A gateway whose clock is slow by d takes L / (1-d) of true time
// to count L; a node whose clock is fast by d takes P / (1+d) to count P. So P on any node's clock
// outlasts L on any gateway's clock that started no later. lease: at most an hour.
constexpr Duration promise_span(Duration lease, DriftBound drift) {
  const std::int64_t d = drift.ppm;
  const std::int64_t slowest = 1'000'000 - d;
  const std::int64_t extra = (lease.count() * 2 * d + slowest - 1) / slowest;
  return lease + Duration(extra);
}

// A lower bound, on our clock, for a span that somebody else measured on theirs.
constexpr Duration at_least_here(Duration span_elsewhere, DriftBound drift) {
  return span_elsewhere - (promise_span(span_elsewhere, drift) - span_elsewhere);
}

}  // namespace regent
