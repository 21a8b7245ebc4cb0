#pragma once

#include <optional>
#include <string>
#include <vector>

#include "topology/star_cut.h"

namespace regent {

// Votes as simple games: where the same sets of regions win, the same links decide, whatever the
// weights are. Internal to the analysis of availability.
class CutGames {
 public:
  // `down` must outlive this.
  explicit CutGames(const LinkShares& down) : down_(down), kinds_(kinds_of_regions(down)) {}

  // A name that two votes share only if their links are cut with the same probability: a byte for
  // each region, and a bit for each set of them, so that its length tells how many there are. At
  // most kMostStars regions; sorts them, since those of one kind can change places.
  std::string winners(std::vector<Standing>& standings, std::uint64_t needed) const;

  // star_cut() and its bound.
  std::optional<double> cut(const std::vector<Standing>& standings, std::uint64_t needed,
                            std::size_t& steps) const {
    return star_cut(standings, needed, down_, kinds_, steps);
  }
  double bound(const std::vector<Standing>& standings, std::uint64_t needed) const {
    return star_cut_bound(standings, needed, down_);
  }

 private:
  const LinkShares& down_;
  const std::vector<std::size_t> kinds_;
};

}  // namespace regent
