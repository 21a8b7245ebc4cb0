#include "topology/star_cut.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "topology/weight_sums.h"

namespace regent {
namespace {

// What a leader is missing: one more than the place in the list of sums that can still come to it.
// kOut: more than any of them.
using Lack = std::uint16_t;
constexpr Lack kOut = 0;
constexpr std::size_t kSumsAStep = 4;  // what a sum costs
// By place among the leaders; of those whose links are decided, kOut.
using Lacks = std::array<Lack, kMostStars>;

struct LacksHash {
  std::size_t operator()(const Lacks& lacks) const {
    std::uint64_t hash = 1;
    using Words = std::array<std::uint64_t, sizeof(Lacks) / sizeof(std::uint64_t)>;
    for (const std::uint64_t part : std::bit_cast<Words>(lacks)) {
      hash = (hash ^ hash >> 32 ^ part) * 0x9e3779b97f4a7c15U;
    }
    return hash ^ hash >> 32;
  }
};

std::vector<std::uint64_t> with_weight(const std::vector<std::uint64_t>& sums,
                                       std::uint64_t weight) {
  std::vector<std::uint64_t> more;
  for (const std::uint64_t sum : sums) more.push_back(sum + weight);
  std::vector<std::uint64_t> out;
  std::set_union(sums.begin(), sums.end(), more.begin(), more.end(), std::back_inserter(out));
  return out;
}

class Stars {
 public:
  Stars(const std::vector<Standing>& standings, std::uint64_t needed, const LinkShares& down,
        const std::vector<std::size_t>& kinds, std::size_t& steps)
      : needed_(needed), down_(down), steps_(steps) {
    for (const Standing& standing : standings) parts_.push_back({standing, kinds[standing.region]});
    const auto order = [](const Part& part) {
      return std::tuple(!part.of.leads, part.kind, ~part.of.weight);
    };
    std::stable_sort(parts_.begin(), parts_.end(),
                     [&](const Part& a, const Part& b) { return order(a) < order(b); });
    while (leaders_ < parts_.size() && parts_[leaders_].of.leads) ++leaders_;
  }

  std::optional<double> run() {
    make_reach(0);
    Lacks lacks{};
    for (std::size_t i = 0; i < leaders_; ++i) {
      if (parts_[i].of.weight >= needed_) return 0;
      lacks[i] = lack(i, needed_ - parts_[i].of.weight);
    }
    keep(lacks, 0, 1);
    for (std::size_t v = 0; v < leaders_ && !next_.empty(); ++v) {
      const States states = std::exchange(next_, {});
      before_ = std::move(reach_);
      make_reach(v + 1);
      for (const auto& [from, probability] : states) {
        prepare(v, from);
        if (!decide(0, allowed(v, from[v]), probability)) return std::nullopt;
      }
    }
    return lost_;
  }

 private:
  struct Part {
    Standing of;
    std::size_t kind = 0;
    bool like(const Part& other) const {
      return kind == other.kind && of.weight == other.of.weight && of.leads == other.of.leads;
    }
  };
  using States = std::unordered_map<Lacks, double, LacksHash>;
  using Sums = std::vector<std::uint64_t>;  // rising
  // Parts to which the links of the leader at hand are alike, and what leaders among them are
  // missing if their link is up, and if it is down.
  struct Group {
    std::size_t begin = 0;
    std::size_t end = 0;
    Lack up = kOut;
    Lack down = kOut;
    bool may_be_up = true;  // without making one of them primary
    std::uint64_t weight = 0;
    std::array<double, kMostStars> chances{};  // by how many of the links are up
    std::size_t links() const { return end - begin; }
  };

  // By leader from v on: all sums of those whose link to it is not decided yet.
  void make_reach(std::size_t v) {
    reach_.assign(leaders_, {});
    for (std::size_t i = v; i < leaders_; ++i) {
      if (i > v && parts_[i].of.weight == parts_[i - 1].of.weight) {
        reach_[i] = reach_[i - 1];
        continue;
      }
      reach_[i] = {0};
      for (std::size_t k = v; k < parts_.size(); ++k) {
        if (k != i) reach_[i] = with_weight(reach_[i], parts_[k].of.weight);
      }
      steps_ -= std::min(steps_, reach_[i].size() / kSumsAStep);
    }
  }

  Lack lack(std::size_t i, std::uint64_t missing) const {
    const auto found = std::lower_bound(reach_[i].begin(), reach_[i].end(), missing);
    if (found == reach_[i].end()) return kOut;
    return static_cast<Lack>(found - reach_[i].begin() + 1);
  }

  // What leader v may gather at most without being primary.
  std::uint64_t allowed(std::size_t v, Lack lack) const {
    return lack == kOut ? UINT64_MAX : before_[v][lack - 1U] - 1;
  }

  // For the links of leader v to all that come after it.
  void prepare(std::size_t v, const Lacks& from) {
    row_ = v;
    to_ = {};
    groups_.clear();
    loose_ = {{0, 1.0}};
    for (std::size_t u = v + 1; u < parts_.size();) {
      const Group group = group_at(u, from);
      u = group.end;
      for (std::size_t k = group.begin; k < group.end && k < leaders_; ++k) to_[k] = group.down;
      if (group.up != group.down || !group.may_be_up) {
        groups_.push_back(group);
      } else if (from[v] != kOut) {
        add_loose(group);
      }
    }
    double sum = 0;
    for (auto& [weight, probability] : loose_) probability = sum += probability;
  }

  Group group_at(std::size_t u, const Lacks& from) const {
    Group group;
    group.begin = u;
    group.end = u + 1;
    while (group.end < parts_.size() && parts_[group.end].like(parts_[u]) &&
           (u >= leaders_ || from[group.end] == from[u])) {
      ++group.end;
    }
    const double down = down_[parts_[row_].of.region][parts_[u].of.region];
    group.weight = parts_[u].of.weight;
    group.chances = chances_of(group.links(), down);
    group.may_be_up = down < 1;
    if (u >= leaders_ || from[u] == kOut) return group;
    const std::uint64_t missing = before_[u][from[u] - 1U];
    const std::uint64_t brought = parts_[row_].of.weight;
    group.down = lack(u, missing);
    group.may_be_up = group.may_be_up && brought < missing;
    if (group.may_be_up) group.up = lack(u, missing - brought);
    return group;
  }

  // By how many of some links are up, alike in their share.
  static std::array<double, kMostStars> chances_of(std::size_t links, double down) {
    std::array<double, kMostStars> out{1.0};
    for (std::size_t i = 0; i < links; ++i) {
      for (std::size_t up = i + 2; up-- > 0;) {
        out[up] = out[up] * down + (up > 0 ? out[up - 1] * (1 - down) : 0);
      }
    }
    return out;
  }

  // Links that only matter to the leader at hand.
  void add_loose(const Group& group) {
    std::map<std::uint64_t, double> sums;
    for (std::size_t up = 0; up <= group.links(); ++up) {
      const double probability = group.chances[up];
      const std::uint64_t weight = up * group.weight;
      for (const auto& [sum, before] : loose_) sums[sum + weight] += before * probability;
    }
    loose_.assign(sums.begin(), sums.end());
    steps_ -= std::min(steps_, loose_.size() / kSumsAStep);
  }

  // The links to the groups from there on. False: too many steps.
  bool decide(std::size_t at, std::uint64_t allowed, double probability) {
    if (at == groups_.size()) {
      if (steps_ == 0) return false;
      --steps_;
      keep(to_, row_ + 1, probability * loose_up_to(allowed));
      return true;
    }
    const Group& group = groups_[at];
    for (std::size_t up = 0; up <= (group.may_be_up ? group.links() : 0); ++up) {
      const std::uint64_t gathered = up * group.weight;
      if (gathered > allowed) break;
      for (std::size_t k = group.begin; k < group.end; ++k) {
        to_[k] = k < group.begin + up ? group.up : group.down;
      }
      const double more = probability * group.chances[up];
      if (more > 0 && !decide(at + 1, allowed - gathered, more)) return false;
    }
    return true;
  }

  double loose_up_to(std::uint64_t allowed) const {
    const auto after =
        std::upper_bound(loose_.begin(), loose_.end(), allowed,
                         [](std::uint64_t weight, const auto& sum) { return weight < sum.first; });
    return after == loose_.begin() ? 0 : std::prev(after)->second;
  }

  // The leaders from v on are still to come.
  void keep(Lacks lacks, std::size_t v, double probability) {
    if (std::all_of(lacks.begin(), lacks.end(), [](Lack lack) { return lack == kOut; })) {
      lost_ += probability;
      return;
    }
    for (std::size_t i = v; i < leaders_;) {
      std::size_t end = i + 1;
      while (end < leaders_ && parts_[end].like(parts_[i])) ++end;
      std::sort(lacks.begin() + i, lacks.begin() + end);
      i = end;
    }
    next_[lacks] += probability;
  }

  const std::uint64_t needed_;
  const LinkShares& down_;
  std::size_t& steps_;
  std::vector<Part> parts_;  // the leaders first; those that are alike side by side
  std::size_t leaders_ = 0;
  std::vector<Sums> before_;  // by leader: what could come when the row began
  std::vector<Sums> reach_;   // and what still can when it is decided
  States next_;
  double lost_ = 0;

  std::size_t row_ = 0;  // the leader at hand
  Lacks to_;             // what the others are missing after its links
  std::vector<Group> groups_;
  // What the links that change no lack bring it: at most so much weight, with what probability.
  std::vector<std::pair<std::uint64_t, double>> loose_;
};

bool can_change_places(const LinkShares& down, std::size_t a, std::size_t b) {
  for (std::size_t i = 0; i < down.size(); ++i) {
    if (i != a && i != b && down[a][i] != down[b][i]) return false;
  }
  return true;
}

// What a judge's links to those that are no judges take from it when they are down: each weight,
// with what probability it is so much or more. By rising weight.
std::vector<WeightSums::Term> taken_from(std::size_t judge, std::size_t judges,
                                         const std::vector<Standing>& standings,
                                         const LinkShares& down) {
  WeightSums sums(UINT64_MAX);
  for (std::size_t i = judges; i < standings.size(); ++i) {
    const double share = down[standings[judge].region][standings[i].region];
    CHECK(sums.add(standings[i].weight, {share, 1 - share}));  // of few regions
  }
  std::vector<WeightSums::Term> out = sums.terms();
  double sum = 0;
  for (std::size_t i = out.size(); i-- > 0;) out[i].probability = sum += out[i].probability;
  return out;
}

double taken_at_least(const std::vector<WeightSums::Term>& taken, std::uint64_t weight) {
  const auto found = std::lower_bound(
      taken.begin(), taken.end(), weight,
      [](const WeightSums::Term& term, std::uint64_t least) { return term.weight < least; });
  return found == taken.end() ? 0 : found->probability;
}

}  // namespace

double star_cut_bound(std::vector<Standing> standings, std::uint64_t needed,
                      const LinkShares& down) {
  std::stable_sort(standings.begin(), standings.end(), [](const Standing& a, const Standing& b) {
    return std::tuple(a.leads, a.weight) > std::tuple(b.leads, b.weight);
  });
  std::uint64_t total = 0;
  std::size_t judges = 0;
  for (const Standing& standing : standings) {
    total += standing.weight;
    judges += standing.leads && judges < kMostJudges ? 1 : 0;
  }
  // By judge and the other judges, as bits, whom its links do not reach: that it is not primary.
  std::array<std::array<double, std::size_t{1} << kMostJudges>, kMostJudges> lost;
  std::vector<std::pair<std::size_t, std::size_t>> shared;
  for (std::size_t a = 0; a < judges; ++a) {
    const auto taken = taken_from(a, judges, standings, down);
    for (std::size_t others = 0; others < std::size_t{1} << judges; ++others) {
      std::uint64_t missing = total - needed + 1;
      for (std::size_t b = 0; b < judges; ++b) {
        if ((others >> b & 1) != 0) missing -= std::min(missing, standings[b].weight);
      }
      lost[a][others] = taken_at_least(taken, missing);
    }
    for (std::size_t b = 0; b < a; ++b) shared.emplace_back(a, b);
  }
  double out = 0;
  for (std::uint32_t cut = 0; cut < std::uint32_t{1} << shared.size(); ++cut) {
    double probability = 1;
    std::array<std::size_t, kMostJudges> others{};
    for (std::size_t k = 0; k < shared.size(); ++k) {
      const auto [a, b] = shared[k];
      const double share = down[standings[a].region][standings[b].region];
      const bool is_down = (cut >> k & 1) != 0;
      probability *= is_down ? share : 1 - share;
      if (!is_down) continue;
      others[a] |= std::size_t{1} << b;
      others[b] |= std::size_t{1} << a;
    }
    for (std::size_t a = 0; a < judges; ++a) probability *= lost[a][others[a]];
    out += probability;
  }
  return out;
}

std::vector<std::size_t> kinds_of_regions(const LinkShares& down) {
  std::vector<std::size_t> kinds;
  for (std::size_t i = 0; i < down.size(); ++i) {
    std::size_t like = 0;
    while (like < i && !can_change_places(down, like, i)) ++like;
    kinds.push_back(like);  // the first one of its kind
  }
  return kinds;
}

std::optional<double> star_cut(const std::vector<Standing>& standings, std::uint64_t needed,
                               const LinkShares& down, const std::vector<std::size_t>& kinds,
                               std::size_t& steps) {
  if (standings.size() > kMostStars) return std::nullopt;
  return Stars(standings, needed, down, kinds, steps).run();
}

}  // namespace regent
