#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quorum/tree.h"
#include "topology/topology.h"

// How often each voter is the one that decides, beside what it weighs. Pure.
//
// A voter swings a set of the others when it wins with the voter and not without. Its power is the
// share of all sets in which it does (Penrose, "The elementary statistics of majority voting",
// 1946), and its Banzhaf index is that as a share of the power of all (Banzhaf, "Weighted voting
// doesn't work", 1965). Computed from generating functions over weights, group by group: in a tree
// a leaf swings when it swings its group, that one the group above, and so on (Owen, "Multilinear
// extensions and the Banzhaf value", 1975). So the cost is that of the sums, not of the sets.
namespace regent {

struct Voice {
  std::string name;          // "eu", "eu/n1"
  std::uint64_t weight = 0;  // in its own group; in the flat kinds a region's nodes together
  double power = 0;          // of all sets of the other voters, the share that it swings
  double index = 0;          // of the power of all voters of its kind
};

struct Power {
  std::vector<Voice> regions;  // by RegionId; each region votes as one
  std::vector<Voice> nodes;    // by NodeId
  bool exact = true;           // false: too many different sums; from kPowerDraws draws
};
inline constexpr std::size_t kPowerDraws = 20'000;  // so that power is right to 0.01 or so
Power power_of(const Topology& topology);

// The power of each leaf of a tree, by NodeId, up to the limit `nodes`. nullopt: too many sums.
std::optional<std::vector<double>> leaf_power(const Explanation& tree, std::size_t nodes);
// The same from draws of all votes.
std::vector<double> sampled_leaf_power(const Explanation& tree, std::size_t nodes);

}  // namespace regent
