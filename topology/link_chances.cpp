#include "topology/link_chances.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace regent {
namespace {

constexpr std::size_t kMostRegions = 12;
// In place of a candidate's sum: it is none, or can no longer win.
constexpr std::uint64_t kOut = UINT64_MAX;

// What each region has gathered, by place in the list of those that take part.
using Gathered = std::array<std::uint64_t, kMostRegions>;

class OverLinks {
 public:
  OverLinks(const std::vector<RegionChances>& regions, std::uint64_t needed,
            const std::vector<std::vector<double>>& down)
      : regions_(regions), needed_(needed), down_(down) {}

  std::optional<double> run() {
    if (regions_.size() > kMostRegions) return std::nullopt;
    double combinations = 1;
    for (const RegionChances& region : regions_) {
      combinations *= static_cast<double>(region.size());
    }
    if (combinations > kMaxLinkSteps) return std::nullopt;
    choose(0, 1);
    if (steps_ > kMaxLinkSteps) return std::nullopt;
    return won_;
  }

 private:
  struct Part {
    std::size_t region = 0;
    std::uint64_t weight = 0;
    bool leads = false;
  };
  struct Hash {
    std::size_t operator()(const Gathered& gathered) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t sum : gathered) hash = (hash ^ sum) * 0x9e3779b97f4a7c15U;
      return hash ^ hash >> 29;
    }
  };
  using States = std::unordered_map<Gathered, double, Hash>;

  void choose(std::size_t region, double probability) {
    if (probability == 0 || ++steps_ > kMaxLinkSteps) return;
    if (region == regions_.size()) {
      won_ += probability * with_parts();
      return;
    }
    for (const RegionState& state : regions_[region]) {
      const bool takes_part = state.weight > 0 || state.leads;
      if (takes_part) parts_.push_back({region, state.weight, state.leads});
      choose(region + 1, probability * state.probability);
      if (takes_part) parts_.pop_back();
    }
  }

  // The probability that one of the parts can lead.
  double with_parts() {
    std::uint64_t total = 0;
    Gathered gathered{};
    bool candidate = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      total += parts_[i].weight;
      gathered[i] = parts_[i].leads ? parts_[i].weight : kOut;
      candidate |= parts_[i].leads;
      if (parts_[i].leads && parts_[i].weight >= needed_) return 1;
    }
    if (total < needed_ || !candidate) return 0;
    double won = 0;
    States states{{gathered, 1.0}};
    for (std::size_t v = 0; v < parts_.size() && !states.empty(); ++v) {
      for (std::size_t u = v + 1; u < parts_.size(); ++u) add_link(v, u, states, won);
      settle(v, states);
    }
    return won;
  }

  void add_link(std::size_t v, std::size_t u, States& states, double& won) {
    if (!parts_[v].leads && !parts_[u].leads) return;
    const double down = down_[parts_[v].region][parts_[u].region];
    States next;
    for (const auto& [gathered, probability] : states) {
      if (++steps_ > kMaxLinkSteps) return;
      if (down > 0) next[gathered] += probability * down;
      if (down == 1) continue;
      Gathered more = gathered;
      const bool one = gather(more[v], parts_[u].weight);
      const bool other = gather(more[u], parts_[v].weight);
      if (one || other) {
        won += probability * (1 - down);
      } else {
        next[more] += probability * (1 - down);
      }
    }
    states = std::move(next);
  }

  // Whether that is enough.
  bool gather(std::uint64_t& sum, std::uint64_t weight) const {
    if (sum == kOut) return false;
    sum += weight;
    return sum >= needed_;
  }

  // What the parts after v, but for one, can weigh together: all sums, rising.
  std::vector<std::uint64_t> sums_after(std::size_t v, std::size_t but) const {
    std::vector<std::uint64_t> sums{0};
    for (std::size_t i = v + 1; i < parts_.size(); ++i) {
      if (i == but) continue;
      const std::size_t count = sums.size();
      for (std::size_t k = 0; k < count; ++k) sums.push_back(sums[k] + parts_[i].weight);
    }
    std::sort(sums.begin(), sums.end());
    sums.erase(std::unique(sums.begin(), sums.end()), sums.end());
    return sums;
  }

  // All links of the parts up to v are known. Who cannot win with all that is left is out; of the
  // others only what they still need counts, rounded up to what can come.
  void settle(std::size_t v, States& states) const {
    std::array<std::vector<std::uint64_t>, kMostRegions> left;
    for (std::size_t i = v + 1; i < parts_.size(); ++i) left[i] = sums_after(v, i);
    States next;
    for (const auto& [gathered, probability] : states) {
      Gathered now = gathered;
      bool candidate = false;
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        if (now[i] == kOut) continue;
        const std::uint64_t missing = needed_ - now[i];
        const auto found = std::lower_bound(left[i].begin(), left[i].end(), missing);
        now[i] = i <= v || found == left[i].end() ? kOut : needed_ - *found;
        candidate |= now[i] != kOut;
      }
      if (candidate) next[now] += probability;
    }
    states = std::move(next);
  }

  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
  const std::vector<std::vector<double>>& down_;
  std::vector<Part> parts_;
  double won_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace

std::optional<double> primary_over_links(const std::vector<RegionChances>& regions,
                                         std::uint64_t needed,
                                         const std::vector<std::vector<double>>& down) {
  return OverLinks(regions, needed, down).run();
}

}  // namespace regent
