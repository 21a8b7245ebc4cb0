// Looks for two won sets of nodes without a common node in every small quorum tree.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>

#include "tests/simulation/exhaustive/trees.h"

namespace {

using regent::Group;
using regent::exhaustive::kMaxLeaves;
using regent::exhaustive::TreeBounds;

std::string describe(const Group& group) {
  std::string text = std::to_string(group.weight);
  if (group.children.empty()) return text;
  text += "(";
  for (const Group& child : group.children) {
    text += describe(child) + (&child == &group.children.back() ? ")" : " ");
  }
  return text;
}

struct Figures {
  std::uint64_t trees = 0;
  std::uint64_t stands_for = 0;
  std::uint64_t sets = 0;
  std::uint64_t won = 0;
};

// False at the first tree that breaks a rule.
bool check(const TreeBounds& bounds) {
  const std::clock_t start = std::clock();
  Figures figures;
  std::string broken;
  for_each_tree(bounds, [&](const Group& tree, unsigned leaves, std::uint64_t stands_for) {
    if (!broken.empty()) return;
    const std::uint64_t won = regent::exhaustive::won_sets(tree, leaves);
    ++figures.trees;
    figures.stands_for += stands_for;
    figures.sets += std::uint64_t{1} << leaves;
    figures.won += static_cast<unsigned>(__builtin_popcountll(won));
    if (!regent::exhaustive::monotone(won, leaves)) broken = "a further grant loses: ";
    if (!regent::exhaustive::intersecting(won, leaves)) broken = "two won sets share no node: ";
    if (!broken.empty()) broken += describe(tree);
  });
  std::printf("up to %u nodes, %u levels below the root, weights 0..%llu, %s:\n", bounds.leaves,
              bounds.levels, static_cast<unsigned long long>(bounds.max_weight),
              bounds.merge ? "alike groups merged" : "every tree");
  std::printf("  %llu trees", static_cast<unsigned long long>(figures.trees));
  if (bounds.merge) {
    std::printf(" that stand for %llu", static_cast<unsigned long long>(figures.stands_for));
  }
  std::printf(", %llu sets of nodes, %llu of them won; %.1f s of one core\n",
              static_cast<unsigned long long>(figures.sets),
              static_cast<unsigned long long>(figures.won),
              static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  if (!broken.empty()) std::printf("violation: %s\n", broken.c_str());
  return broken.empty();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Quorum intersection over all small trees; without options: every tree of 6 nodes and 2 "
      "levels, every tree of 4 nodes and 3 levels, and 6 nodes and 3 levels with alike groups "
      "merged"};
  TreeBounds bounds;
  auto* leaves = app.add_option("--leaves", bounds.leaves, "nodes, at most")
                     ->check(CLI::Range(1U, kMaxLeaves));
  auto* levels = app.add_option("--levels", bounds.levels, "levels below the root, at most")
                     ->check(CLI::Range(1, 5));
  app.add_option("--max-weight", bounds.max_weight, "of groups and nodes")->check(CLI::Range(1, 9));
  app.add_flag("--merge", bounds.merge, "look once at groups that the same sets win");
  CLI11_PARSE(app, argc, argv);
  if (leaves->count() + levels->count() > 0) return check(bounds) ? 0 : 1;
  const std::uint64_t weight = bounds.max_weight;
  const bool holds =
      check({6, 2, weight, false}) && check({4, 3, weight, false}) && check({6, 3, weight, true});
  return holds ? 0 : 1;
}
