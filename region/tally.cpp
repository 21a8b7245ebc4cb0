#include "region/tally.h"

#include <algorithm>

namespace regent {

namespace {

// Share of a heartbeat that answers of a region wait for each other.
constexpr int kWaitsPerHeartbeat = 10;

}  // namespace

Tally::Tally(const QuorumTree& tree, bool decides, Instant started, Duration wait)
    : ballot_(tree),
      answered_(tree),
      nodes_(tree.leaf_count()),
      decides_(decides),
      deadline_(started + wait) {}

void Tally::add(SignedAnswer answer) {
  const NodeId node = answer.answer.node;
  if (answered_.vote(node) != Vote::pending) return;
  const bool granted = answer.answer.verdict == Verdict::granted;
  answered_.set(node, Vote::granted);
  ballot_.set(node, granted ? Vote::granted : Vote::refused);
  ++answers_;
  untold_.push_back(std::move(answer));
}

std::vector<SignedAnswer> Tally::take(Instant now) {
  if (untold_.empty() || !due(now)) return {};
  told_ = true;
  return std::exchange(untold_, {});
}

bool Tally::due(Instant now) const {
  if (answers_ >= nodes_ || now >= deadline_) return true;
  return decides_ && !told_ && ballot_.outcome() != Outcome::pending;
}

Instant Tally::next_deadline() const {
  return untold_.empty() ? kNever : deadline_;
}

Tallies::Tallies(const Topology& topology, RegionId region)
    : topology_(topology), region_(region), tree_(region_tree(topology, region)) {}

bool Tallies::open(RoundId round, std::uint64_t asker, Instant now) {
  if (open_.contains(round)) return false;
  if (open_.size() >= kMaxRounds) {
    open_.erase(std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a.second.started < b.second.started;
    }));
  }
  const bool decides = topology_.kind == QuorumKind::hierarchical;
  const Duration wait = topology_.timing.heartbeat / kWaitsPerHeartbeat;
  open_.emplace(round, Open{asker, now, Tally(tree_, decides, now, wait)});
  return true;
}

void Tallies::add(const TallyMessage& message) {
  const auto found = open_.find(message.round);
  if (found == open_.end()) return;
  for (const SignedAnswer& answer : message.answers) {
    const NodeId node = answer.answer.node;
    if (node.value >= topology_.nodes.size() || topology_.node(node).region != region_) continue;
    if (answer.answer.question.round != message.round) continue;
    found->second.tally.add(answer);
  }
}

std::vector<Tallies::Due> Tallies::take(Instant now) {
  std::vector<Due> due;
  for (auto& [round, open] : open_) {
    auto answers = open.tally.take(now);
    if (!answers.empty()) due.push_back({open.asker, {round, std::move(answers)}});
  }
  std::erase_if(open_, [&](const auto& entry) {
    return now - entry.second.started > topology_.timing.lease;
  });
  return due;
}

Instant Tallies::next_deadline() const {
  Instant next = kNever;
  for (const auto& [round, open] : open_) next = std::min(next, open.tally.next_deadline());
  return next;
}

QuorumTree region_tree(const Topology& topology, RegionId region) {
  const TopologyRegion& model = topology.region(region);
  const bool hierarchical = topology.kind == QuorumKind::hierarchical;
  // Weight 0, because a region may consist of observers only: its tree is then never won.
  Group root{model.name, 0, kNoNode, {}};
  const auto leaf = [&](NodeId id) {
    const TopologyNode& node = topology.node(id);
    const bool equal = topology.kind == QuorumKind::majority;
    return Group{node.name, equal ? 1 : node.weight, id, {}};
  };
  for (const TopologyZone& zone : model.zones) {
    Group group{zone.name, zone.weight, kNoNode, {}};
    for (NodeId id : model.nodes) {
      if (hierarchical && topology.node(id).zone == zone.name) group.children.push_back(leaf(id));
    }
    if (!group.children.empty()) root.children.push_back(std::move(group));
  }
  for (NodeId id : model.nodes) {
    if (!hierarchical || topology.node(id).zone.empty()) root.children.push_back(leaf(id));
  }
  if (root.children.empty()) return {};
  auto tree = QuorumTree::build(root);
  CHECK(tree.ok());  // the topology was checked when it was loaded
  return std::move(tree).value();
}

}  // namespace regent
