#pragma once

#include <cstdint>

#include "quorum/types.h"

namespace regent::simulation {

// Time as nobody in the simulated cluster can read it: what the checker judges by.
struct TrueClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueClock, Duration>;
  static constexpr bool is_steady = true;
};
using TrueInstant = TrueClock::time_point;

// A process's steady clock: some reading at the start, then counting at a rate near that of true
// time. Up to two hours of true time between two changes of the rate.
class Clock {
 public:
  Clock(TrueInstant now, Instant reading, std::int64_t rate_ppm)
      : base_(now), reading_(reading), rate_ppm_(rate_ppm) {}

  Instant at(TrueInstant now) const {
    return reading_ + (now - base_) * (kMillion + rate_ppm_) / kMillion;
  }
  // First true instant at which it reads `reading` or more, should the rate stay.
  TrueInstant when(Instant reading) const;
  void set_rate(TrueInstant now, std::int64_t rate_ppm);

 private:
  static constexpr std::int64_t kMillion = 1'000'000;

  TrueInstant base_;
  Instant reading_;
  std::int64_t rate_ppm_;
};

}  // namespace regent::simulation
