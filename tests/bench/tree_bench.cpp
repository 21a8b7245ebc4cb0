// Cost of adding up votes: a small tree from scratch, and a large one after one more vote.

#include <benchmark/benchmark.h>

#include "quorum/tree.h"

namespace regent {
namespace {

QuorumTree regions(std::uint32_t region_count, std::uint32_t nodes_each) {
  Group root{.name = "cluster", .weight = 1, .leaf = kNoNode, .children = {}};
  std::uint32_t next = 0;
  for (std::uint32_t r = 0; r < region_count; ++r) {
    Group region{.name = "r" + std::to_string(r), .weight = 1, .leaf = kNoNode, .children = {}};
    for (std::uint32_t n = 0; n < nodes_each; ++n) {
      region.children.push_back(
          {.name = "n" + std::to_string(n), .weight = 1, .leaf = NodeId{next++}, .children = {}});
    }
    root.children.push_back(std::move(region));
  }
  return QuorumTree::build(root).value();
}

// Goal: at most 100 ns.
void whole_evaluation_of_9_nodes(benchmark::State& state) {
  const QuorumTree tree = regions(3, 3);
  Ballot ballot(tree);
  for (auto _ : state) {
    ballot.reset();
    for (std::uint32_t node = 0; node < 9; ++node) {
      Vote vote = node % 3 == 2 ? Vote::refused : Vote::granted;
      benchmark::DoNotOptimize(vote);
      ballot.set(NodeId{node}, vote);
    }
    benchmark::DoNotOptimize(ballot.outcome());
  }
}
BENCHMARK(whole_evaluation_of_9_nodes);

// Goal: at most 20 us. The vote that changes is the one that turns its region and the whole tree,
// which is the longest path there is.
void one_vote_of_10000_nodes(benchmark::State& state) {
  const QuorumTree tree = regions(100, 100);
  Ballot ballot(tree);
  for (std::uint32_t region = 0; region < 50; ++region) {
    for (std::uint32_t node = 0; node < 51; ++node) {
      ballot.set(NodeId{region * 100 + node}, Vote::granted);
    }
  }
  for (std::uint32_t node = 0; node < 50; ++node) ballot.set(NodeId{5000 + node}, Vote::granted);
  bool granted = false;
  for (auto _ : state) {
    granted = !granted;
    ballot.set(NodeId{5050}, granted ? Vote::granted : Vote::pending);
    benchmark::DoNotOptimize(ballot.outcome());
  }
}
BENCHMARK(one_vote_of_10000_nodes);

void whole_evaluation_of_10000_nodes(benchmark::State& state) {
  const QuorumTree tree = regions(100, 100);
  Ballot ballot(tree);
  for (auto _ : state) {
    ballot.reset();
    for (std::uint32_t node = 0; node < 10'000; ++node) ballot.set(NodeId{node}, Vote::granted);
    benchmark::DoNotOptimize(ballot.outcome());
  }
}
BENCHMARK(whole_evaluation_of_10000_nodes);

}  // namespace
}  // namespace regent

BENCHMARK_MAIN();
