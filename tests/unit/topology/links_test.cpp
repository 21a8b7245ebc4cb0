#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "topology/cut_games.h"
#include "topology/judged_links.h"
#include "topology/star_cut.h"

namespace regent {
namespace {

// Counted by going through all sets of links of eight regions.
TEST(StarCut, AgreesWithACountOfAllLinksOfEightRegions) {
  std::vector<Standing> standings;
  for (const std::uint64_t weight : {9, 9, 9, 9, 9, 8, 7, 5}) {
    standings.push_back({standings.size(), weight, true});
  }
  const LinkShares down(8, std::vector<double>(8, 0.3));
  std::size_t steps = 100'000;
  const auto found = star_cut(standings, 41, down, kinds_of_regions(down), steps);
  ASSERT_TRUE(found);
  EXPECT_NEAR(*found, 0.000467393444481, 1e-15);
  EXPECT_LT(steps, 100'000U);
  EXPECT_GE(star_cut_bound(standings, 41, down), *found);
  steps = 10;
  EXPECT_FALSE(star_cut(standings, 41, down, kinds_of_regions(down), steps));
}

std::vector<Standing> standing(const std::vector<std::uint64_t>& weights) {
  std::vector<Standing> out;
  for (const std::uint64_t weight : weights) out.push_back({out.size(), weight, true});
  return out;
}

// 5, 4, 3 with 7 needed is any two of three, as 1, 1, 1 with 2 is; and 5, 4, 2 is not.
TEST(CutGames, HaveOneNameWhereTheSameSetsWin) {
  const LinkShares down(3, std::vector<double>(3, 0.1));
  const CutGames games(down);
  const auto name = [&](std::vector<std::uint64_t> weights, std::uint64_t needed) {
    auto standings = standing(weights);
    return games.winners(standings, needed);
  };
  EXPECT_EQ(name({5, 4, 3}, 7), name({1, 1, 1}, 2));
  EXPECT_NE(name({5, 4, 2}, 7), name({1, 1, 1}, 2));
  EXPECT_NE(name({1, 1, 1}, 3), name({1, 1, 1}, 2));
  EXPECT_NE(name({1, 1}, 2), name({1, 1, 0}, 2));
  // Where links are alike it does not matter which region has which weight.
  EXPECT_EQ(name({5, 4, 2}, 7), name({2, 5, 4}, 7));
  auto witness = standing({5, 4, 3});
  witness[1].leads = false;
  EXPECT_NE(games.winners(witness, 7), name({5, 4, 3}, 7));

  LinkShares unlike = down;
  unlike[0][1] = unlike[1][0] = 0.2;
  const CutGames others(unlike);
  auto one = standing({5, 4, 2});
  auto other = standing({4, 2, 5});
  EXPECT_NE(others.winners(one, 7), others.winners(other, 7));
}

// Games of one name are cut equally often, whatever the weights, the links and who leads.
TEST(CutGames, OfOneNameAreCutAlike) {
  std::map<std::string, double> known;
  std::size_t again = 0;
  LinkShares down(4, std::vector<double>(4, 0.3));
  down[3][0] = down[0][3] = down[3][1] = down[1][3] = down[3][2] = down[2][3] = 0.1;
  const CutGames games(down);
  for (std::uint64_t code = 0; code < 4 * 4 * 4 * 4 * 8; ++code) {
    const std::uint64_t needed = 1 + code % 8;
    std::vector<Standing> standings;
    for (std::uint64_t i = 0, rest = code / 8; i < 4; ++i, rest /= 4) {
      standings.push_back({i, rest % 4, (code / 8 + i) % 3 != 0});
    }
    const std::string name = games.winners(standings, needed);
    std::size_t steps = 100'000;
    const auto cut = games.cut(standings, needed, steps);
    ASSERT_TRUE(cut);
    const auto [found, fresh] = known.try_emplace(name, *cut);
    again += fresh ? 0 : 1;
    ASSERT_NEAR(found->second, *cut, 1e-15);
  }
  EXPECT_GT(again, 1000U);
  EXPECT_GT(known.size(), 50U);
}

// Every judge has too many links down in every draw, and each link is down as often as it is then.
TEST(JudgedLinks, AreDrawnAsTheyAreWhenEachJudgeHasManyDown) {
  constexpr std::size_t kRegions = 5;
  constexpr std::size_t kSpare = 1;
  LinkShares down(kRegions, std::vector<double>(kRegions, 0.0));
  std::vector<std::pair<std::size_t, std::size_t>> links;
  for (std::size_t i = 0; i < kRegions; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      down[i][k] = down[k][i] = 0.1 + 0.05 * static_cast<double>(links.size());
      links.emplace_back(i, k);
    }
  }
  const std::vector<std::size_t> judges{0, 2, 3};
  double all = 0;
  std::vector<double> expected(links.size(), 0.0);
  for (std::size_t set = 0; set < std::size_t{1} << links.size(); ++set) {
    double probability = 1;
    std::vector<std::size_t> count(kRegions, 0);
    for (std::size_t i = 0; i < links.size(); ++i) {
      const auto [a, b] = links[i];
      const bool is_down = (set >> i & 1) != 0;
      probability *= is_down ? down[a][b] : 1 - down[a][b];
      count[a] += is_down ? 1 : 0;
      count[b] += is_down ? 1 : 0;
    }
    if (std::ranges::any_of(judges, [&](std::size_t a) { return count[a] <= kSpare; })) continue;
    all += probability;
    for (std::size_t i = 0; i < links.size(); ++i) {
      expected[i] += (set >> i & 1) != 0 ? probability : 0;
    }
  }
  const JudgedLinks judged(judges, down);
  EXPECT_NEAR(judged.each_above(kSpare), all, 1e-15);

  constexpr std::size_t kDraws = 20'000;
  Random random;
  JudgedLinks::Links up(kRegions, std::vector<bool>(kRegions, true));
  std::vector<double> seen(links.size(), 0.0);
  for (std::size_t n = 0; n < kDraws; ++n) {
    judged.draw(kSpare, random, up);
    for (std::size_t i = 0; i < links.size(); ++i) {
      seen[i] += up[links[i].first][links[i].second] ? 0 : 1.0 / kDraws;
    }
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    EXPECT_NEAR(seen[i], expected[i] / all, 5 * 0.5 / std::sqrt(kDraws)) << i;
  }
}

}  // namespace
}  // namespace regent
