#pragma once

#include "topology/link_bound.h"
#include "topology/sampling.h"

namespace regent {

// Each of these costs some tenths of a second at most: decided links of one leader, entries kept
// from one region to the next, and entries looked at for that.
inline constexpr std::size_t kMaxLinkSteps = 600'000;
inline constexpr std::size_t kMaxBeginnings = 80'000;
inline constexpr std::size_t kMaxContinuations = 1'000'000;

// How much of the time the regions would win the vote with perfect links, and do not with those
// they have. Internal to the analysis of availability.
//
// Goes through what the regions can bring, region by region; beginnings that differ only by regions
// that can change places are one. Then, the weightiest first, through the links of the games that
// they are (CutGames). What is left out, because it cannot be seen beside `lost` or because there
// would be more than kMaxBeginnings, kMaxContinuations or kMaxLinkSteps, is between nothing and its
// bound.
// `lost`: the share of the time that is without a primary anyhow.
ShareBounds cut_share(const std::vector<RegionChances>& regions, std::uint64_t needed,
                      const LinkShares& down, double lost);

}  // namespace regent
