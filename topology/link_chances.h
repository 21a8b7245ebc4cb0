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

// A lower bound for any number of regions: the probability that one of the two best candidates can
// lead, or the best one where the two have too many sums.
double best_two_over_links(const std::vector<RegionChances>& regions, std::uint64_t needed,
                           const std::vector<std::vector<double>>& down);

}  // namespace regent
