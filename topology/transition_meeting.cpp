#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "topology/analysis.h"
#include "topology/electorate.h"
#include "topology/parse.h"
#include "topology/transition.h"

namespace regent {
namespace {

// What one way to split some nodes brings to the two votes, and which way that is.
struct Pair {
  std::uint64_t old_weight = 0;
  std::uint64_t new_weight = 0;
  std::size_t way = 0;  // in Ways
};

// How a pair came about: two ways before it, and a node on the old side or on none.
struct Way {
  std::size_t one = 0;
  std::size_t other = 0;
  std::string old_node;
};

class Search {
 public:
  Search(const Topology& before, const Topology& after)
      : before_(before), after_(after), old_all_(before), new_all_(after) {}

  Meeting run() {
    const std::uint64_t old_needed = old_all_.tree().needed;
    const std::uint64_t new_needed = new_all_.tree().needed;
    std::set<std::string> names;
    for (const TopologyRegion& region : before_.regions) names.insert(region.name);
    for (const TopologyRegion& region : after_.regions) names.insert(region.name);
    std::vector<Pair> pairs{{}};
    for (const std::string& name : names) {
      pairs = sums(pairs, of_region(name), old_needed, new_needed);
    }
    Meeting out;
    out.exact = exact_;
    for (const Pair& pair : pairs) {
      if (pair.old_weight < old_needed || pair.new_weight < new_needed) continue;
      show(pair, out);
      return out;
    }
    out.always = exact_;
    return out;
  }

 private:
  // One region as one of the two topologies has it.
  struct Side {
    const Topology& topology;
    const Turnout& all;
    std::optional<RegionId> id;
    QuorumTree tree = id ? own_tree(topology, *id) : QuorumTree();

    bool grouped() const { return topology.kind == QuorumKind::hierarchical; }
    bool zoned() const { return id && grouped() && !topology.region(*id).zones.empty(); }
    std::optional<NodeId> find(const std::string& node) const {
      return id ? topology.find_node(*id, node) : std::nullopt;
    }
    std::uint64_t weight(const std::string& node) const {
      const auto found = find(node);
      return found ? voting_weight(topology, *found) : 0;
    }
    std::uint64_t needed() const { return id && grouped() ? all.own(*id).needed : UINT64_MAX; }
    // What the region brings when its own nodes have this weight, or win.
    std::uint64_t brought(std::uint64_t own) const {
      if (!id || !grouped()) return own;
      return own >= all.own(*id).needed ? topology.region(*id).weight : 0;
    }
  };

  // Only pairs that no other is as good as in both; sums from the caps on are one.
  std::vector<Pair> best(std::vector<Pair> pairs) {
    std::sort(pairs.begin(), pairs.end(), [](const Pair& one, const Pair& other) {
      return std::tie(one.old_weight, one.new_weight) >
             std::tie(other.old_weight, other.new_weight);
    });
    std::vector<Pair> out;
    for (const Pair& pair : pairs) {
      if (out.empty() || pair.new_weight > out.back().new_weight) out.push_back(pair);
    }
    if (out.size() > kMaxPairs) {
      exact_ = false;
      out.resize(kMaxPairs);
    }
    return out;
  }

  std::vector<Pair> sums(const std::vector<Pair>& some, const std::vector<Pair>& more,
                         std::uint64_t old_cap, std::uint64_t new_cap) {
    std::vector<Pair> out;
    for (const Pair& one : some) {
      for (const Pair& other : more) {
        ways_.push_back({one.way, other.way, ""});
        out.push_back({std::min(old_cap, one.old_weight + other.old_weight),
                       std::min(new_cap, one.new_weight + other.new_weight), ways_.size() - 1});
      }
      if (ways_.size() > kMaxWays) {
        exact_ = false;
        return best(std::move(out));
      }
    }
    return best(std::move(out));
  }

  std::size_t on_old_side(const std::string& region, const std::string& node) {
    ways_.push_back({0, 0, region + "/" + node});
    return ways_.size() - 1;
  }

  std::vector<Pair> of_region(const std::string& name) {
    const Side old_side{before_, old_all_, before_.find_region(name)};
    const Side new_side{after_, new_all_, after_.find_region(name)};
    std::set<std::string> nodes;
    for (const Side* side : {&old_side, &new_side}) {
      if (!side->id) continue;
      for (const NodeId id : side->topology.region(*side->id).nodes) {
        nodes.insert(side->topology.node(id).name);
      }
    }
    if (old_side.zoned() || new_side.zoned()) return of_zones(name, nodes, old_side, new_side);
    std::vector<Pair> pairs{{}};
    for (const std::string& node : nodes) {
      std::vector<Pair> either;
      if (old_side.find(node)) {
        either.push_back({old_side.weight(node), 0, on_old_side(name, node)});
      }
      if (new_side.find(node)) either.push_back({0, new_side.weight(node), 0});
      pairs = sums(pairs, either, old_side.needed(), new_side.needed());
    }
    for (Pair& pair : pairs) {
      pair.old_weight = old_side.brought(pair.old_weight);
      pair.new_weight = new_side.brought(pair.new_weight);
    }
    return best(std::move(pairs));
  }

  // What one side brings when exactly these of its nodes are on it.
  static std::uint64_t with(const Side& side, const std::set<std::string>& nodes) {
    if (!side.id) return 0;
    std::uint64_t sum = 0;
    Ballot ballot(side.tree);
    for (const std::string& node : nodes) {
      const auto id = side.find(node);
      if (!id) continue;
      ballot.set(*id, Vote::granted);
      sum += voting_weight(side.topology, *id);
    }
    if (!side.grouped()) return sum;
    return ballot.outcome() == Outcome::won ? side.topology.region(*side.id).weight : 0;
  }

  // Zones may be others in the two, so every split is tried.
  std::vector<Pair> of_zones(const std::string& name, const std::set<std::string>& nodes,
                             const Side& old_side, const Side& new_side) {
    if (nodes.size() > kMaxSplitNodes) {
      exact_ = false;
      return {{with(old_side, nodes), with(new_side, nodes), 0}};
    }
    std::vector<Pair> pairs;
    for (std::size_t split = 0; split < std::size_t{1} << nodes.size(); ++split) {
      std::set<std::string> sides[2];
      std::size_t at = 0;
      for (const std::string& node : nodes) sides[split >> at++ & 1].insert(node);
      pairs.push_back({with(old_side, sides[1]), with(new_side, sides[0]), split});
    }
    pairs = best(std::move(pairs));
    for (Pair& pair : pairs) {
      std::size_t way = 0;
      std::size_t at = 0;
      for (const std::string& node : nodes) {
        if ((pair.way >> at++ & 1) == 0) continue;
        ways_.push_back({way, on_old_side(name, node), ""});
        way = ways_.size() - 1;
      }
      pair.way = way;
    }
    return pairs;
  }

  void collect(std::size_t way, std::set<std::string>& out) const {
    if (way == 0) return;
    const Way& here = ways_[way];
    if (!here.old_node.empty()) out.insert(here.old_node);
    collect(here.one, out);
    collect(here.other, out);
  }

  // The nodes on one side that a quorum takes, one after the other left out where it can be.
  static std::vector<std::string> least(const Topology& topology,
                                        const std::set<std::string>& side, bool on_it) {
    Turnout turnout(topology, all_nodes(topology));
    std::vector<NodeId> taken;
    for (const NodeId id : all_nodes(topology)) {
      if (side.contains(node_name(topology, id)) == on_it) taken.push_back(id);
    }
    turnout.set(taken, true);
    std::vector<std::string> out;
    for (const NodeId id : taken) {
      turnout.set(id, false);
      if (turnout.quorum()) continue;
      turnout.set(id, true);
      out.push_back(node_name(topology, id));
    }
    return out;
  }

  void show(const Pair& pair, Meeting& out) const {
    if (!exact_) return;
    std::set<std::string> old_nodes;
    collect(pair.way, old_nodes);
    out.old_quorum = least(before_, old_nodes, true);
    out.new_quorum = least(after_, old_nodes, false);
  }

  static constexpr std::size_t kMaxWays = 5'000'000;
  const Topology& before_;
  const Topology& after_;
  const Turnout old_all_;
  const Turnout new_all_;
  std::vector<Way> ways_{{}};  // the first: nobody
  bool exact_ = true;
};

}  // namespace

Meeting quorums_meet(const Topology& before, const Topology& after) {
  return Search(before, after).run();
}

}  // namespace regent
