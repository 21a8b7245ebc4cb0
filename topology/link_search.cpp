#include "topology/link_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <tuple>
#include <unordered_map>

#include "topology/cut_games.h"

namespace regent {
namespace {

// What can be left out of sums of doubles: as shares of what is lost anyhow, and of the bound.
constexpr double kUnseen = 1e-14;
constexpr double kNothing = 1e-22;
// The likeliest, with which each entry goes on, however many entries there are.
constexpr std::size_t kFewestWays = 16;

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
    Size& size = sizes_[std::min(std::bit_cast<std::uint64_t>(most) >> kShift, sizes_.size() - 1)];
    ++size.count;
    size.sum += most;
  }
  // Below it there is no more than `unseen` together, and from it on no more than `most` of them.
  double cutoff(double unseen, std::size_t most) const {
    std::size_t from = sizes_.size();
    for (std::size_t count = 0; from > 0; --from) {
      if ((count += sizes_[from - 1].count) > most) break;
    }
    double below = 0;
    for (std::size_t i = 0; i < from; ++i) below += sizes_[i].sum;
    while (from < sizes_.size() && below + sizes_[from].sum <= unseen) below += sizes_[from++].sum;
    return lower_end(from);
  }

 private:
  // The exponent of a double and the first two bits after it: rising with the number.
  static constexpr int kShift = 50;
  static double lower_end(std::size_t size) {
    return std::bit_cast<double>(std::uint64_t{size} << kShift);
  }
  struct Size {
    std::size_t count = 0;
    double sum = 0;
  };
  std::array<Size, 4 * 1024> sizes_{};  // up to 2
};

class Search {
 public:
  Search(const std::vector<RegionChances>& regions, std::uint64_t needed, const LinkShares& down,
         double lost)
      : regions_(regions),
        needed_(needed),
        games_(down),
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
  // What a region can bring, the likeliest first.
  struct Way {
    RegionState state;
    std::uint16_t number = 0;
  };

  std::vector<Entry> continued(const std::vector<Entry>& entries, std::size_t place) {
    const std::vector<Way> ways = ways_of(regions_[bound_.region_at(place)]);
    const std::size_t count =
        std::min(ways.size(), std::max(kFewestWays, kMaxContinuations / (entries.size() + 1)));
    const auto for_each = [&](const auto& take) {
      for (const Entry& entry : entries) {
        for (std::size_t i = 0; i < count; ++i) {
          const double probability = entry.probability * ways[i].state.probability;
          take(entry, ways[i], probability,
               probability * bound_.rest(bound_.with(entry.beginning, ways[i].state)));
        }
      }
    };
    Weighed weighed;
    for_each([&](const Entry&, const Way&, double, double most) { weighed.add(most); });
    const double least = weighed.cutoff(kUnseen * lost_ + kNothing * bound_.all(), kMaxBeginnings);
    std::vector<Entry> next;
    std::unordered_map<Key, std::size_t, KeyHash> places;
    double seen = 0;
    for_each([&](const Entry& entry, const Way& way, double probability, double most) {
      seen += most;
      if (most < least || most == 0) {
        left_out_ += most;
      } else {
        add(entry, place, way.number, probability, next, places);
      }
    });
    // The bound of a beginning is the sum of those of all ways to go on with it.
    double all = 0;
    for (const Entry& entry : entries) all += entry.most;
    if (count < ways.size()) left_out_ += std::max(0.0, all - seen);
    for (Entry& entry : next) entry.most = entry.probability * bound_.rest(entry.beginning);
    return next;
  }

  std::vector<Way> ways_of(const RegionChances& chances) {
    std::vector<Way> out;
    for (const RegionState& state : chances) out.push_back({state, number_of(state)});
    std::stable_sort(out.begin(), out.end(), [](const Way& a, const Way& b) {
      return a.state.probability > b.state.probability;
    });
    return out;
  }

  // `places`: of those in `entries`, unless no two can be one.
  void add(const Entry& entry, std::size_t place, std::uint16_t number, double probability,
           std::vector<Entry>& entries,
           std::unordered_map<Key, std::size_t, KeyHash>& places) const {
    Key key = entry.key;
    key[place] = number;
    if (sort_group(key, place)) {
      const auto [found, fresh] = places.try_emplace(key, entries.size());
      if (!fresh) {
        entries[found->second].probability += probability;
        return;
      }
    }
    entries.push_back({key, beginning_of(key, place + 1), probability, 0});
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

  // Moves what is at the last place to where it belongs among those of its group. False: it is the
  // first of its group.
  bool sort_group(Key& key, std::size_t last) const {
    std::size_t place = last;
    bool others = false;
    for (std::size_t i = last; i-- > 0;) {
      if (!alike(i, last)) continue;
      others = true;
      if (key[i] <= key[place]) break;
      std::swap(key[i], key[place]);
      place = i;
    }
    return others;
  }

  LinkBound::Beginning beginning_of(const Key& key, std::size_t length) const {
    LinkBound::Beginning out;
    while (out.place < length) out = bound_.with(out, states_[key[out.place]]);
    return out;
  }

  // Entries that are one game.
  struct Game {
    std::vector<Standing> standings;  // of one of them
    double probability = 0;
    double most = 0;  // of the share of the time
  };

  // The weightiest first.
  void go_through(const std::vector<Entry>& entries) {
    std::unordered_map<std::string, Game> by_winners;
    for (const Entry& entry : entries) {
      if (entry.beginning.weight < needed_ || entry.most == 0) continue;  // lost anyhow, or never
      std::vector<Standing> standings = standings_of(entry.key);
      if (std::ranges::none_of(standings, &Standing::leads)) continue;  // lost anyhow, too
      Game& game = by_winners[games_.winners(standings, needed_)];
      if (game.standings.empty()) game.standings = std::move(standings);
      game.probability += entry.probability;
      game.most += entry.most;
    }
    std::vector<Game> games;
    for (auto& [winners, game] : by_winners) {
      game.most = std::min(game.most, game.probability * games_.bound(game.standings, needed_));
      games.push_back(std::move(game));
    }
    std::sort(games.begin(), games.end(), [](const Game& a, const Game& b) {
      return std::tie(b.most, b.probability) < std::tie(a.most, a.probability);
    });
    double left = 0;
    for (const Game& game : games) left += game.most;
    std::size_t steps = kMaxLinkSteps;
    for (const Game& game : games) {
      const bool seen = steps > 0 && left > kUnseen * (lost_ + found_);
      left -= game.most;
      const auto cut = seen ? games_.cut(game.standings, needed_, steps) : std::nullopt;
      if (cut) {
        found_ += game.probability * *cut;
      } else {
        left_out_ += game.most;
      }
    }
  }

  std::vector<Standing> standings_of(const Key& key) const {
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
  const CutGames games_;
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
