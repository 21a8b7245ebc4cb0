#include "topology/sampling.h"

#include <algorithm>
#include <cmath>

namespace regent {

SampledShare sampled_share(std::size_t hits, std::size_t draws) {
  constexpr double kDeviations = 2.576;  // of a normal distribution: 99 of 100
  const auto count = static_cast<double>(draws);
  const double mean = static_cast<double>(hits) / count;
  const double square = kDeviations * kDeviations;
  const double scale = 1 + square / count;
  const double middle = (mean + square / (2 * count)) / scale;
  const double spread =
      kDeviations / scale * std::sqrt((mean * (1 - mean) + square / (4 * count)) / count);
  return {{std::max(0.0, middle - spread), std::min(1.0, middle + spread)}, mean};
}

}  // namespace regent
