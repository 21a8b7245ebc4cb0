#include "quorum/tree.h"

#include <algorithm>

namespace regent {
namespace {

Outcome decide(std::uint64_t won, std::uint64_t lost, std::uint64_t total) {
  if (2 * won > total) return Outcome::won;
  if (2 * (total - lost) <= total) return Outcome::lost;
  return Outcome::pending;
}

Outcome outcome_of(Vote vote) {
  switch (vote) {
    case Vote::granted:
      return Outcome::won;
    case Vote::refused:
      return Outcome::lost;
    case Vote::pending:
      break;
  }
  return Outcome::pending;
}

Error invalid(const std::string& path, const std::string& problem) {
  return Error{ErrorCode::invalid, (path.empty() ? "quorum tree" : path) + ": " + problem};
}

}  // namespace

// Breadth first, so that the children of one group become neighbours and no depth of nesting can
// exhaust the stack.
Result<QuorumTree> QuorumTree::build(const Group& root) {
  QuorumTree tree;
  if (root.children.empty() && root.leaf == kNoNode) return tree;
  std::vector<const Group*> groups{&root};
  tree.sums_.push_back({.weight = root.weight, .total = 0, .parent = 0});
  tree.labels_.push_back({.name = root.name});
  for (Place place = 0; place < groups.size(); ++place) {
    const Group& group = *groups[place];
    const Status added =
        group.leaf == kNoNode ? tree.add_children(group, place) : tree.add_leaf(group, place);
    if (!added) return added.error();
    for (const Group& child : group.children) groups.push_back(&child);
  }
  return tree;
}

Status QuorumTree::add_children(const Group& group, Place place) {
  const auto first = static_cast<Place>(sums_.size());
  std::uint64_t total = 0;
  for (const Group& child : group.children) {
    sums_.push_back({.weight = child.weight, .total = 0, .parent = place});
    labels_.push_back({.name = child.name});
    if (child.weight > kMaxWeight) {
      return invalid(path(static_cast<Place>(sums_.size() - 1)),
                     "weight " + std::to_string(child.weight) + " is above the limit of " +
                         std::to_string(kMaxWeight) + "; divide all weights by a common factor");
    }
    total += child.weight;
  }
  sums_[place].total = total;
  labels_[place].first_child = first;
  labels_[place].child_count = static_cast<std::uint32_t>(group.children.size());
  if (total > 0) return Done{};
  if (group.weight > 0) {
    return invalid(path(place), "has weight " + std::to_string(group.weight) +
                                    " but nothing in it has; give a child weight or set it to 0");
  }
  never_won_.push_back(place);
  return Done{};
}

Status QuorumTree::add_leaf(const Group& group, Place place) {
  if (!group.children.empty()) {
    return invalid(path(place), "is a node and has children; it can only be one of both");
  }
  const std::uint32_t node = group.leaf.value;
  if (node >= kMaxNodes) {
    return invalid(path(place), "node id " + std::to_string(node) + " is not below the limit of " +
                                    std::to_string(kMaxNodes));
  }
  if (node >= place_of_leaf_.size()) place_of_leaf_.resize(node + 1, kNoPlace);
  if (place_of_leaf_[node] != kNoPlace) {
    return invalid(path(place), "is the same node as " + path(place_of_leaf_[node]) +
                                    "; a node may stand in one place only");
  }
  place_of_leaf_[node] = place;
  labels_[place].leaf = group.leaf;
  ++leaf_count_;
  return Done{};
}

std::string QuorumTree::path(Place place) const {
  if (place == 0) return labels_[0].name;
  std::string text = labels_[place].name;
  for (Place at = sums_[place].parent; at != 0; at = sums_[at].parent) {
    text.insert(0, labels_[at].name + "/");
  }
  return text;
}

Ballot::Ballot(const QuorumTree& tree) : tree_(&tree), counts_(tree.sums_.size()) {
  reset();
}

void Ballot::reset() {
  std::fill(counts_.begin(), counts_.end(), Count{});
  for (const QuorumTree::Place place : tree_->never_won_) counts_[place].outcome = Outcome::lost;
}

void Ballot::set(NodeId node, Vote vote) {
  if (node.value >= tree_->place_of_leaf_.size()) return;
  QuorumTree::Place place = tree_->place_of_leaf_[node.value];
  if (place == QuorumTree::kNoPlace) return;
  const QuorumTree::Sum* const sums = tree_->sums_.data();
  Count* const counts = counts_.data();
  Outcome now = outcome_of(vote);
  // Up from the leaf, as long as something changes. Unsigned arithmetic: an outcome taken back is
  // added before, so the sums never go below 0.
  while (true) {
    const Outcome before = counts[place].outcome;
    if (before == now) return;
    counts[place].outcome = now;
    if (place == 0) return;
    const std::uint64_t weight = sums[place].weight;
    place = sums[place].parent;
    Count& parent = counts[place];
    parent.won += weight * (now == Outcome::won) - weight * (before == Outcome::won);
    parent.lost += weight * (now == Outcome::lost) - weight * (before == Outcome::lost);
    now = decide(parent.won, parent.lost, sums[place].total);
  }
}

Vote Ballot::vote(NodeId node) const {
  if (node.value >= tree_->place_of_leaf_.size()) return Vote::pending;
  const QuorumTree::Place place = tree_->place_of_leaf_[node.value];
  if (place == QuorumTree::kNoPlace) return Vote::pending;
  switch (counts_[place].outcome) {
    case Outcome::won:
      return Vote::granted;
    case Outcome::lost:
      return Vote::refused;
    case Outcome::pending:
      break;
  }
  return Vote::pending;
}

Outcome Ballot::outcome() const {
  return counts_.empty() ? Outcome::lost : counts_[0].outcome;
}

Outcome Ballot::outcome(QuorumTree::Place place) const {
  CHECK(place < counts_.size());
  return counts_[place].outcome;
}

Explanation Explanation::of(const QuorumTree& tree, const Ballot& ballot) {
  CHECK(ballot.counts_.size() == tree.sums_.size());
  if (!tree.sums_.empty()) return of(tree, ballot, 0);
  Explanation nothing;
  nothing.outcome = Outcome::lost;
  nothing.needed = 1;
  nothing.margin = -1;
  return nothing;
}

Explanation Explanation::of(const QuorumTree& tree, const Ballot& ballot, QuorumTree::Place place) {
  const QuorumTree::Sum& sum = tree.sums_[place];
  const QuorumTree::Label& label = tree.labels_[place];
  const Ballot::Count& count = ballot.counts_[place];
  Explanation result;
  result.name = label.name;
  result.leaf = label.leaf;
  result.own_weight = sum.weight;
  result.outcome = count.outcome;
  if (label.leaf != kNoNode) {
    result.weight = count.outcome == Outcome::won ? sum.weight : 0;
    result.needed = sum.weight;
    result.total = sum.weight;
  } else {
    result.weight = count.won;
    result.needed = sum.total / 2 + 1;
    result.total = sum.total;
  }
  result.margin =
      static_cast<std::int64_t>(result.weight) - static_cast<std::int64_t>(result.needed);
  result.children.reserve(label.child_count);
  for (std::uint32_t i = 0; i < label.child_count; ++i) {
    result.children.push_back(of(tree, ballot, label.first_child + i));
  }
  return result;
}

std::vector<std::string> Explanation::missing() const {
  std::vector<std::string> paths;
  if (leaf != kNoNode) {
    if (outcome != Outcome::won) paths.push_back(name);
    return paths;
  }
  add_missing("", paths);
  return paths;
}

void Explanation::add_missing(const std::string& prefix, std::vector<std::string>& paths) const {
  for (const Explanation& child : children) {
    if (child.own_weight == 0) continue;
    if (child.leaf == kNoNode) {
      child.add_missing(prefix + child.name + "/", paths);
    } else if (child.outcome != Outcome::won) {
      paths.push_back(prefix + child.name);
    }
  }
}

}  // namespace regent
