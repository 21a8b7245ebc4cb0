#pragma once

#include <optional>
#include <string>
#include <vector>

#include "topology/electorate.h"
#include "topology/smallest_sets.h"
#include "topology/topology.h"

// What a topology survives, worked out with the tree itself: every answer is exact, for trees of
// any size, except where a field says that it was not counted. Pure.
//
// A loss is fatal when it leaves no quorum, or a quorum but no region that may lead: one that may
// be primary and has more than half of its own nodes.
namespace regent {

// A group of nodes whose loss is fatal.
struct FatalLoss {
  std::string name;          // "eu", "eu/a" for a zone, "eu/n1" for a node; "a + b" for several
  bool quorum_lost = false;  // else: a quorum, but nobody who may be primary
};

// The smallest sets that do something, by names.
struct NamedSets {
  std::size_t size = 0;
  std::optional<std::uint64_t> count;  // as in SmallestSets
  std::vector<std::vector<std::string>> examples;
};

// What may still be lost of those that are up. Regions count as a whole, nodes one by one.
struct Losses {
  // The smallest sets whose loss leaves no quorum. Size 0: there is none already.
  NamedSets regions;
  NamedSets nodes;
  // The smallest sets whose loss leaves nobody who may lead.
  NamedSets leading_regions;
  NamedSets leading_nodes;

  // The size of the smallest fatal loss; so one less can be lost anywhere.
  std::size_t fatal_regions() const { return std::min(regions.size, leading_regions.size); }
  std::size_t fatal_nodes() const { return std::min(nodes.size, leading_nodes.size); }
};
Losses losses_of(const Topology& topology, const Turnout& turnout, std::size_t examples);

struct Survival {
  // What cannot be lost alone. Empty lists: any single one can.
  std::vector<FatalLoss> regions;
  std::vector<FatalLoss> zones;
  std::vector<FatalLoss> nodes;
  // Two regions of which neither is fatal alone; left empty beyond kMaxPairedRegions.
  std::vector<FatalLoss> pairs;
  bool pairs_listed = true;
  // One node in every region at once, the worst of each; none when that is survived.
  std::optional<FatalLoss> one_in_each;
  Losses losses;
  // The smallest sets that win the vote alone, whatever all others do.
  std::optional<NamedSets> winning_regions;
  std::optional<NamedSets> winning_nodes;
};
inline constexpr std::size_t kMaxPairedRegions = 100;
inline constexpr std::size_t kShownSets = 20;  // of each kind, at most
Survival survival_of(const Topology& topology);

}  // namespace regent
