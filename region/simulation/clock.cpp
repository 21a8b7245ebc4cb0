#include "region/simulation/clock.h"

namespace regent::simulation {

TrueInstant Clock::when(Instant reading) const {
  if (reading == kNever) return TrueInstant::max();
  if (reading <= reading_) return base_;
  const std::int64_t rate = kMillion + rate_ppm_;
  const std::int64_t count = (reading - reading_).count();
  // In two parts, so that no product overflows.
  return base_ + Duration(count / rate * kMillion + (count % rate * kMillion + rate - 1) / rate);
}

void Clock::set_rate(TrueInstant now, std::int64_t rate_ppm) {
  reading_ = at(now);
  base_ = now;
  rate_ppm_ = rate_ppm;
}

}  // namespace regent::simulation
