#include "topology/link_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>
#include <unordered_map>

namespace regent {
namespace {

// What can be left out of sums of doubles: as shares of what is lost anyhow, and of the bound.
constexpr double kUnseen = 1e-14;
constexpr double kNothing = 1e-22;

// By place in the order of LinkBound: what the region brings, a number of Search::states_. The
// order of regions of one group does not matter, so their numbers rise.
using Key = std::array<std::uint16_t, kMostStars>;

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = 0;
    for (const std::uint16_t part : key) hash = (hash ^ part) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 32;
  }
};

// How much there is of each size, to see from which on it matters.
class Weighed {
 public:
  void add(double most) {
    if (most <= 0) return;
    Size& size = sizes_[static_cast<std::size_t>(-std::min(0, std::ilogb(most)))];
    ++size.count;
    size.sum += most;
  }
  // Below it there is no more than `unseen` together, and above it no more than `most` of them.
  double cutoff(double unseen, std::size_t most) const {
    std::size_t kept = 0;
    for (std::size_t count = 0; kept < sizes_.size(); ++kept) {
      if ((count += sizes_[kept].count) > most) break;
    }
    double below = 0;
    for (std::size_t i = kept; i < sizes_.size(); ++i) below += sizes_[i].sum;
    while (kept > 0 && below + sizes_[kept - 1].sum <= unseen) below += sizes_[--kept].sum;
    return std::ldexp(1.0, 1 - static_cast<int>(kept));
  }

 private:
  struct Size {
    std::size_t count = 0;
    double sum = 0;
  };
  std::array<Size, 1100> sizes_{};  // by the power of two, negative
};

class Search {
 public:
  Search(const std::vector<RegionChances>& regions, std::uint64_t needed, const LinkShares& down,
         double lost)
      : regions_(regions),
        needed_(needed),
        down_(down),
        bound_(regions, needed, down, LinkBound::Judges::all),
        kinds_(kinds_of_regions(down)),
        lost_(lost) {}

  ShareBounds run() {
    if (regions_.size() > kMostStars) return {0, bound_.all()};
    std::vector<Entry> entries{{{}, {}, 1.0, bound_.all()}};
    for (std::size_t place = 0; place < regions_.size(); ++place) {
      entries = continued(entries, place);
    }
    go_through(entries);
    return {found_, found_ + left_out_};
  }

 private:
  struct Entry {
    Key key{};
    LinkBound::Beginning beginning;
    double probability = 0;
    double most = 0;  // of the share of the time
  };

  std::vector<Entry> continued(const std::vector<Entry>& entries, std::size_t place) {
    const RegionChances& chances = regions_[bound_.region_at(place)];
    std::vector<std::uint16_t> numbers;
    for (const RegionState& state : chances) numbers.push_back(number_of(state));
    const auto for_each = [&](const auto& take) {
      for (const Entry& entry : entries) {
        for (std::size_t i = 0; i < chances.size(); ++i) {
          const double probability = entry.probability * chances[i].probability;
          take(entry, i, probability,
               probability * bound_.rest(bound_.with(entry.beginning, chances[i])));
        }
      }
    };
    Weighed weighed;
    for_each([&](const Entry&, std::size_t, double, double most) { weighed.add(most); });
    const double unseen = kUnseen * lost_ + kNothing * bound_.all();
    const double least = weighed.cutoff(unseen, most_after(place));
    std::unordered_map<Key, Entry, KeyHash> next;
    for_each([&](const Entry& entry, std::size_t i, double probability, double most) {
      if (most < least) {
        left_out_ += most;
      } else if (most > 0) {
        add(entry, place, numbers[i], probability, next);
      }
    });
    std::vector<Entry> out;
    for (auto& [key, entry] : next) {
      entry.most = entry.probability * bound_.rest(entry.beginning);
      out.push_back(entry);
    }
    return out;
  }

  // So many that going on with each of them is no more than kMaxContinuations.
  std::size_t most_after(std::size_t place) const {
    const bool last = place + 1 == regions_.size();
    const std::size_t ways = last ? 1 : regions_[bound_.region_at(place + 1)].size();
    return std::min(kMaxBeginnings, kMaxContinuations / ways);
  }

  void add(const Entry& entry, std::size_t place, std::uint16_t number, double probability,
           std::unordered_map<Key, Entry, KeyHash>& entries) const {
    Key key = entry.key;
    key[place] = number;
    sort_group(key, place);
    const auto [found, fresh] = entries.try_emplace(key);
    if (fresh) found->second = {key, beginning_of(key, place + 1), 0, 0};
    found->second.probability += probability;
  }

  std::uint16_t number_of(const RegionState& state) {
    const auto next = static_cast<std::uint16_t>(states_.size());
    const auto [found, fresh] = numbers_.try_emplace({state.weight, state.leads}, next);
    if (fresh) states_.push_back(state);
    return found->second;
  }

  // Whether the regions at two places are told apart by what they bring alone.
  bool alike(std::size_t a, std::size_t b) const {
    return kinds_[bound_.region_at(a)] == kinds_[bound_.region_at(b)] &&
           bound_.looks_at_lead(a) == bound_.looks_at_lead(b);
  }

  // Moves what is at the last place to where it belongs among those of its group.
  void sort_group(Key& key, std::size_t last) const {
    std::size_t place = last;
    for (std::size_t i = last; i-- > 0;) {
      if (!alike(i, last)) continue;
      if (key[i] <= key[place]) return;
      std::swap(key[i], key[place]);
      place = i;
    }
  }

  LinkBound::Beginning beginning_of(const Key& key, std::size_t length) const {
    LinkBound::Beginning out;
    while (out.place < length) out = bound_.with(out, states_[key[out.place]]);
    return out;
  }

  // The weightiest first.
  void go_through(std::vector<Entry>& entries) {
    std::erase_if(entries, [this](const Entry& entry) {
      return entry.beginning.weight < needed_ || entry.most == 0;  // lost anyhow, or not at all
    });
    for (Entry& entry : entries) {
      const double cut = star_cut_bound(standings(entry.key), needed_, down_);
      entry.most = std::min(entry.most, entry.probability * cut);
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(b.most, a.key) < std::tie(a.most, b.key);
    });
    double left = 0;
    for (const Entry& entry : entries) left += entry.most;
    std::size_t steps = kMaxLinkSteps;
    for (const Entry& entry : entries) {
      const bool seen = steps > 0 && left > kUnseen * (lost_ + found_);
      left -= entry.most;
      const auto cut =
          seen ? star_cut(standings(entry.key), needed_, down_, kinds_, steps) : std::nullopt;
      if (cut) {
        found_ += entry.probability * *cut;
      } else {
        left_out_ += entry.most;
      }
    }
  }

  std::vector<Standing> standings(const Key& key) const {
    std::vector<Standing> out;
    for (std::size_t place = 0; place < regions_.size(); ++place) {
      const RegionState& state = states_[key[place]];
      if (state.weight == 0 && !state.leads) continue;
      out.push_back({bound_.region_at(place), state.weight, state.leads});
    }
    return out;
  }

  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
  const LinkShares& down_;
  const LinkBound bound_;
  const std::vector<std::size_t> kinds_;
  const double lost_;
  std::vector<RegionState> states_;  // all that differ in weight or lead
  std::map<std::pair<std::uint64_t, bool>, std::uint16_t> numbers_;
  double found_ = 0;
  double left_out_ = 0;
};

}  // namespace

ShareBounds cut_share(const std::vector<RegionChances>& regions, std::uint64_t needed,
                      const LinkShares& down, double lost) {
  return Search(regions, needed, down, lost).run();
}

}  // namespace regent
