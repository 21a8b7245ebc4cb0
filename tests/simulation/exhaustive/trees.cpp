#include "tests/simulation/exhaustive/trees.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "quorum/check.h"

namespace regent::exhaustive {
namespace {

// A group's children, or a node, with its weight in the group above.
struct Part {
  Group group;
  unsigned leaves = 0;
  std::uint64_t stands_for = 1;
};

using Visit = std::function<void(const Group&, unsigned, std::uint64_t)>;

void number_leaves(Group& group, std::uint32_t& next) {
  if (group.children.empty()) group.leaf = NodeId{next++};
  for (Group& child : group.children) number_leaves(child, next);
}

bool weightless(const Group& group) {
  return std::all_of(group.children.begin(), group.children.end(),
                     [](const Group& child) { return child.weight == 0; });
}

// Visits every multiset of parts, from `first` on, with up to `room` more leaves. Parts are sorted
// by their leaves.
void choose(const std::vector<Part>& parts, std::size_t first, unsigned room, Group& chosen,
            unsigned leaves, std::uint64_t stands_for, const Visit& visit) {
  if (leaves > 0) visit(chosen, leaves, stands_for);
  for (std::size_t i = first; i < parts.size(); ++i) {
    const Part& part = parts[i];
    if (part.leaves > room) break;
    std::uint64_t ways = 1;  // of choosing `copies` among those it stands for, with repetition
    unsigned copies = 1;
    for (; copies * part.leaves <= room; ++copies) {
      ways = ways * (part.stands_for + copies - 1) / copies;
      chosen.children.push_back(part.group);
      choose(parts, i + 1, room - copies * part.leaves, chosen, leaves + copies * part.leaves,
             stands_for * ways, visit);
    }
    for (; copies > 1; --copies) chosen.children.pop_back();
  }
}

// The same won sets under the names of the nodes that make the number smallest.
std::uint64_t unnamed(std::uint64_t won, unsigned leaves) {
  std::vector<unsigned> names(leaves);
  std::iota(names.begin(), names.end(), 0U);
  std::uint64_t least = won;
  do {
    std::uint64_t renamed = 0;
    for (unsigned set = 0; set < 1U << leaves; ++set) {
      if ((won >> set & 1) == 0) continue;
      unsigned image = 0;
      for (unsigned leaf = 0; leaf < leaves; ++leaf) image |= (set >> leaf & 1) << names[leaf];
      renamed |= std::uint64_t{1} << image;
    }
    least = std::min(least, renamed);
  } while (std::next_permutation(names.begin(), names.end()));
  return least;
}

Group numbered(Group group) {
  std::uint32_t next = 0;
  number_leaves(group, next);
  group.weight = weightless(group) ? 0 : 1;
  return group;
}

std::vector<Part> groups(const TreeBounds& bounds, unsigned levels);

// What may stand in a group with `levels` levels below it.
std::vector<Part> children(const TreeBounds& bounds, unsigned levels) {
  std::vector<Part> contents;
  if (levels > 1) contents = groups(bounds, levels - 1);
  std::vector<Part> out;
  for (std::uint64_t weight = 0; weight <= bounds.max_weight; ++weight) {
    Group leaf;
    leaf.weight = weight;
    leaf.leaf = NodeId{0};
    out.push_back({leaf, 1, 1});
    for (Part part : contents) {
      if (weight > 0 && weightless(part.group)) continue;
      part.group.weight = weight;
      out.push_back(std::move(part));
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Part& one, const Part& two) { return one.leaves < two.leaves; });
  return out;
}

std::vector<Part> groups(const TreeBounds& bounds, unsigned levels) {
  std::vector<Part> out;
  std::map<std::pair<unsigned, std::uint64_t>, std::size_t> known;
  std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> names;
  Group chosen;
  const Visit keep = [&](const Group& group, unsigned leaves, std::uint64_t stands_for) {
    if (bounds.merge) {
      const std::uint64_t won = won_sets(numbered(group), leaves);
      const auto [name, unseen] = names.try_emplace({leaves, won}, 0);
      if (unseen) name->second = unnamed(won, leaves);
      const auto [entry, added] = known.try_emplace({leaves, name->second}, out.size());
      if (!added) {
        out[entry->second].stands_for += stands_for;
        return;
      }
    }
    out.push_back({group, leaves, stands_for});
  };
  choose(children(bounds, levels), 0, bounds.leaves, chosen, 0, 1, keep);
  return out;
}

}  // namespace

void for_each_tree(const TreeBounds& bounds, const Visit& visit) {
  CHECK(bounds.leaves >= 1 && bounds.leaves <= kMaxLeaves && bounds.levels >= 1);
  Group chosen;
  choose(children(bounds, bounds.levels), 0, bounds.leaves, chosen, 0, 1,
         [&](const Group& group, unsigned leaves, std::uint64_t stands_for) {
           visit(numbered(group), leaves, stands_for);
         });
}

// One vote changes from a set to the next (Gray code), so each costs one Ballot::set.
std::uint64_t won_sets(const Group& root, unsigned leaves) {
  const Result<QuorumTree> tree = QuorumTree::build(root);
  CHECK(tree.ok());
  Ballot ballot(tree.value());
  std::uint64_t won = 0;
  unsigned set = 0;
  for (unsigned step = 1;; ++step) {
    if (ballot.outcome() == Outcome::won) won |= std::uint64_t{1} << set;
    if (step == 1U << leaves) return won;
    const auto changed = static_cast<unsigned>(__builtin_ctz(step));
    set ^= 1U << changed;
    ballot.set(NodeId{changed}, (set >> changed & 1) != 0 ? Vote::granted : Vote::refused);
  }
}

bool monotone(std::uint64_t won, unsigned leaves) {
  for (unsigned set = 0; set < 1U << leaves; ++set) {
    if ((won >> set & 1) == 0) continue;
    for (unsigned leaf = 0; leaf < leaves; ++leaf) {
      if ((won >> (set | 1U << leaf) & 1) == 0) return false;
    }
  }
  return true;
}

bool intersecting(std::uint64_t won, unsigned leaves) {
  const unsigned all = (1U << leaves) - 1;
  for (unsigned set = 0; set <= all; ++set) {
    if ((won >> set & 1) != 0 && (won >> (all & ~set) & 1) != 0) return false;
  }
  return true;
}

}  // namespace regent::exhaustive
