#include "topology/transition.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "topology/parse.h"

namespace regent {
namespace {

struct DraftNode {
  std::string zone;
  std::uint64_t weight = 0;
  bool operator==(const DraftNode&) const = default;
};

struct DraftRegion {
  std::uint64_t weight = 0;
  std::map<std::string, std::uint64_t> zones;
  std::map<std::string, DraftNode> nodes;
  bool operator==(const DraftRegion&) const = default;
};

// What votes depend on, by names, so that it can be changed piece by piece.
struct Draft {
  using Node = DraftNode;
  using Region = DraftRegion;
  QuorumKind kind = QuorumKind::hierarchical;
  std::map<std::string, Region> regions;
  bool operator==(const Draft&) const = default;
};

Draft draft_of(const Topology& topology) {
  Draft out;
  out.kind = topology.kind;
  for (const TopologyRegion& region : topology.regions) {
    Draft::Region& to = out.regions[region.name];
    to.weight = region.weight;
    for (const TopologyZone& zone : region.zones) to.zones[zone.name] = zone.weight;
    for (const NodeId id : region.nodes) {
      to.nodes[topology.node(id).name] = {topology.node(id).zone, topology.node(id).weight};
    }
  }
  return out;
}

// nullopt: no topology has such weights.
std::optional<Topology> topology_of(const Draft& draft, const Topology& like) {
  Topology out;
  out.cluster = like.cluster;
  out.kind = draft.kind;
  for (const auto& [name, region] : draft.regions) {
    const RegionId id{static_cast<std::uint16_t>(out.regions.size())};
    TopologyRegion& to = out.regions.emplace_back();
    to.name = name;
    to.weight = region.weight;
    for (const auto& [zone, weight] : region.zones) to.zones.push_back({zone, weight});
    for (const auto& [node, facts] : region.nodes) {
      if (region.zones.contains(facts.zone) != !region.zones.empty()) return std::nullopt;
      to.nodes.push_back(NodeId{static_cast<std::uint32_t>(out.nodes.size())});
      out.nodes.push_back({id, node, facts.zone, facts.weight, {}});
    }
  }
  Result<QuorumTree> tree = build_tree(out);
  if (!tree) return std::nullopt;
  out.tree = std::move(tree).value();
  return out;
}

// One thing that differs between two drafts. Nothing is `nullopt`.
struct Change {
  enum class What : std::uint8_t { kind, region, zone, node } what = What::kind;
  std::string region;
  std::string name;  // of the zone or node
};

const Draft::Node* find_node(const Draft& draft, const Change& change) {
  const auto region = draft.regions.find(change.region);
  if (region == draft.regions.end()) return nullptr;
  const auto node = region->second.nodes.find(change.name);
  return node == region->second.nodes.end() ? nullptr : &node->second;
}

std::optional<std::uint64_t> find_zone(const Draft& draft, const Change& change) {
  const auto region = draft.regions.find(change.region);
  if (region == draft.regions.end()) return std::nullopt;
  const auto zone = region->second.zones.find(change.name);
  if (zone == region->second.zones.end()) return std::nullopt;
  return zone->second;
}

// Nodes first, since a region or zone may only weigh something when somebody in it does.
std::vector<Change> changes_between(const Draft& from, const Draft& to) {
  std::map<std::string, std::pair<Draft::Region, Draft::Region>> regions;
  for (const auto& [name, region] : from.regions) regions[name].first = region;
  for (const auto& [name, region] : to.regions) regions[name].second = region;
  std::vector<Change> nodes;
  std::vector<Change> groups;
  for (const auto& [name, pair] : regions) {
    std::map<std::string, bool> node_names;
    std::map<std::string, bool> zone_names;
    for (const Draft::Region* region : {&pair.first, &pair.second}) {
      for (const auto& [node, facts] : region->nodes) node_names[node] = true;
      for (const auto& [zone, weight] : region->zones) zone_names[zone] = true;
    }
    for (const auto& [node, present] : node_names) {
      const Change change{Change::What::node, name, node};
      const Draft::Node* before = find_node(from, change);
      const Draft::Node* after = find_node(to, change);
      if (!before || !after || !(*before == *after)) nodes.push_back(change);
    }
    for (const auto& [zone, present] : zone_names) {
      const Change change{Change::What::zone, name, zone};
      if (find_zone(from, change) != find_zone(to, change)) groups.push_back(change);
    }
    if (from.regions.contains(name) != to.regions.contains(name) ||
        pair.first.weight != pair.second.weight) {
      groups.push_back({Change::What::region, name, ""});
    }
  }
  nodes.insert(nodes.end(), groups.begin(), groups.end());
  if (from.kind != to.kind) nodes.push_back({Change::What::kind, "", ""});
  return nodes;
}

// `draft` with this one thing as in `to`.
Draft applied(Draft draft, const Change& change, const Draft& to) {
  switch (change.what) {
    case Change::What::kind:
      draft.kind = to.kind;
      return draft;
    case Change::What::region: {
      const auto target = to.regions.find(change.region);
      if (target != to.regions.end()) {
        draft.regions[change.region].weight = target->second.weight;
        return draft;
      }
      // It goes once it is empty; until then it may lose its weight.
      Draft::Region& region = draft.regions[change.region];
      region.weight = 0;
      if (region.nodes.empty() && region.zones.empty()) draft.regions.erase(change.region);
      return draft;
    }
    case Change::What::zone: {
      const auto target = find_zone(to, change);
      auto& zones = draft.regions[change.region].zones;
      if (target) {
        zones[change.name] = *target;
      } else {
        zones.erase(change.name);
      }
      return draft;
    }
    case Change::What::node:
      break;
  }
  const Draft::Node* target = find_node(to, change);
  Draft::Region& region = draft.regions[change.region];
  if (target == nullptr) {
    region.nodes.erase(change.name);
    return draft;
  }
  if (!target->zone.empty()) region.zones.try_emplace(target->zone, 0);
  region.nodes[change.name] = *target;
  return draft;
}

// The weight that a change is about; nullopt: it has none, or there is no such thing yet.
std::uint64_t* weight_in(Draft& draft, const Change& change) {
  const auto region = draft.regions.find(change.region);
  if (change.what == Change::What::kind || region == draft.regions.end()) return nullptr;
  if (change.what == Change::What::region) return &region->second.weight;
  if (change.what == Change::What::zone) {
    const auto zone = region->second.zones.find(change.name);
    return zone == region->second.zones.end() ? nullptr : &zone->second;
  }
  const auto node = region->second.nodes.find(change.name);
  return node == region->second.nodes.end() ? nullptr : &node->second.weight;
}

// The region in two zones, both of which are needed.
Draft::Region halved(Draft::Region region) {
  region.zones = {{"half-1", 1}, {"half-2", 1}};
  std::size_t place = 0;
  for (auto& [name, node] : region.nodes) node = {place++ % 2 == 0 ? "half-1" : "half-2", 1};
  return region;
}

// Trees with few and large quorums, which meet more than others: one or two regions decide, both
// needed, each by its own majority or in halves that are both needed.
std::vector<Draft> narrow_drafts(const Draft& like) {
  Draft nobody = like;
  nobody.kind = QuorumKind::hierarchical;
  std::vector<std::string> names;
  for (auto& [name, region] : nobody.regions) {
    region.weight = 0;
    if (!region.nodes.empty()) names.push_back(name);
  }
  std::vector<Draft> out;
  const auto add = [&](std::size_t a, std::size_t b) {
    for (int halves = 0; halves < (a == b ? 2 : 4); ++halves) {
      Draft draft = nobody;
      for (const auto& [place, bit] : {std::pair(a, 1), std::pair(b, a == b ? 1 : 2)}) {
        Draft::Region& region = draft.regions[names[place]];
        if ((halves & bit) != 0) region = halved(region);
        region.weight = 1;
      }
      out.push_back(std::move(draft));
    }
  };
  for (std::size_t a = 0; a < names.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) add(a, b);
  }
  return out;
}

class Planner {
 public:
  Planner(const Topology& before, const Topology& after)
      : like_(after), now_(draft_of(before)), goal_(draft_of(after)) {}

  // Piece by piece; where that does not get there, over a tree that meets both.
  std::vector<Topology> run() {
    const Draft first = now_;
    std::vector<Topology> steps = by_pieces();
    if (!steps.empty()) return steps;
    for (const Draft& narrow : narrow_drafts(first)) {
      now_ = first;
      if (!safe(narrow)) continue;
      now_ = narrow;
      if (!safe(goal_)) continue;
      return {*topology_of(narrow, like_), *topology_of(goal_, like_)};
    }
    return {};
  }

 private:
  std::vector<Topology> by_pieces() {
    std::vector<Topology> steps;
    while (steps.size() < kMaxTransitionSteps) {
      if (safe(goal_)) {
        steps.push_back(*topology_of(goal_, like_));
        return steps;
      }
      Draft next = as_much_as_is_safe();
      if (next == now_) next = part_of_one();
      if (next == now_) return {};
      now_ = std::move(next);
      steps.push_back(*topology_of(now_, like_));
    }
    return {};
  }

  bool safe(const Draft& next) const {
    const std::optional<Topology> to = topology_of(next, like_);
    return to && quorums_meet(*topology_of(now_, like_), *to).always;
  }

  Draft as_much_as_is_safe() const {
    Draft next = now_;
    for (bool more = true; more;) {
      more = false;
      for (const Change& change : changes_between(next, goal_)) {
        Draft tried = applied(next, change, goal_);
        if (tried == next || !safe(tried)) continue;
        next = std::move(tried);
        more = true;
      }
    }
    return next;
  }

  // The largest part of one change of weight. What comes begins with weight 0, and so does what
  // goes end: it is not counted then.
  Draft part_of_one() const {
    for (const Change& change : changes_between(now_, goal_)) {
      Draft begun = now_;
      Draft reached = goal_;
      if (weight_in(begun, change) == nullptr) {
        begun = applied(now_, change, goal_);
        if (std::uint64_t* weight = weight_in(begun, change)) *weight = 0;
        if (!(begun == now_) && safe(begun)) return begun;
        continue;
      }
      const std::uint64_t from = *weight_in(begun, change);
      const std::uint64_t* target = weight_in(reached, change);
      const std::uint64_t to = target == nullptr ? 0 : *target;
      for (std::uint64_t step = from < to ? to - from : from - to; step > 0; step /= 2) {
        Draft tried = now_;
        *weight_in(tried, change) = from < to ? from + step : from - step;
        if (safe(tried)) return tried;
      }
    }
    return now_;
  }

  const Topology& like_;
  Draft now_;
  const Draft goal_;
};

std::string text_of(const Draft& draft, const Change& change) {
  switch (change.what) {
    case Change::What::kind:
      return kind_name(draft.kind);
    case Change::What::region: {
      const auto region = draft.regions.find(change.region);
      return region == draft.regions.end() ? "none" : std::to_string(region->second.weight);
    }
    case Change::What::zone: {
      const auto zone = find_zone(draft, change);
      return zone ? std::to_string(*zone) : "none";
    }
    case Change::What::node:
      break;
  }
  const Draft::Node* node = find_node(draft, change);
  if (node == nullptr) return "none";
  return std::to_string(node->weight) + (node->zone.empty() ? "" : " in zone " + node->zone);
}

std::string path_of(const Change& change) {
  switch (change.what) {
    case Change::What::kind:
      return "quorum";
    case Change::What::region:
      return "regions." + change.region + ".weight";
    case Change::What::zone:
      return "regions." + change.region + ".zones." + change.name + ".weight";
    case Change::What::node:
      break;
  }
  return "regions." + change.region + ".nodes." + change.name + ".weight";
}

}  // namespace

std::vector<std::string> vote_changes(const Topology& before, const Topology& after) {
  const Draft from = draft_of(before);
  const Draft to = draft_of(after);
  std::vector<std::string> out;
  for (const Change& change : changes_between(from, to)) {
    out.push_back(path_of(change) + ": " + text_of(from, change) + " -> " + text_of(to, change));
  }
  return out;
}

Transition plan_transition(const Topology& before, const Topology& after) {
  Transition out{quorums_meet(before, after), {}};
  out.steps = Planner(before, after).run();
  return out;
}

}  // namespace regent
