#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "quorum/tree.h"

namespace regent {

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

  // One more voter, which has `weight` with probability p and nothing else. False, and of no
  // further use: there would be more than kMaxTerms sums.
  [[nodiscard]] bool add(std::uint64_t weight, double p);
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

// The probability that a group is won when each leaf grants with `up` (by NodeId), independently.
// Below 0: not known, there are too many sums.
double won_probability(const Explanation& group, const std::vector<double>& up);

// For each child of a group, by its place: the probability that the group is won with it and not
// without it, when the others are won with `won` (by place). False: too many sums.
[[nodiscard]] bool swing_probabilities(const Explanation& group, const std::vector<double>& won,
                                       std::vector<double>& swings);

}  // namespace regent
