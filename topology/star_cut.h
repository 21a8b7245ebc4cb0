#pragma once

#include <cstdint>
#include <optional>
#include <vector>

// The chance that links alone keep everybody from being primary. Internal to the analysis of
// availability.
namespace regent {

// `down[a][b]`: the share of the time without the link of the regions a and b, either way round.
using LinkShares = std::vector<std::vector<double>>;

// What one region brings at a moment.
struct Standing {
  std::size_t region = 0;
  std::uint64_t weight = 0;
  bool leads = false;  // it could be primary
};

// By region: regions of one number can change places as far as links go.
std::vector<std::size_t> kinds_of_regions(const LinkShares& down);

inline constexpr std::size_t kMostStars = 12;  // regions with a weight, or that lead

// The probability that none of those who lead has `needed` with the weights of the regions that its
// own links reach. Exact but for rounding.
//
// A leader's links are decided at once, one leader after the other; of the leaders still to come
// only what each is missing is kept, rounded up to what can still come. Leaders that have the same
// links, weight and lack are taken together, so that equal regions cost little. nullopt: more than
// `steps` or kMostStars; those taken are subtracted from `steps`.
std::optional<double> star_cut(const std::vector<Standing>& standings, std::uint64_t needed,
                               const LinkShares& down, const std::vector<std::size_t>& kinds,
                               std::size_t& steps);

// At most that, soon: by the links of the kMostJudges heaviest leaders alone. The weights are
// enough together.
inline constexpr std::size_t kMostJudges = 4;
double star_cut_bound(std::vector<Standing> standings, std::uint64_t needed,
                      const LinkShares& down);

}  // namespace regent
