#pragma once

#include <optional>
#include <vector>

#include "topology/region_chances.h"

// The probability that some region can lead when links between regions fail, too. Internal to the
// analysis of availability. `down[a][b]` is the share of the time without the link of a and b.
namespace regent {

// Exact: goes through every combination of the regions' states, and for each adds the links one by
// one to what the candidates have gathered so far, keeping the probability of each vector of sums
// (a dynamic program over the edges of a graph; a candidate that has enough, or can no longer get
// it, is not told apart any more). nullopt: more than kMaxLinkSteps steps.
std::optional<double> primary_over_links(const std::vector<RegionChances>& regions,
                                         std::uint64_t needed,
                                         const std::vector<std::vector<double>>& down);

// The share of the time without a primary, in three parts, for any number of regions and weights.
struct LinkBounds {
  double lost = 0;    // the sum of weights is too low, or nobody leads, whatever the links do
  double unsure = 0;  // the same, as far as rounding can tell
  double cut = 0;     // at most this much more because of links
};
// Goes through which regions lead. In the sums of weights (rounded down to one of kMaxLevels) it
// counts how many regions the primary can do without; each of the kMostJudges leading regions with
// the best links must have more links down than that, or one of them is primary.
inline constexpr std::size_t kMaxLevels = 1024;
inline constexpr std::size_t kMostJudges = 4;
LinkBounds bounds_over_links(const std::vector<RegionChances>& regions, std::uint64_t needed,
                             const std::vector<std::vector<double>>& down);

}  // namespace regent
