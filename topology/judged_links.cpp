#include "topology/judged_links.h"

#include <algorithm>

namespace regent {
namespace {

// One link more, in front of those that `at_least` is about. Index: how many are down, at least.
std::vector<double> with_link(const std::vector<double>& at_least, double down) {
  std::vector<double> out(at_least.size() + 1, 1.0);
  for (std::size_t i = 1; i < out.size(); ++i) {
    out[i] = at_least[i - 1] * down + (i < at_least.size() ? at_least[i] * (1 - down) : 0);
  }
  return out;
}

}  // namespace

JudgedLinks::JudgedLinks(std::vector<std::size_t> judges, const LinkShares& down)
    : judges_(std::move(judges)), down_(down) {
  for (std::size_t i = 0; i < down.size(); ++i) {
    if (std::count(judges_.begin(), judges_.end(), i) == 0) others_.push_back(i);
  }
  for (std::size_t a = 0; a < judges_.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) shared_.emplace_back(a, b);
    auto& tails = at_least_.emplace_back(others_.size() + 1, std::vector<double>{1.0});
    for (std::size_t k = others_.size(); k-- > 0;) {
      tails[k] = with_link(tails[k + 1], down[judges_[a]][others_[k]]);
    }
  }
}

std::size_t JudgedLinks::missing(Among cut, std::size_t spare, std::size_t a) const {
  std::size_t among = 0;
  for (std::size_t k = 0; k < shared_.size(); ++k) {
    const bool own = shared_[k].first == a || shared_[k].second == a;
    among += own && (cut >> k & 1) != 0 ? 1 : 0;
  }
  return spare + 1 - std::min(spare + 1, among);
}

double JudgedLinks::probability(Among cut, std::size_t spare) const {
  double out = 1;
  for (std::size_t k = 0; k < shared_.size() && out > 0; ++k) {
    const double down = down_[judges_[shared_[k].first]][judges_[shared_[k].second]];
    out *= (cut >> k & 1) != 0 ? down : 1 - down;
  }
  for (std::size_t a = 0; a < judges_.size() && out > 0; ++a) {
    const std::size_t count = missing(cut, spare, a);
    out *= count < at_least_[a][0].size() ? at_least_[a][0][count] : 0;
  }
  return out;
}

double JudgedLinks::each_above(std::size_t spare) const {
  double out = 0;
  for (Among cut = 0; cut < patterns(); ++cut) out += probability(cut, spare);
  return out;
}

void JudgedLinks::draw(std::size_t spare, Random& random, Links& up) const {
  for (std::size_t i = 0; i < up.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) up[i][k] = up[k][i] = !happens(down_[i][k], random);
  }
  if (judges_.empty()) return;
  double left = each_above(spare) * draw_share(random);
  Among cut = 0;
  while (cut + 1 < patterns() && (left -= probability(cut, spare)) >= 0) ++cut;
  for (std::size_t k = 0; k < shared_.size(); ++k) {
    const std::size_t a = judges_[shared_[k].first];
    const std::size_t b = judges_[shared_[k].second];
    up[a][b] = up[b][a] = (cut >> k & 1) == 0;
  }
  for (std::size_t a = 0; a < judges_.size(); ++a) {
    std::size_t count = missing(cut, spare, a);
    for (std::size_t k = 0; k < others_.size() && count > 0; ++k) {
      const double down = down_[judges_[a]][others_[k]];
      const double is_down = down * at_least_[a][k + 1][count - 1] / at_least_[a][k][count];
      const bool lost = happens(is_down, random);
      up[judges_[a]][others_[k]] = up[others_[k]][judges_[a]] = !lost;
      count -= lost ? 1 : 0;
    }
  }
}

}  // namespace regent
