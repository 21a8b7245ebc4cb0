#include "topology/cut_games.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace regent {

std::string CutGames::winners(std::vector<Standing>& standings, std::uint64_t needed) const {
  std::sort(standings.begin(), standings.end(), [this](const Standing& a, const Standing& b) {
    return std::tuple(kinds_[a.region], a.leads, a.weight, a.region) >
           std::tuple(kinds_[b.region], b.leads, b.weight, b.region);
  });
  std::array<std::uint64_t, std::size_t{1} << kMostStars> sums;
  sums[0] = 0;
  std::size_t sets = 1;
  std::string name;
  for (const Standing& standing : standings) {
    name += static_cast<char>(2 * kinds_[standing.region] + (standing.leads ? 1 : 0));
    for (std::size_t i = 0; i < sets; ++i) sums[sets + i] = sums[i] + standing.weight;
    sets *= 2;
  }
  for (std::size_t i = 0; i < sets; i += 8) {
    unsigned bits = 0;
    for (std::size_t k = i; k < std::min(i + 8, sets); ++k) {
      bits = 2 * bits + (sums[k] >= needed ? 1 : 0);
    }
    name += static_cast<char>(bits);
  }
  return name;
}

}  // namespace regent
