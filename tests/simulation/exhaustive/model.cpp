#include "tests/simulation/exhaustive/model.h"

#include <algorithm>

#include "quorum/check.h"

namespace regent::exhaustive {
namespace {

constexpr std::array<const char*, kNodes> kNodeNames{"a/n", "b/n", "w/n"};

// Layout of Cluster::rest: four bits a gateway (epoch, gave back), then the epoch and the region of
// the latest lease.
constexpr unsigned kGaveBack = 8;
constexpr unsigned kLastEpochShift = 4 * kMaxGateways;
constexpr unsigned kLastRegionShift = kLastEpochShift + 3;

QuorumTree make_tree(const Setup& setup) {
  Group root;
  for (unsigned node = 0; node < kNodes; ++node) {
    Group leaf{.name = "n", .weight = 1, .leaf = NodeId{node}, .children = {}};
    root.children.push_back({.name = std::string(1, kNodeNames[node][0]),
                             .weight = setup.weights[node],
                             .leaf = kNoNode,
                             .children = {leaf}});
  }
  return QuorumTree::build(root).value();
}

std::array<bool, 1U << kNodes> all_winning_sets(const Setup& setup) {
  std::array<bool, 1U << kNodes> wins{};
  const QuorumTree tree = make_tree(setup);
  for (unsigned set = 0; set < wins.size(); ++set) {
    Ballot ballot(tree);
    std::uint64_t won = 0;
    std::uint64_t total = 0;
    for (unsigned node = 0; node < kNodes; ++node) {
      total += setup.weights[node];
      if ((set >> node & 1) == 0) continue;
      won += setup.weights[node];
      ballot.set(NodeId{node}, Vote::granted);
    }
    wins[set] = ballot.outcome() == Outcome::won;
    if (setup.flaw == Flaw::half) wins[set] = 2 * won >= total;
  }
  return wins;
}

unsigned exchanged(unsigned set, unsigned node) {
  const unsigned here = set >> node & 1;
  const unsigned next = set >> (node + 1) & 1;
  return (set & ~(3U << node)) | (here << (node + 1)) | (next << node);
}

}  // namespace

Model::Model(const Setup& setup) : setup_(setup), nodes_(setup), renamings_(renamings(setup)) {
  CHECK(setup.lease_ticks >= 2 && setup.epochs >= 1 && setup.epochs <= 7);
  CHECK(setup.gateways[0] <= 2 && setup.gateways[1] <= 2 && setup.drift.ppm < 1'000'000);
  CHECK(promise_span(setup.lease(), setup.drift) == setup.node_tick() * setup.lease_ticks);
  const auto wins = all_winning_sets(setup);
  like_next_.fill(true);
  for (unsigned set = 0; set < wins.size(); ++set) {
    bool least = wins[set];
    for (unsigned node = 0; node < kNodes; ++node) {
      if ((set >> node & 1) != 0 && wins[set & ~(1U << node)]) least = false;
      if (node + 1 < kNodes && wins[set] != wins[exchanged(set, node)]) like_next_[node] = false;
    }
    if (least) wins_.push_back(set);
  }
}

Cluster Model::initial() {
  Cluster cluster;
  cluster.nodes.fill(nodes_.fresh());
  return cluster;
}

unsigned Model::epoch(const Cluster& cluster, unsigned gateway) {
  return cluster.rest >> (4 * gateway) & 7;
}

bool Model::gave_back(const Cluster& cluster, unsigned gateway) {
  return (cluster.rest >> (4 * gateway) & kGaveBack) != 0;
}

void Model::steps(const Cluster& cluster, std::vector<Step>& out) {
  out.clear();
  Step passed;
  passed.next = cluster;
  for (Nodes::Id& node : passed.next.nodes) node = nodes_.tick(node);
  if (passed.next != cluster) out.push_back(passed);
  for (unsigned node = 0; node < kNodes; ++node) {
    // What happens to one of two equal nodes need not happen to the other.
    const bool twin =
        node > 0 && like_next_[node - 1] && cluster.nodes[node] == cluster.nodes[node - 1];
    if (twin) continue;
    for (const Nodes::Move& move : nodes_.moves(cluster.nodes[node])) {
      Step step{false, node, move, {}};
      if (apply(cluster, node, move, step.next) && step.next != cluster) out.push_back(step);
    }
  }
}

bool Model::apply(const Cluster& cluster, unsigned node, const Nodes::Move& move, Cluster& next) {
  next = cluster;
  next.nodes[node] = move.next;
  bool can = true;
  if (move.kind == Nodes::Move::Kind::ask) {
    can = asked(next, node, move);
  } else if (move.kind != Nodes::Move::Kind::crash) {
    can = given_back(next, move);
  }
  if (can) drop_old(next);
  return can;
}

// A gateway in an epoch that every node has left is as good as one that never asked.
void Model::drop_old(Cluster& cluster) const {
  unsigned oldest = setup_.epochs;
  unsigned granted = 0;
  for (const Nodes::Id node : cluster.nodes) {
    const Nodes::Seen& seen = nodes_.seen(node);
    oldest = std::min(oldest, unsigned{seen.voted});
    granted |= unsigned{seen.lease} | seen.window;
  }
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    const bool old = epoch(cluster, gateway) < oldest && (granted >> gateway & 1) == 0;
    if (old) cluster.rest &= ~(15U << (4 * gateway));
  }
}

bool Model::given_back(Cluster& cluster, const Nodes::Move& move) {
  const unsigned gateway = move.gateway;
  const unsigned now = epoch(cluster, gateway);
  if (move.epoch > now) return false;
  if (move.epoch < now || gave_back(cluster, gateway)) return true;
  cluster.rest |= kGaveBack << (4 * gateway);
  for (Nodes::Id& each : cluster.nodes) each = nodes_.forget_grants(each, gateway);
  return true;
}

bool Model::asked(Cluster& cluster, unsigned node, const Nodes::Move& move) {
  const unsigned gateway = move.gateway;
  const unsigned now = epoch(cluster, gateway);
  const bool gave_up = gave_back(cluster, gateway) && setup_.flaw != Flaw::ask_again;
  const Nodes::Fate fate = move.epoch > now                ? Nodes::Fate::first
                           : move.epoch == now && !gave_up ? Nodes::Fate::counted
                                                           : Nodes::Fate::late;
  if (move.fate != fate && move.fate != Nodes::Fate::not_heard) return false;
  if (move.epoch > now) {  // the rounds of lower epochs are dropped
    cluster.rest &= ~(15U << (4 * gateway));
    cluster.rest |= unsigned{move.epoch} << (4 * gateway);
    for (unsigned other = 0; other < kNodes; ++other) {
      if (other == node && move.fate == Nodes::Fate::first) continue;
      cluster.nodes[other] = nodes_.forget_grants(cluster.nodes[other], gateway);
    }
  }
  if (setup_.flaw == Flaw::receipt && (holders(cluster) >> gateway & 1) != 0) {
    for (Nodes::Id& each : cluster.nodes) each = nodes_.renew_grants(each, gateway);
  }
  return true;
}

unsigned Model::holders(const Cluster& cluster) const {
  unsigned held = 0;
  for (const unsigned set : wins_) {
    unsigned lease = (1U << kMaxGateways) - 1;
    unsigned window = lease;
    for (unsigned node = 0; node < kNodes; ++node) {
      if ((set >> node & 1) == 0) continue;
      const Nodes::Seen& seen = nodes_.seen(cluster.nodes[node]);
      lease &= seen.lease;
      window &= seen.window;
    }
    held |= lease | window;
  }
  return held;
}

std::optional<std::string> Model::judge(Cluster& cluster) const {
  for (const Nodes::Id node : cluster.nodes) {
    if (setup_.regions_only) break;
    switch (nodes_.seen(node).broken) {
      case Nodes::Broken::nothing:
        break;
      case Nodes::Broken::older_epoch:
        return "a node votes in an epoch below that of its last vote";
      case Nodes::Broken::second_vote:
        return "a node votes for two regions in one epoch";
    }
  }
  const unsigned last = cluster.rest >> kLastEpochShift & 7;
  const unsigned last_region = cluster.rest >> kLastRegionShift & 1;
  const unsigned held = holders(cluster);
  if (held == 0) return {};
  unsigned regions = 0;
  unsigned lowest = 7;
  unsigned highest = 0;
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    if ((held >> gateway & 1) == 0) continue;
    regions |= 1U << setup_.region(gateway).value;
    lowest = std::min(lowest, epoch(cluster, gateway));
    highest = std::max(highest, epoch(cluster, gateway));
  }
  if (regions == 3) return "two regions hold unexpired leases";
  if (setup_.regions_only) return {};
  if (lowest < highest) return "leases of two epochs at one instant";
  if (highest < last) return "a lease in an epoch below that of an earlier lease";
  const unsigned region = regions - 1;
  if (highest == last && region != last_region) return "leases of two regions in one epoch";
  cluster.rest &= (1U << kLastEpochShift) - 1;
  cluster.rest |= highest << kLastEpochShift | region << kLastRegionShift;
  return {};
}

void Model::sort_nodes(Cluster& cluster) const {
  const auto order = [&](unsigned node) {
    const Nodes::Id here = cluster.nodes[node];
    const Nodes::Id next = cluster.nodes[node + 1];
    const bool swap = like_next_[node] && here > next;
    cluster.nodes[node] = swap ? next : here;
    cluster.nodes[node + 1] = swap ? here : next;
  };
  static_assert(kNodes == 3);
  order(0);
  order(1);
  order(0);
}

Cluster Model::renamed(const Cluster& cluster, unsigned renaming) {
  const Renaming& names = renamings_[renaming];
  Cluster out;
  for (unsigned node = 0; node < kNodes; ++node) {
    out.nodes[node] = nodes_.renamed(cluster.nodes[node], renaming);
  }
  out.rest = cluster.rest >> kLastEpochShift << kLastEpochShift;
  const bool any = (cluster.rest >> kLastEpochShift & 7) != 0;
  if (names.swap_regions && any) out.rest ^= 1U << kLastRegionShift;
  for (unsigned gateway = 0; gateway < setup_.gateway_count(); ++gateway) {
    out.rest |= (cluster.rest >> (4 * gateway) & 15) << (4 * names.gateway[gateway]);
  }
  return out;
}

Cluster Model::canonical(Cluster cluster) {
  sort_nodes(cluster);
  Cluster least = cluster;
  for (unsigned renaming = 0; renaming < renamings_.size(); ++renaming) {
    Cluster other = renamed(cluster, renaming);
    sort_nodes(other);
    least = std::min(least, other);
  }
  return least;
}

}  // namespace regent::exhaustive
