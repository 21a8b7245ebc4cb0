#include "topology/link_chances.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace regent {
namespace {

// Regions beyond so many leading ones only bring their weight: one can do without their lead.
constexpr std::size_t kMostLeaders = 10;

// How many of some links are down: index the number, value the probability.
using Count = std::vector<double>;

void add_link(Count& count, double down) {
  count.push_back(0);
  for (std::size_t i = count.size(); i-- > 0;) {
    count[i] = count[i] * (1 - down) + (i > 0 ? count[i - 1] * down : 0);
  }
}

// Which leading regions, as bits of their places.
using Leaders = std::uint32_t;

class Bounds {
 public:
  Bounds(const std::vector<RegionChances>& regions, std::uint64_t needed,
         const std::vector<std::vector<double>>& down)
      : regions_(regions), needed_(needed), down_(down), most_(regions.size(), 0) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      for (const RegionState& state : regions[i]) most_[i] = std::max(most_[i], state.weight);
      total += most_[i];
    }
    unit_ = total / kMaxLevels + 1;
    for (std::size_t i = 0; i < regions.size(); ++i) voters_.push_back(voter(i));
    order_leaders();
    std::sort(most_.rbegin(), most_.rend());
  }

  LinkBounds run() {
    choose(0, {1.0}, 0);
    return out_;
  }

 private:
  // What a region brings, in levels: the probability of each, while it leads and while not.
  struct Voter {
    std::vector<double> leading;
    std::vector<double> other;
  };

  Voter voter(std::size_t region) const {
    const std::size_t levels = most_[region] / unit_ + 1;
    Voter out{std::vector<double>(levels, 0.0), std::vector<double>(levels, 0.0)};
    for (const RegionState& state : regions_[region]) {
      (state.leads ? out.leading : out.other)[state.weight / unit_] += state.probability;
    }
    return out;
  }

  double down_in_all(std::size_t region) const {
    double sum = 0;
    for (std::size_t i = 0; i < regions_.size(); ++i) sum += i == region ? 0 : down_[region][i];
    return sum;
  }

  // By their links, the best first; whose lead is not looked at brings its weight in `other`.
  void order_leaders() {
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      const auto& leading = voters_[i].leading;
      if (std::accumulate(leading.begin(), leading.end(), 0.0) > 0) leaders_.push_back(i);
    }
    std::stable_sort(leaders_.begin(), leaders_.end(), [this](std::size_t a, std::size_t b) {
      return down_in_all(a) < down_in_all(b);
    });
    others_may_lead_ = leaders_.size() > kMostLeaders;
    if (others_may_lead_) leaders_.resize(kMostLeaders);
    order_ = leaders_;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      if (std::count(leaders_.begin(), leaders_.end(), i) > 0) continue;
      order_.push_back(i);
      Voter& voter = voters_[i];
      for (std::size_t level = 0; level < voter.leading.size(); ++level) {
        voter.other[level] += std::exchange(voter.leading[level], 0.0);
      }
    }
  }

  // sums: of the levels of the regions before `place` in the order.
  void choose(std::size_t place, const std::vector<double>& sums, Leaders leaders) {
    if (place == order_.size()) return judge(sums, leaders);
    const Voter& voter = voters_[order_[place]];
    if (place < leaders_.size()) {
      choose(place + 1, sum_of(sums, voter.leading), leaders | Leaders{1} << place);
    }
    choose(place + 1, sum_of(sums, voter.other), leaders);
  }

  static std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> out(a.size() + b.size() - 1, 0.0);
    for (std::size_t j = 0; j < b.size(); ++j) {
      if (b[j] == 0) continue;
      for (std::size_t i = 0; i < a.size(); ++i) out[i + j] += a[i] * b[j];
    }
    return out;
  }

  void judge(const std::vector<double>& sums, Leaders leaders) {
    const std::uint64_t rounded_off = regions_.size() * (unit_ - 1);
    for (std::size_t level = 0; level < sums.size(); ++level) {
      const std::uint64_t weight = level * unit_;  // at least
      if (weight + rounded_off < needed_ || (leaders == 0 && !others_may_lead_)) {
        out_.lost += sums[level];
        continue;
      }
      if (weight < needed_) out_.unsure += sums[level];
      out_.cut += sums[level] * (leaders == 0 ? 1.0 : all_cut(leaders, spare(weight)));
    }
  }

  // How many regions, whichever, a sum of that weight can do without.
  std::size_t spare(std::uint64_t weight) const {
    std::size_t count = 0;
    for (std::uint64_t left = weight; count < most_.size(); ++count) {
      if (left < needed_ + most_[count]) break;
      left -= most_[count];
    }
    return count;
  }

  // At most the probability that each of the leaders has more than `spare` links down.
  double all_cut(Leaders leaders, std::size_t spare) {
    std::vector<std::size_t> judges;
    Leaders key = 0;
    for (std::size_t i = 0; i < leaders_.size() && judges.size() < kMostJudges; ++i) {
      if ((leaders >> i & 1) == 0) continue;
      judges.push_back(leaders_[i]);
      key |= Leaders{1} << i;
    }
    const auto [found, fresh] = cut_.try_emplace(key);
    if (fresh) found->second = each_cut(judges);
    return spare < found->second.size() ? found->second[spare] : 0;
  }

  // By how many links each of the judges has down at least, less one. The links among themselves
  // are gone through, the others are each judge's own.
  std::vector<double> each_cut(const std::vector<std::size_t>& judges) const {
    std::vector<Count> own;
    std::vector<std::pair<std::size_t, std::size_t>> shared;  // places in judges
    for (std::size_t a = 0; a < judges.size(); ++a) {
      own.push_back({1.0});
      for (std::size_t i = 0; i < regions_.size(); ++i) {
        if (std::count(judges.begin(), judges.end(), i) == 0) {
          add_link(own[a], down_[judges[a]][i]);
        }
      }
      for (std::size_t b = 0; b < a; ++b) shared.emplace_back(a, b);
    }
    std::vector<double> out(regions_.size(), 0.0);
    for (std::uint32_t cut = 0; cut < std::uint32_t{1} << shared.size(); ++cut) {
      double probability = 1;
      std::vector<std::size_t> among(judges.size(), 0);
      for (std::size_t k = 0; k < shared.size(); ++k) {
        const auto [a, b] = shared[k];
        const double down = down_[judges[a]][judges[b]];
        const bool is_down = (cut >> k & 1) != 0;
        probability *= is_down ? down : 1 - down;
        among[a] += is_down ? 1 : 0;
        among[b] += is_down ? 1 : 0;
      }
      for (std::size_t spare = 0; spare < out.size() && probability > 0; ++spare) {
        out[spare] += probability * all_above(own, among, spare);
      }
    }
    return out;
  }

  static double all_above(const std::vector<Count>& own, const std::vector<std::size_t>& among,
                          std::size_t spare) {
    double out = 1;
    for (std::size_t a = 0; a < own.size(); ++a) {
      double above = 0;
      for (std::size_t n = spare < among[a] ? 0 : spare + 1 - among[a]; n < own[a].size(); ++n) {
        above += own[a][n];
      }
      out *= above;
    }
    return out;
  }

  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
  const std::vector<std::vector<double>>& down_;
  std::uint64_t unit_ = 1;
  std::vector<Voter> voters_;           // by region
  std::vector<std::size_t> leaders_;    // regions
  bool others_may_lead_ = false;
  std::vector<std::size_t> order_;      // regions: the leaders, then the others
  std::vector<std::uint64_t> most_;     // that a region brings, the heaviest first
  std::map<Leaders, std::vector<double>> cut_;  // by the judges: each_cut()
  LinkBounds out_;
};

}  // namespace

LinkBounds bounds_over_links(const std::vector<RegionChances>& regions, std::uint64_t needed,
                             const std::vector<std::vector<double>>& down) {
  return Bounds(regions, needed, down).run();
}

}  // namespace regent
