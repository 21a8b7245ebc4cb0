#include "region/health.h"

#include <algorithm>

namespace regent {

HealthState::HealthState(std::uint32_t rise, std::uint32_t fall)
    : rise_(std::max(rise, 1U)), fall_(std::max(fall, 1U)) {}

void HealthState::set_limits(std::uint32_t rise, std::uint32_t fall) {
  rise_ = std::max(rise, 1U);
  fall_ = std::max(fall, 1U);
}

bool HealthState::passed() {
  const bool first = !known_;
  known_ = true;
  if (healthy_) {
    in_a_row_ = 0;
    return false;
  }
  if (!first && ++in_a_row_ < rise_) return false;
  in_a_row_ = 0;
  healthy_ = true;
  return true;
}

bool HealthState::failed() {
  known_ = true;
  if (!healthy_) {
    in_a_row_ = 0;
    return false;
  }
  if (++in_a_row_ < fall_) return false;
  in_a_row_ = 0;
  healthy_ = false;
  return true;
}

}  // namespace regent
