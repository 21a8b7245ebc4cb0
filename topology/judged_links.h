#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "topology/sampling.h"
#include "topology/star_cut.h"

namespace regent {

// The links of some regions, the judges: how likely each of them has many of its links down, and a
// draw of the links of which that is true. Internal to the analysis of availability.
class JudgedLinks {
 public:
  // `down` must outlive this. At most six judges or so: the links among them are gone through.
  JudgedLinks(std::vector<std::size_t> judges, const LinkShares& down);

  // The probability that each judge has more than `spare` links down; at most as many as there are.
  double each_above(std::size_t spare) const;

  // By two regions, either way round: whether their link is up.
  using Links = std::vector<std::vector<bool>>;
  // Draws all links, as they are when each judge has more than `spare` of them down.
  void draw(std::size_t spare, Random& random, Links& up) const;

 private:
  // Which of the links among the judges are down, as bits of their places in `shared_`.
  using Among = std::uint32_t;
  Among patterns() const { return Among{1} << shared_.size(); }
  double probability(Among cut, std::size_t spare) const;
  // How many of judge a's other links have to be down then.
  std::size_t missing(Among cut, std::size_t spare, std::size_t a) const;

  std::vector<std::size_t> judges_;
  const LinkShares& down_;
  std::vector<std::pair<std::size_t, std::size_t>> shared_;  // places in judges_
  std::vector<std::size_t> others_;                          // regions that are no judges
  // By judge, and the place in others_: the probability that at least so many of the judge's links
  // to the others from there on are down.
  std::vector<std::vector<std::vector<double>>> at_least_;
};

}  // namespace regent
