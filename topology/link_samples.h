#pragma once

#include "topology/link_search.h"

namespace regent {

inline constexpr std::size_t kLinkSamples = 10'000;
inline constexpr std::size_t kFewestLinkSamples = 100;
inline constexpr std::size_t kMaxDrawnLinks = 20'000'000;

// How many draws of all links between so many regions there are: kLinkSamples as long as that is no
// more than kMaxDrawnLinks, and of more regions fewer, down to kFewestLinkSamples.
std::size_t link_samples(std::size_t regions);

// What cut_share() is, from link_samples() draws. Draws only what LinkBound counts, so that the
// answer is a part of the bound, however small that is (importance sampling). Internal to the
// analysis of availability.
SampledShare sampled_cut_share(const std::vector<RegionChances>& regions, std::uint64_t needed,
                               const LinkShares& down);

}  // namespace regent
