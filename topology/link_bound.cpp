#include "topology/link_bound.h"

#include <algorithm>

namespace regent {
namespace {

constexpr double kUnknown = -1;

}  // namespace

LinkBound::LinkBound(const std::vector<RegionChances>& regions, std::uint64_t needed,
                     const LinkShares& down, Judges judges)
    : regions_(regions),
      needed_(needed),
      down_(down),
      most_(regions.size(), 0),
      looks_at_(judges),
      kinds_(kinds_of_regions(down)) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    for (const RegionState& state : regions[i]) most_[i] = std::max(most_[i], state.weight);
    total += most_[i];
  }
  unit_ = total / kMaxLevels + 1;
  order_regions();
  widths_.push_back(1);
  for (const std::size_t region : order_) widths_.push_back(widths_.back() + most_[region] / unit_);
  std::sort(most_.rbegin(), most_.rend());
  rest_.resize(order_.size() + 1);
  cut_.resize(std::size_t{1} << (order_.size() - first_leader_));
  for (std::size_t place = rest_.size(); place-- > 0;) fill(place);
}

// The leaders by their links, the best first.
void LinkBound::order_regions() {
  std::vector<std::size_t> leaders;
  std::vector<double> cut(regions_.size(), 0.0);
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    for (std::size_t k = 0; k < regions_.size(); ++k) cut[i] += i == k ? 0 : down_[i][k];
    const bool leads =
        std::any_of(regions_[i].begin(), regions_[i].end(),
                    [](const RegionState& state) { return state.leads && state.probability > 0; });
    (leads ? leaders : order_).push_back(i);
  }
  std::stable_sort(leaders.begin(), leaders.end(),
                   [&](std::size_t a, std::size_t b) { return cut[a] < cut[b]; });
  others_may_lead_ = leaders.size() > kMostLeaders;
  const auto last =
      leaders.begin() + static_cast<std::ptrdiff_t>(std::min(leaders.size(), kMostLeaders));
  order_.insert(order_.end(), last, leaders.end());
  first_leader_ = order_.size();
  order_.insert(order_.end(), leaders.begin(), last);
}

// The states that are one in their level and lead.
RegionChances LinkBound::rounded(const RegionChances& states) const {
  std::map<std::pair<std::uint64_t, bool>, double> sums;
  for (const RegionState& state : states) {
    sums[{state.weight / unit_, state.leads}] += state.probability;
  }
  RegionChances out;
  for (const auto& [key, sum] : sums) out.push_back({key.first * unit_, key.second, sum});
  return out;
}

// From the place after it.
void LinkBound::fill(std::size_t place) {
  const RegionChances states =
      place < order_.size() ? rounded(regions_[order_[place]]) : RegionChances();
  const std::size_t sets = std::size_t{1} << (std::max(place, first_leader_) - first_leader_);
  std::vector<double>& rest = rest_[place];
  rest.assign(sets * widths_[place], 0.0);
  Beginning begin{place, 0, 0, 0};
  for (; begin.leaders < sets; ++begin.leaders) {
    for (begin.level = 0; begin.level < widths_[place]; ++begin.level) {
      double& out = rest[begin.leaders * widths_[place] + begin.level];
      if (place == order_.size()) {
        out = at_the_end(begin.leaders, begin.level);
        continue;
      }
      for (const RegionState& state : states) {
        out += state.probability * this->rest(with(begin, state));
      }
    }
  }
}

double LinkBound::at_the_end(Leaders leaders, std::size_t level) {
  const std::uint64_t rounded_off = order_.size() * (unit_ - 1);
  const std::uint64_t weight = level * unit_;  // at least
  if (weight + rounded_off < needed_) return 0;
  if (leaders == 0) return others_may_lead_ ? 1 : 0;
  return all_cut(leaders, spare(weight));
}

// That each of the leaders has more than `spare` links down.
double LinkBound::all_cut(Leaders leaders, std::size_t spare) {
  if (spare >= order_.size()) return 0;
  std::vector<double>& cut = cut_[leaders];
  cut.resize(order_.size(), kUnknown);
  if (cut[spare] == kUnknown) cut[spare] = new_cut(leaders, spare);
  return cut[spare];
}

double LinkBound::new_cut(Leaders leaders, std::size_t spare) {
  const auto leads = [&](std::size_t place) {
    return looks_at_lead(place) && (leaders >> (place - first_leader_) & 1) != 0;
  };
  std::vector<std::size_t> kinds;
  for (std::size_t place = first_leader_; place < order_.size(); ++place) {
    if (leads(place)) kinds.push_back(kinds_[order_[place]]);
  }
  std::sort(kinds.begin(), kinds.end());
  const auto [found, fresh] = cut_of_kinds_.try_emplace({std::move(kinds), spare});
  if (!fresh) return found->second;
  const std::vector<std::size_t> few = judges(leaders);
  found->second = links_.try_emplace(few, few, down_).first->second.each_above(spare);
  if (looks_at_ == Judges::few) return found->second;
  std::vector<Standing> standings;
  for (std::size_t place = 0; place < order_.size(); ++place) {
    standings.push_back({order_[place], 1, leads(place)});
  }
  // One vote for each link that is up, and one's own.
  const auto all = star_cut(standings, order_.size() - spare, down_, kinds_, steps_);
  return found->second = all ? std::min(*all, found->second) : found->second;
}

std::size_t LinkBound::spare(std::uint64_t weight) const {
  std::size_t count = 0;
  for (std::uint64_t left = weight; count < most_.size(); ++count) {
    if (left < needed_ + most_[count]) break;
    left -= most_[count];
  }
  return count;
}

std::vector<std::size_t> LinkBound::judges(Leaders leaders) const {
  const std::size_t most = order_.size() > kManyRegions ? 1 : kMostJudges;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; first_leader_ + i < order_.size() && out.size() < most; ++i) {
    if ((leaders >> i & 1) != 0) out.push_back(order_[first_leader_ + i]);
  }
  return out;
}

}  // namespace regent
