#include "topology/flaws.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "topology/analysis.h"
#include "topology/parse.h"

namespace regent {
namespace {

struct Voter {
  std::string path;
  std::string name;
  std::uint64_t weight = 0;
};

// One vote: the children of a group.
struct Game {
  std::string of_what;   // "all regions", "region eu"
  std::string newcomer;  // what would be added to it: "a witness region"
  std::vector<Voter> voters;
  bool of_regions = false;
  bool heads = false;  // every voter weighs 1, for ever

  std::uint64_t total() const {
    return std::accumulate(voters.begin(), voters.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Voter& v) { return sum + v.weight; });
  }
};

std::string text_of(std::uint64_t number) {
  return std::to_string(number);
}

// The largest sum not above `limit` that some of the weights have together.
std::uint64_t largest_sum(const std::vector<std::uint64_t>& weights, std::uint64_t limit) {
  std::vector<bool> reachable(limit + 1);
  reachable[0] = true;
  for (const std::uint64_t weight : weights) {
    for (std::uint64_t s = limit + 1; s-- > weight;) {
      if (reachable[s - weight]) reachable[s] = true;
    }
  }
  while (!reachable[limit]) --limit;
  return limit;
}

// The least weight with which one more voter beside these would matter. It does when some of them
// weigh s together with 2s <= O + w and 2s + w > O, O being the weight of all; s or O - s nearest
// to the middle is the first for which that holds.
std::uint64_t least_that_matters(const std::vector<std::uint64_t>& others) {
  const std::uint64_t all = std::accumulate(others.begin(), others.end(), std::uint64_t{0});
  return std::max<std::uint64_t>(1, all - 2 * largest_sum(others, all / 2));
}

std::vector<std::uint64_t> weights_of(const Game& game) {
  std::vector<std::uint64_t> out;
  for (const Voter& voter : game.voters) {
    if (voter.weight > 0) out.push_back(voter.weight);
  }
  return out;
}

std::vector<std::uint64_t> without(std::vector<std::uint64_t> weights, std::uint64_t one) {
  weights.erase(std::find(weights.begin(), weights.end(), one));
  return weights;
}

class Examiner {
 public:
  explicit Examiner(std::vector<Flaw>& flaws) : flaws_(flaws) {}

  void examine(const Game& game) {
    const std::uint64_t total = game.total();
    if (game.voters.size() < 2 || total == 0) return;
    if (const Voter* dictator = find_dictator(game)) {
      flaws_.push_back({FlawKind::dictator, dictator->path, dictator->name,
                        "has more than half of the weight of " + game.of_what + " (" +
                            text_of(dictator->weight) + " of " + text_of(total) +
                            "): it decides alone, and nothing is decided without it",
                        tame(game, *dictator)});
      return;
    }
    if (!affordable(weights_of(game))) return;
    find_dead(game);
    find_tie(game);
  }

 private:
  static const Voter* find_dictator(const Game& game) {
    const std::uint64_t total = game.total();
    const auto found = std::find_if(game.voters.begin(), game.voters.end(),
                                    [&](const Voter& voter) { return 2 * voter.weight > total; });
    return found == game.voters.end() ? nullptr : &*found;
  }

  // The search ends where it is not worth a start-up's time.
  bool affordable(const std::vector<std::uint64_t>& weights) {
    const std::set<std::uint64_t> distinct(weights.begin(), weights.end());
    const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    const std::uint64_t steps = total * weights.size() * (distinct.size() + 1);
    if (steps > steps_left_) return false;
    steps_left_ -= steps;
    return true;
  }

  // With two others, one less than they weigh together is a weight that they can outvote.
  static std::string tame(const Game& game, const Voter& dictator) {
    const std::uint64_t others = game.total() - dictator.weight;
    const auto voices = std::count_if(game.voters.begin(), game.voters.end(),
                                      [](const Voter& voter) { return voter.weight > 0; });
    if (voices >= 3) return "lower its weight to " + text_of(others - 1);
    if (voices == 2) return "add " + game.newcomer + " and give all three weight 1";
    return "give at least two others weight " + text_of(dictator.weight);
  }

  void find_dead(const Game& game) {
    const std::vector<std::uint64_t> weights = weights_of(game);
    const std::set<std::uint64_t> distinct(weights.begin(), weights.end());
    // The heaviest voter always matters, and equal weights have equal power.
    if (distinct.size() < 2) return;
    for (const std::uint64_t weight : distinct) {
      const std::uint64_t least = least_that_matters(without(weights, weight));
      if (weight >= least) continue;
      for (const Voter& voter : game.voters) {
        if (voter.weight != weight) continue;
        flaws_.push_back({FlawKind::dead, voter.path, voter.name,
                          "never matters: its weight " + text_of(weight) +
                              " cannot change any outcome of " + game.of_what,
                          "give it " + text_of(least) + " or make it weight 0"});
      }
    }
  }

  void find_tie(const Game& game) {
    const std::uint64_t total = game.total();
    if (total % 2 != 0 || largest_sum(weights_of(game), total / 2) != total / 2) return;
    const std::string mend = untie(game);
    const std::string halves = text_of(total / 2);
    const auto half = [&](const Voter& voter) { return 2 * voter.weight == total; };
    if (game.of_regions && std::any_of(game.voters.begin(), game.voters.end(), half)) {
      for (const Voter& voter : game.voters) {
        if (!half(voter)) continue;
        flaws_.push_back({FlawKind::tie, voter.path, voter.name,
                          "has exactly half of the weight: without it the rest is an even split "
                          "and no quorum",
                          mend, true});
      }
      return;
    }
    const auto first = std::find_if(game.voters.begin(), game.voters.end(),
                                    [](const Voter& voter) { return voter.weight > 0; });
    flaws_.push_back({FlawKind::tie, first->path, game.of_what,
                      "can split evenly, " + halves + " against " + halves +
                          ": then neither side has a majority",
                      mend});
  }

  // One more unit of weight makes the sum odd, and every set that won before wins still. It should
  // go where it leaves nobody dead, which also means that nobody decides alone. Equal weights need
  // no second look.
  std::string untie(const Game& game) {
    if (game.heads) return "add " + game.newcomer;
    Game changed = game;
    std::set<std::uint64_t> tried{0};
    for (Voter& voter : changed.voters) {
      if (!tried.insert(voter.weight).second) continue;
      ++voter.weight;
      const std::vector<std::uint64_t> weights = weights_of(changed);
      if (weights.size() < 3 || !affordable(weights)) break;
      if (!somebody_dead(weights)) {
        return "give " + voter.name + " weight " + text_of(voter.weight);
      }
      --voter.weight;
    }
    return "add " + game.newcomer + " with weight 1";
  }

  static bool somebody_dead(const std::vector<std::uint64_t>& weights) {
    return std::any_of(weights.begin(), weights.end(), [&](std::uint64_t weight) {
      return weight < least_that_matters(without(weights, weight));
    });
  }

  std::vector<Flaw>& flaws_;
  std::uint64_t steps_left_ = kMaxFlawSteps;
};

std::vector<Voter> voters_of(const Topology& topology, const std::vector<NodeId>& nodes) {
  std::vector<Voter> out;
  for (const NodeId id : nodes) {
    out.push_back({node_path(topology, topology.node(id)), node_name(topology, id),
                   voting_weight(topology, id)});
  }
  return out;
}

void examine_region(const Topology& topology, const TopologyRegion& region, Examiner& examiner) {
  const std::string node = "a node in " + region.name;
  if (region.zones.empty()) {
    examiner.examine(
        {"region " + region.name, node, voters_of(topology, region.nodes)});
    return;
  }
  Game zones{"region " + region.name, "a zone in " + region.name, {}};
  for (const TopologyZone& zone : region.zones) {
    const std::string name = region.name + "/" + zone.name;
    zones.voters.push_back({zone_path(region, zone.name), name, zone.weight});
    examiner.examine({"zone " + name, "a node in " + name,
                      voters_of(topology, zone_nodes(topology, region, zone.name))});
  }
  examiner.examine(zones);
}

// In the flat kinds a region is no voter, but it is what is lost together.
void examine_blocks(const Topology& topology, std::vector<Flaw>& flaws) {
  std::uint64_t total = 0;
  for (const NodeId id : all_nodes(topology)) total += voting_weight(topology, id);
  if (topology.regions.size() < 2) return;
  const bool heads = topology.kind == QuorumKind::majority;
  for (const TopologyRegion& region : topology.regions) {
    std::uint64_t own = 0;
    for (const NodeId id : region.nodes) own += voting_weight(topology, id);
    if (own == 0 || 2 * own < total) continue;
    const std::uint64_t missing = 2 * own + 1 - total;
    const std::string mend = heads ? "add " + text_of(missing) + " nodes elsewhere"
                                   : "add " + text_of(missing) + " to the weights elsewhere";
    if (2 * own > total) {
      flaws.push_back({FlawKind::dictator, region_path(region), region.name,
                       "has nodes with more than half of the weight of all nodes (" +
                           text_of(own) + " of " + text_of(total) +
                           "): they decide alone, and nothing is decided without them",
                       mend});
    } else {
      flaws.push_back({FlawKind::tie, region_path(region), region.name,
                       "has nodes with exactly half of the weight of all nodes: without them the "
                       "rest is an even split and no quorum",
                       heads ? "add a node elsewhere (a witness region is enough)" : mend,
                       true});
    }
  }
}

}  // namespace

const char* flaw_name(FlawKind kind) {
  switch (kind) {
    case FlawKind::dictator:
      return "dictator";
    case FlawKind::tie:
      return "tie";
    case FlawKind::dead:
      break;
  }
  return "dead";
}

std::string warning_text(const Flaw& flaw) {
  return flaw.text + "; " + flaw.mend;
}

std::vector<Flaw> flaws_of(const Topology& topology) {
  std::vector<Flaw> flaws;
  Examiner examiner(flaws);
  if (topology.kind != QuorumKind::hierarchical) {
    const bool heads = topology.kind == QuorumKind::majority;
    examiner.examine(
        {"all nodes", "a node", voters_of(topology, all_nodes(topology)), false, heads});
    examine_blocks(topology, flaws);
    return flaws;
  }
  Game regions{"all regions", "a witness region", {}, true};
  for (const TopologyRegion& region : topology.regions) {
    regions.voters.push_back({region_path(region), region.name, region.weight});
    examine_region(topology, region, examiner);
  }
  examiner.examine(regions);
  return flaws;
}

}  // namespace regent
