#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "topology/topology.h"

// How much of the time there is a primary, from how much of the time each part is down. Pure.
//
// The model: regions, nodes and the links between two regions fail independently. A region that is
// down takes its nodes and gateways along; gateways themselves do not fail, since a region can have
// several. There is a primary when some region may be primary, has more than half of its own nodes,
// and wins the vote with the regions that its links reach: gateways ask each other directly, so a
// detour over a third region does not help. The time of a failover itself is not counted.
namespace regent {

// Shares of the time, 0 to 1, in which a part is down.
struct Failures {
  double region = 0.001;
  double node = 0.01;
  double link = 0.001;

  std::vector<double> of_region;             // by RegionId
  std::vector<double> of_node;               // by NodeId; while its region is up
  std::vector<std::vector<double>> of_link;  // by the two RegionIds, either way round

  // The same for all of a kind.
  static Failures everywhere(const Topology& topology, double region, double node, double link);
  // Words of a user, in any order: WHAT=SHARE, where WHAT is region, node or link (all of them),
  // REGION, REGION/NODE or REGION~REGION, and SHARE is 0.001 or 0.1%. Of two words for the same the
  // last one counts. Errors name the word.
  Status set(const Topology& topology, std::vector<std::string> words);
  // The parts whose share is not that of all of their kind, by their names in such a word.
  std::map<std::string, double> exceptions(const Topology& topology) const;
};

inline constexpr double kMinutesPerYear = 365.25 * 24 * 60;

// The share of the time without a primary.
struct Unavailability {
  enum class Method : std::uint8_t {
    exact,     // but for rounding: the bounds differ by no more than kRounding of them
    bounds,    // they differ by more, and samples would not say more
    sampling,  // they differ by more, and samples by less
  };
  Method method = Method::bounds;
  double least = 0;  // these bounds are certain, whatever the method
  double most = 1;
  double guess = 1;         // the best one
  double likely_least = 0;  // by sampling: in 99 of 100 cases it is between these
  double likely_most = 1;

  bool exact() const { return method == Method::exact; }
  // Takes what samples say, as far as that is narrower.
  void narrow(double from, double middle, double to);
};
inline constexpr double kRounding = 1e-9;
inline constexpr double kCloseBounds = 1e-4;

// Exact for any tree when links do not fail, as long as the weights do not have too many sums
// (lost_votes.h); where links do, too, as long as what they leave can be gone through
// (link_search.h): trees of regions, and votes of 9 x 9 nodes of equal or nearly equal weight at
// shares as they are usual. Beyond, between bounds, and where these are further apart than
// kCloseBounds of them, by samples as well.
Unavailability unavailability_of(const Topology& topology, const Failures& failures);

// The same nodes under a plain majority, to compare with.
Topology as_majority(const Topology& topology);

}  // namespace regent
