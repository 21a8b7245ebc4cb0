#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/exhaustive/model.h"

namespace regent::exhaustive {

// Visits every state that the model can reach, nearest first, so that the first broken rule comes
// with a shortest history. States are compared in full, not by a hash.
class Search {
 public:
  Search(Model& model, std::size_t max_states) : model_(model), max_states_(max_states) {}

  struct Report {
    bool finished = false;  // every reachable state was visited
    std::uint64_t states = 0;
    std::uint64_t steps = 0;             // tried, each from each state
    unsigned depth = 0;                  // of the state farthest from the start
    std::uint64_t held = 0;              // states in which some gateway has a lease
    std::uint64_t shared = 0;            // in which two of one region have
    std::vector<std::uint64_t> held_in;  // by epoch
    std::optional<std::string> violation;
    std::vector<std::string> history;  // how to get there
  };
  Report run();

 private:
  using Index = std::uint32_t;
  // Adds a state unless it is known.
  void add(const Cluster& cluster, std::uint64_t hash, Index parent);
  void grow_table();
  std::size_t place(const Cluster& cluster, std::uint64_t hash) const;
  bool expand(Index from);
  void count(const Cluster& cluster);
  void tell_history(Index from);

  Model& model_;
  std::size_t max_states_;
  std::vector<Cluster> states_;  // in the order of their distance
  std::vector<Index> parents_;
  std::vector<Index> table_;  // open addressing, by hash; kNone is free
  std::vector<Step> steps_;   // of the state at hand
  std::vector<std::uint64_t> hashes_;
  Report report_;
};

}  // namespace regent::exhaustive
