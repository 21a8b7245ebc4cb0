#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "quorum/tree.h"

namespace regent {

// That something is won, and that it is not. Both, since of the one, taken from 1, nothing is left
// of the other where that is tiny.
struct Chance {
  double won = 0;
  double lost = 1;

  static Chance of_loss(double lost) { return {1 - lost, lost}; }
  bool operator==(const Chance&) const = default;
};

// The probability of each weight that some independent voters have together: the coefficients of
// the generating function prod (1 - p + p x^w), as a sparse list. Exact but for rounding. Such
// functions count the sums of a weighted vote since Mann and Shapley, "Values of large games VI",
// RAND RM-3158, 1962. All weights of `cap` and more are one: whoever asks needs no more than that.
class WeightSums {
 public:
  static constexpr std::size_t kMaxTerms = 500'000;
  struct Term {
    std::uint64_t weight = 0;
    double probability = 0;
  };

  explicit WeightSums(std::uint64_t cap) : cap_(cap), terms_{{0, 1.0}} {}

  // One more voter, which has `weight` when it is won and nothing else. False, and of no further
  // use: there would be more than kMaxTerms sums.
  [[nodiscard]] bool add(std::uint64_t weight, const Chance& voter);
  // One more voter of any of these weights, whose probabilities add up to 1.
  [[nodiscard]] bool add(const std::vector<Term>& voter);

  const std::vector<Term>& terms() const { return terms_; }  // by rising weight
  double at_least(std::uint64_t weight) const;
  double between(std::uint64_t least, std::uint64_t most) const;

 private:
  std::uint64_t cap_;
  std::vector<Term> terms_;
};

// Adds `terms`, shifted by `weight` and scaled by p, to `sums`, both by rising weight; weights from
// `cap` on are one.
void add_shifted(std::vector<WeightSums::Term>& sums, const std::vector<WeightSums::Term>& terms,
                 std::uint64_t weight, double p, std::uint64_t cap);

// Whether a group is won when each leaf refuses with `down` (by NodeId), independently. nullopt:
// there are too many sums.
std::optional<Chance> chance_of(const Explanation& group, const std::vector<double>& down);

// For each child of a group, by its place: the probability that the group is won with it and not
// without it, when the others are won with their chances (by place). False: too many sums.
[[nodiscard]] bool swing_probabilities(const Explanation& group, const std::vector<Chance>& chances,
                                       std::vector<double>& swings);

}  // namespace regent
