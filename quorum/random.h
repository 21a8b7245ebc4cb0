#pragma once

#include <cstdint>

namespace regent {

// Repeatable random numbers (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
// generators", 2014). The seed comes from outside: the operating system in a process, the seed of
// the run in the simulator.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // Uniform enough in 0..bound-1; 0 for bound 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace regent
