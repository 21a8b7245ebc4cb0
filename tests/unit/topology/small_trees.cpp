#include "tests/unit/topology/small_trees.h"

#include <algorithm>
#include <vector>

namespace regent {
namespace {

struct Bounds {
  unsigned leaves = 0;
  unsigned levels = 0;  // below the root, at most
  std::uint64_t least_weight = 0;
  std::uint64_t most_weight = 0;
};

struct Part {
  Group group;
  unsigned leaves = 0;
};

bool weightless(const Group& group) {
  return std::all_of(group.children.begin(), group.children.end(),
                     [](const Group& child) { return child.weight == 0; });
}

// Every multiset of parts from `first` on with up to `room` more leaves; parts by rising leaves.
bool choose(const std::vector<Part>& parts, std::size_t first, unsigned room, Part& chosen,
            const std::function<bool(const Part&)>& visit) {
  if (chosen.leaves > 0 && !visit(chosen)) return false;
  for (std::size_t i = first; i < parts.size() && parts[i].leaves <= room; ++i) {
    chosen.group.children.push_back(parts[i].group);
    chosen.leaves += parts[i].leaves;
    const bool more = choose(parts, i, room - parts[i].leaves, chosen, visit);
    chosen.leaves -= parts[i].leaves;
    chosen.group.children.pop_back();
    if (!more) return false;
  }
  return true;
}

// What may stand in a group with `levels` levels below it.
std::vector<Part> parts_for(const Bounds& bounds, unsigned levels) {
  std::vector<Part> contents;
  if (levels > 1) {
    Part chosen;
    choose(parts_for(bounds, levels - 1), 0, bounds.leaves, chosen, [&](const Part& part) {
      contents.push_back(part);
      return true;
    });
  }
  std::vector<Part> out;
  for (std::uint64_t weight = bounds.least_weight; weight <= bounds.most_weight; ++weight) {
    out.push_back({{"", weight, NodeId{0}, {}}, 1});
    for (Part part : contents) {
      if (weight > 0 && weightless(part.group)) continue;
      part.group.weight = weight;
      out.push_back(std::move(part));
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Part& one, const Part& other) { return one.leaves < other.leaves; });
  return out;
}

void number_leaves(Group& group, std::uint32_t& next) {
  if (group.children.empty()) group.leaf = NodeId{next++};
  for (Group& child : group.children) number_leaves(child, next);
}

SmallTree made(const Part& part) {
  SmallTree out;
  out.root = part.group;
  out.root.leaf = kNoNode;
  out.root.weight = 0;  // all of its children may be observers
  out.leaves = part.leaves;
  std::uint32_t next = 0;
  number_leaves(out.root, next);
  Result<QuorumTree> tree = QuorumTree::build(out.root);
  CHECK(tree.ok());
  out.tree = std::move(tree).value();
  Ballot ballot(out.tree);
  for (std::uint32_t set = 0; set < 1U << out.leaves; ++set) {
    for (std::uint32_t i = 0; i < out.leaves; ++i) {
      ballot.set(NodeId{i}, (set >> i & 1) != 0 ? Vote::granted : Vote::refused);
    }
    out.won[set] = ballot.outcome() == Outcome::won;
  }
  return out;
}

std::string text_of(const Group& group) {
  std::string out;
  for (const Group& child : group.children) {
    out += (out.empty() ? "" : " ") + std::to_string(child.weight);
    if (!child.children.empty()) out += text_of(child);
  }
  return "(" + out + ")";
}

}  // namespace

std::string SmallTree::text() const {
  return text_of(root);
}

void for_each_small_tree(const std::function<bool(const SmallTree&)>& visit) {
  constexpr Bounds kSweeps[] = {
      {8, 1, 0, 5}, {8, 2, 1, 2}, {6, 2, 0, 2}, {8, 3, 1, 1}, {5, 3, 1, 2}};
  for (const Bounds& bounds : kSweeps) {
    Part chosen;
    const bool more = choose(parts_for(bounds, bounds.levels), 0, bounds.leaves, chosen,
                             [&](const Part& part) { return visit(made(part)); });
    if (!more) return;
  }
}

}  // namespace regent
