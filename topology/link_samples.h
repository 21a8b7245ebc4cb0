#pragma once

#include "topology/link_search.h"

namespace regent {

inline constexpr std::size_t kLinkSamples = 10'000;

// What cut_share() is, from kLinkSamples draws. Draws only what LinkBound counts, so that the
// answer is a part of the bound, however small that is (importance sampling). Internal to the
// analysis of availability.
SampledShare sampled_cut_share(const std::vector<RegionChances>& regions, std::uint64_t needed,
                               const LinkShares& down);

}  // namespace regent
