#pragma once

#include <string>
#include <vector>

#include "topology/topology.h"

// Whether one topology can follow another while processes run, and by which steps. Pure.
//
// While a change is rolled out, some nodes run the old file and some the new; votes of the two
// never count together. Two primaries need a quorum of old nodes and one of new nodes without a
// common node, since a node that has changed over keeps its promises: its disk outlives the
// restart. So a change is safe in one step exactly when every quorum of the one meets every quorum
// of the other. That is the rule of reconfiguration by overlapping quorums (Lamport, Malkhi, Zhou,
// "Vertical Paxos and primary-backup replication", 2009; Ongaro, "Consensus: Bridging theory and
// practice", 2014, section 4.1: single-server changes). A node is the same one when region and name
// are.
namespace regent {

struct Meeting {
  bool always = false;  // every quorum of one meets every quorum of the other
  // False: there are too many sums to tell, and the answer given is the careful one.
  bool exact = true;
  // If not: two quorums without a common node, without nodes that they do not need.
  std::vector<std::string> old_quorum;
  std::vector<std::string> new_quorum;
};

// Looks for a split of all nodes into two sides of which the one wins the old tree and the other
// the new. Regions are independent of each other but for what they bring, so each is reduced to the
// pairs (brought to the old vote, brought to the new) of which no other is better in both; a
// dynamic program over regions keeps the same of their sums (Nemhauser, Ullmann, "Discrete dynamic
// programming and capital allocation", 1969). Exact while no list exceeds kMaxPairs, and for
// regions with zones of up to kMaxSplitNodes nodes.
inline constexpr std::size_t kMaxPairs = 20'000;
inline constexpr std::size_t kMaxSplitNodes = 14;
Meeting quorums_meet(const Topology& before, const Topology& after);

// What differs in who votes with what weight, one line each: "regions.eu.weight: 1 -> 2".
std::vector<std::string> vote_changes(const Topology& before, const Topology& after);

struct Transition {
  Meeting meeting;  // of the two ends
  // Files to go through, the last of which votes as the new one does: each is safe after the one
  // before it, but may survive less than either end. Only what votes depend on is filled in. Empty:
  // no such way was found in kMaxTransitionSteps steps, so everything has to be stopped in between.
  std::vector<Topology> steps;
};
inline constexpr std::size_t kMaxTransitionSteps = 50;
Transition plan_transition(const Topology& before, const Topology& after);

}  // namespace regent
