#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "topology/topology.h"

// What is wrong with the weights of a topology, group by group: voters that decide alone, voters
// that never matter, and sums that can be split evenly. Pure.
//
// A voter never matters when no set of the others loses without it and wins with it (a "dummy" of
// the simple game; Felsenthal, Machover, "The Measurement of Voting Power", 1998, chapter 2).
// Which sums the others can have is a reachability table over weights, so the answer is exact; a
// group whose weights are so large that the table would take more than kMaxFlawSteps is left out.
namespace regent {

enum class FlawKind : std::uint8_t {
  dictator,  // has more than half: decides alone, and nothing is decided without it
  dead,      // no outcome depends on it
  tie,       // the group can fall into two halves of which neither wins
};
const char* flaw_name(FlawKind kind);

struct Flaw {
  FlawKind kind = FlawKind::dead;
  std::string path;  // in the file: regions.eu
  std::string name;  // "eu", "eu/n1", "eu/a" for a zone
  std::string text;  // one sentence on what is wrong
  std::string mend;  // a change that mends it, in the imperative
  // A tie in which one region is a whole half: without that one nothing is decided.
  bool one_is_half = false;
};

inline constexpr std::uint64_t kMaxFlawSteps = 50'000'000;

// In the order of the tree, groups after their parts.
std::vector<Flaw> flaws_of(const Topology& topology);

// As a warning of the file, which names the path itself.
std::string warning_text(const Flaw& flaw);

}  // namespace regent
