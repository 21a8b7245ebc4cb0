#include "topology/weight_sums.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace regent {

void add_shifted(std::vector<WeightSums::Term>& sums, const std::vector<WeightSums::Term>& terms,
                 std::uint64_t weight, double p, std::uint64_t cap) {
  if (p == 0) return;
  std::vector<WeightSums::Term> out;
  out.reserve(sums.size() + terms.size());
  const auto put = [&](std::uint64_t sum, double probability) {
    if (!out.empty() && out.back().weight == sum) {
      out.back().probability += probability;
    } else {
      out.push_back({sum, probability});
    }
  };
  auto old = sums.begin();
  for (const WeightSums::Term& term : terms) {
    const std::uint64_t sum = cap - term.weight < weight ? cap : term.weight + weight;
    for (; old != sums.end() && old->weight <= sum; ++old) put(old->weight, old->probability);
    put(sum, term.probability * p);
  }
  for (; old != sums.end(); ++old) put(old->weight, old->probability);
  sums = std::move(out);
}

// Those without it and those with it, both by rising weight, in one go: this is the innermost loop
// of many an analysis.
bool WeightSums::add(std::uint64_t weight, const Chance& voter) {
  if (weight == 0) return true;
  std::vector<Term> sums(2 * terms_.size());
  auto end = sums.begin();
  const auto put = [&](std::uint64_t sum, double probability) {
    if (probability == 0) return;
    if (end != sums.begin() && std::prev(end)->weight == sum) {
      std::prev(end)->probability += probability;
    } else {
      *end++ = {sum, probability};
    }
  };
  auto without = terms_.begin();
  for (const Term& term : terms_) {
    const std::uint64_t with = cap_ - term.weight < weight ? cap_ : term.weight + weight;
    for (; without != terms_.end() && without->weight < with; ++without) {
      put(without->weight, without->probability * voter.lost);
    }
    put(with, term.probability * voter.won);
  }
  for (; without != terms_.end(); ++without) {
    put(without->weight, without->probability * voter.lost);
  }
  sums.erase(end, sums.end());
  terms_ = std::move(sums);
  return terms_.size() <= kMaxTerms;
}

bool WeightSums::add(const std::vector<Term>& voter) {
  std::vector<Term> sums;
  for (const Term& term : voter) add_shifted(sums, terms_, term.weight, term.probability, cap_);
  terms_ = std::move(sums);
  return terms_.size() <= kMaxTerms;
}

double WeightSums::at_least(std::uint64_t weight) const {
  return between(weight, UINT64_MAX);
}

double WeightSums::between(std::uint64_t least, std::uint64_t most) const {
  double sum = 0;
  for (const Term& term : terms_) {
    if (term.weight >= least && term.weight <= most) sum += term.probability;
  }
  return sum;
}

std::optional<Chance> chance_of(const Explanation& group, const std::vector<double>& down) {
  if (group.leaf != kNoNode) return Chance::of_loss(down.at(group.leaf.value));
  WeightSums sums(group.needed);
  for (const Explanation& child : group.children) {
    if (child.own_weight == 0) continue;
    const std::optional<Chance> chance = chance_of(child, down);
    if (!chance || !sums.add(child.own_weight, *chance)) return std::nullopt;
  }
  const double won = sums.at_least(group.needed);
  return Chance{won, sums.between(0, group.needed - 1)};
}

namespace {

// All voters but one, for each: what is outside of a range is added up once for all in it, so that
// n voters cost n log n additions. Voters alike (in weight and probability) have one answer.
class LeaveOneOut {
 public:
  struct Voter {
    std::uint64_t weight = 0;
    Chance chance;
    std::size_t place = 0;
    bool like(const Voter& other) const { return weight == other.weight && chance == other.chance; }
  };
  LeaveOneOut(std::uint64_t needed, std::vector<Voter> voters, std::vector<double>& swings)
      : needed_(needed), voters_(std::move(voters)), swings_(swings) {}

  bool run(std::size_t first, std::size_t last, WeightSums outside) {
    const auto like_first = [&](const Voter& voter) { return voter.like(voters_[first]); };
    const auto begin = voters_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = voters_.begin() + static_cast<std::ptrdiff_t>(last);
    if (std::all_of(begin, end, like_first)) {
      if (!add(outside, first + 1, last)) return false;
      const std::uint64_t least = needed_ - std::min(needed_, voters_[first].weight);
      const double swing = needed_ == 0 ? 0 : outside.between(least, needed_ - 1);
      for (std::size_t i = first; i < last; ++i) swings_[voters_[i].place] = swing;
      return true;
    }
    const std::size_t middle = first + (last - first) / 2;
    WeightSums with_right = outside;
    if (!add(with_right, middle, last) || !run(first, middle, std::move(with_right))) return false;
    return add(outside, first, middle) && run(middle, last, std::move(outside));
  }

 private:
  bool add(WeightSums& sums, std::size_t first, std::size_t last) const {
    for (std::size_t i = first; i < last; ++i) {
      if (!sums.add(voters_[i].weight, voters_[i].chance)) return false;
    }
    return true;
  }

  std::uint64_t needed_;
  std::vector<Voter> voters_;
  std::vector<double>& swings_;
};

}  // namespace

bool swing_probabilities(const Explanation& group, const std::vector<Chance>& chances,
                         std::vector<double>& swings) {
  swings.assign(group.children.size(), 0);
  std::vector<LeaveOneOut::Voter> voters;
  for (std::size_t i = 0; i < group.children.size(); ++i) {
    const std::uint64_t weight = group.children[i].own_weight;
    if (weight > 0) voters.push_back({weight, chances.at(i), i});
  }
  if (voters.empty()) return true;
  // Stable, so that equals stay in their order and rounding is the same every time.
  std::stable_sort(voters.begin(), voters.end(), [](const auto& one, const auto& other) {
    return std::tie(one.weight, one.chance.won) < std::tie(other.weight, other.chance.won);
  });
  const std::size_t count = voters.size();
  return LeaveOneOut(group.needed, std::move(voters), swings)
      .run(0, count, WeightSums(group.needed));
}

}  // namespace regent
