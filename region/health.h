#pragma once

#include <cstdint>

namespace regent {

// Whether a backend counts as healthy, from the results of its checks. Pure.
//   unknown   --pass--> healthy    the first check decides at once, so that a start is quick
//   unhealthy --`rise` passes in a row--> healthy
//   healthy   --`fall` failures in a row--> unhealthy
class HealthState {
 public:
  // Zero counts as one.
  HealthState(std::uint32_t rise, std::uint32_t fall);

  // Counts towards other limits from now on; what is healthy stays so.
  void set_limits(std::uint32_t rise, std::uint32_t fall);

  bool healthy() const { return healthy_; }
  // Each returns whether healthy() has changed by it.
  bool passed();
  bool failed();

 private:
  std::uint32_t rise_;
  std::uint32_t fall_;
  std::uint32_t in_a_row_ = 0;  // results that speak against the present state
  bool known_ = false;
  bool healthy_ = false;
};

}  // namespace regent
