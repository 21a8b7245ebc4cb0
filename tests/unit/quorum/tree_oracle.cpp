#include "tests/unit/quorum/tree_oracle.h"

#include <string>

namespace regent::oracle {
namespace {

void number_leaves(Group& group, std::uint32_t& next) {
  if (group.children.empty()) {
    group.leaf = NodeId{next};
    group.name = "n" + std::to_string(next++);
  }
  for (std::size_t i = 0; i < group.children.size(); ++i) {
    group.children[i].name = "g" + std::to_string(i);
    number_leaves(group.children[i], next);
  }
}

// A group with weight in which nothing has weight.
bool has_useless_group(const Group& group) {
  if (group.leaf != kNoNode) return false;
  std::uint64_t total = 0;
  for (const Group& child : group.children) {
    if (has_useless_group(child)) return true;
    total += child.weight;
  }
  return total == 0 && group.weight > 0;
}

struct Part {
  Group group;
  unsigned leaves = 0;
};

// Adds to `out` every multiset of parts, from `first` on, with `leaves` leaves in total.
void choose(const std::vector<Part>& parts, std::size_t first, unsigned leaves, Group& chosen,
            std::vector<Group>& out) {
  if (leaves == 0) {
    out.push_back(chosen);
    return;
  }
  for (std::size_t i = first; i < parts.size(); ++i) {
    if (parts[i].leaves > leaves) continue;
    chosen.children.push_back(parts[i].group);
    choose(parts, i, leaves - parts[i].leaves, chosen, out);
    chosen.children.pop_back();
  }
}

std::vector<Group> groups(unsigned leaves, unsigned levels, std::uint64_t max_weight) {
  std::vector<Part> parts;
  for (std::uint64_t weight = 0; weight <= max_weight; ++weight) {
    parts.push_back(
        {.group = {.name = "", .weight = weight, .leaf = NodeId{0}, .children = {}}, .leaves = 1});
    for (unsigned below = 1; levels > 1 && below <= leaves; ++below) {
      for (Group& group : groups(below, levels - 1, max_weight)) {
        group.weight = weight;
        parts.push_back({.group = group, .leaves = below});
      }
    }
  }
  std::vector<Group> out;
  Group chosen;
  choose(parts, 0, leaves, chosen, out);
  return out;
}

}  // namespace

bool wins(const Group& group, NodeSet granted) {
  if (group.leaf != kNoNode) return (granted >> group.leaf.value & 1) != 0;
  std::uint64_t total = 0;
  std::uint64_t won = 0;
  for (const Group& child : group.children) {
    total += child.weight;
    if (wins(child, granted)) won += child.weight;
  }
  return won + won > total;
}

bool refused(const Group& root) {
  return has_useless_group(root);
}

Outcome outcome(const std::vector<bool>& winning, NodeSet granted, NodeSet pending) {
  bool some_win = false;
  bool all_win = true;
  NodeSet late = pending;
  while (true) {
    if (winning[granted | late]) {
      some_win = true;
    } else {
      all_win = false;
    }
    if (late == 0) break;
    late = (late - 1) & pending;
  }
  if (all_win) return Outcome::won;
  return some_win ? Outcome::pending : Outcome::lost;
}

std::vector<bool> winning_sets(const Group& root, unsigned count) {
  std::vector<bool> winning(std::size_t{1} << count);
  for (NodeSet set = 0; set < winning.size(); ++set) winning[set] = wins(root, set);
  return winning;
}

std::vector<Group> all_trees(unsigned leaves, unsigned levels, std::uint64_t max_weight) {
  std::vector<Group> trees = groups(leaves, levels, max_weight);
  for (Group& tree : trees) {
    std::uint32_t next = 0;
    tree.name = "cluster";
    number_leaves(tree, next);
  }
  return trees;
}

}  // namespace regent::oracle
