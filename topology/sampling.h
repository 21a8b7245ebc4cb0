#pragma once

#include <cstddef>
#include <random>

namespace regent {

// A share of the time, between two bounds.
struct ShareBounds {
  double least = 0;
  double most = 0;
};

// What is left to be guessed: between the bounds in 99 of 100 cases.
struct SampledShare {
  ShareBounds bounds;
  double guess = 0;
};

// From how many of some independent draws had it (Wilson, "Probable inference, the law of
// succession, and statistical inference", 1927).
SampledShare sampled_share(std::size_t hits, std::size_t draws);

// Always from the same seed, so that every answer can be had again.
using Random = std::mt19937_64;

inline double draw_share(Random& random) {
  return std::generate_canonical<double, 53>(random);
}
inline bool happens(double probability, Random& random) {
  return draw_share(random) < probability;
}

}  // namespace regent
