#include "topology/availability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/topology/small_topologies.h"
#include "topology/electorate.h"
#include "topology/link_samples.h"
#include "topology/load.h"
#include "topology/plain_samples.h"

namespace regent {
namespace {

// Unlike each other, so that no two can be taken for one another.
Failures uneven(const Topology& topology) {
  Failures out = Failures::everywhere(topology, 0, 0, 0);
  double share = 0.05;
  const auto next = [&] { return share += 0.013; };
  for (double& down : out.of_region) down = next();
  for (double& down : out.of_node) down = next();
  for (std::size_t i = 0; i < out.of_link.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) out.of_link[i][j] = out.of_link[j][i] = next();
  }
  return out;
}

// Every state of every part: the probability of those in which no region can lead.
class Oracle {
 public:
  Oracle(const Topology& topology, const Failures& failures)
      : topology_(topology), failures_(failures), turnout_(topology) {
    const std::size_t regions = topology.regions.size();
    for (std::size_t i = 0; i < regions; ++i) {
      parts_.push_back(failures.of_region[i]);
      for (std::size_t j = 0; j < i; ++j) links_.emplace_back(i, j);
    }
    for (const double down : failures.of_node) parts_.push_back(down);
    for (const auto& [i, j] : links_) parts_.push_back(failures.of_link[i][j]);
  }

  double unavailability() {
    std::vector<std::size_t> failing;  // the others are always up
    std::size_t always = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i] > 0) {
        failing.push_back(i);
      } else {
        always |= std::size_t{1} << i;
      }
    }
    double out = 0;
    for (std::size_t set = 0; set < std::size_t{1} << failing.size(); ++set) {
      std::size_t up = always;
      double probability = 1;
      for (std::size_t k = 0; k < failing.size(); ++k) {
        const bool is_up = (set >> k & 1) != 0;
        probability *= is_up ? 1 - parts_[failing[k]] : parts_[failing[k]];
        up |= is_up ? std::size_t{1} << failing[k] : 0;
      }
      if (probability > 0 && !somebody_leads(up)) out += probability;
    }
    return out;
  }

 private:
  bool linked(std::size_t up, std::size_t a, std::size_t b) const {
    if (a == b) return true;
    const std::size_t first = topology_.regions.size() + topology_.nodes.size();
    for (std::size_t i = 0; i < links_.size(); ++i) {
      if (links_[i] != std::pair(std::max(a, b), std::min(a, b))) continue;
      return (up >> (first + i) & 1) != 0;
    }
    return false;
  }
  bool somebody_leads(std::size_t up) {
    const std::size_t regions = topology_.regions.size();
    for (std::uint16_t candidate = 0; candidate < regions; ++candidate) {
      for (std::uint32_t i = 0; i < topology_.nodes.size(); ++i) {
        const std::size_t region = topology_.nodes[i].region.value;
        turnout_.set(NodeId{i}, (up >> region & 1) != 0 && (up >> (regions + i) & 1) != 0 &&
                                    linked(up, candidate, region));
      }
      if (turnout_.quorum() && turnout_.may_lead(RegionId{candidate})) return true;
    }
    return false;
  }

  const Topology& topology_;
  const Failures& failures_;
  Turnout turnout_;
  std::vector<std::pair<std::size_t, std::size_t>> links_;
  std::vector<double> parts_;
};

TEST(Availability, AgreesWithBruteForceOnSmallTopologies) {
  std::size_t topologies = 0;
  std::size_t tried = 0;
  for_each_small_topology([&](const Topology& topology) {
    ++topologies;
    const std::size_t regions = topology.regions.size();
    const std::size_t parts = regions + topology.nodes.size() + regions * (regions - 1) / 2;
    if (topologies % 47 != 0 || parts > 13) return true;
    ++tried;
    const Failures failures = uneven(topology);
    const Unavailability found = unavailability_of(topology, failures);
    const double truth = Oracle(topology, failures).unavailability();
    EXPECT_TRUE(found.exact());
    EXPECT_NEAR(found.least, truth, 1e-12);
    // What stands in for it in larger cases bounds it.
    const auto chances = region_chances(topology, failures);
    const std::uint64_t needed = Turnout(topology).tree().needed;
    Failures perfect = failures;
    for (std::vector<double>& row : perfect.of_link) row.assign(row.size(), 0);
    const double lost = unavailability_of(topology, perfect).least;
    EXPECT_LE(lost, truth + 1e-12);
    const LinkBound bound(*chances, needed, failures.of_link, LinkBound::Judges::all);
    EXPECT_GE(lost + bound.all(), truth - 1e-12);
    return !testing::Test::HasFailure();
  });
  EXPECT_GT(tried, 100U);
}

Topology parsed(const std::string& yaml) {
  LoadedTopology loaded = parse_topology(yaml, "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

std::string square(std::size_t side, const std::string& kind) {
  std::string yaml = "cluster: c\nquorum: " + kind + "\nregions:\n";
  for (std::size_t r = 0; r < side; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (std::size_t n = 1; n <= side; ++n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": " + name + number;
    }
    yaml += " } }\n";
  }
  return yaml;
}

// So many regions that what a candidate has gathered by one link is added to by several more; and
// weights of which what can still come is more than all that is needed.
TEST(Availability, AgreesWithBruteForceOverTheLinksOfFourAndFiveRegions) {
  for (const auto& weights : {std::vector{1, 1, 1, 1, 1},
                              {5, 3, 2, 2, 1},
                              {4, 4, 3, 1, 1},
                              {7, 4, 8, 7},
                              {9, 5, 9, 2},
                              {1, 6, 8, 9, 6},
                              {5, 1, 1, 9, 7}}) {
    std::string yaml = "cluster: c\nregions:\n";
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      yaml += "  " + name + ": { weight: " + std::to_string(weights[i]) +
              ", gateways: { g: " + name + "0 }, nodes: { n1: " + name + "1 } }\n";
    }
    const Topology topology = parsed(yaml);
    Failures failures = uneven(topology);
    failures.of_node.assign(topology.nodes.size(), 0);
    const Unavailability found = unavailability_of(topology, failures);
    EXPECT_TRUE(found.exact());
    EXPECT_NEAR(found.least, Oracle(topology, failures).unavailability(), 1e-12) << yaml;
  }
}

// By hand: two of three regions, each up with 0.9 and with the one node it has.
TEST(Availability, OfThreeRegions) {
  const Topology topology = parsed(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { gateways: { g: b0 }, nodes: { n1: b1 } }\n"
      "  c: { gateways: { g: c0 }, nodes: { n1: c1 } }\n");
  const double up = 0.9 * 0.8;
  const double two = up * up * up + 3 * up * up * (1 - up);
  const Failures perfect = Failures::everywhere(topology, 0.1, 0.2, 0);
  EXPECT_NEAR(unavailability_of(topology, perfect).least, 1 - two, 1e-12);
  // With links: of three regions one link is enough, of two it must be theirs.
  const Failures cut = Failures::everywhere(topology, 0.1, 0.2, 0.5);
  const double linked = up * up * up * (1 - 0.125) + 3 * up * up * (1 - up) * 0.5;
  EXPECT_NEAR(unavailability_of(topology, cut).least, 1 - linked, 1e-12);
}

TEST(Availability, IsExactForNineTimesNine) {
  const Topology topology = parsed(square(9, "hierarchical"));
  const Failures failures = Failures::everywhere(topology, 0.01, 0.05, 0.1);
  EXPECT_TRUE(unavailability_of(topology, failures).exact());
  // Without links, any kind.
  const Failures perfect = Failures::everywhere(topology, 0.01, 0.05, 0);
  EXPECT_TRUE(unavailability_of(as_majority(topology), perfect).exact());
}

// Nodes of a flat vote whose weights have no sums in common.
std::string uneven_square(std::size_t side) {
  std::string yaml = "cluster: c\nquorum: weighted\nregions:\n";
  std::size_t weight = 1000;
  for (std::size_t r = 0; r < side; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (std::size_t n = 1; n <= side; ++n, weight += weight / 50 + n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": { address: " + name + number +
              ", weight: " + std::to_string(weight) + " }";
    }
    yaml += " } }\n";
  }
  return yaml;
}

// Regions that can change places are taken together, also where only some can.
TEST(Availability, AgreesWithBruteForceWhereLinksAreAlike) {
  const Topology topology = parsed(square(4, "majority"));
  Failures failures = Failures::everywhere(topology, 0, 0.2, 0.3);
  for (std::size_t i = 0; i < topology.nodes.size(); ++i) failures.of_node[i] = i % 4 < 2 ? 0.2 : 0;
  for (const double last : {0.3, 0.1}) {
    failures.of_link[3][2] = failures.of_link[2][3] = last;
    const Unavailability found = unavailability_of(topology, failures);
    EXPECT_TRUE(found.exact());
    EXPECT_NEAR(found.least, Oracle(topology, failures).unavailability(), 1e-12);
  }
}

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

TEST(Availability, IsExactForNineTimesNineEqualNodes) {
  const Topology equal = parsed(square(9, "majority"));
  for (const auto& failures :
       {Failures::everywhere(equal, .001, .01, .001), Failures::everywhere(equal, .01, .05, .01)}) {
    const Unavailability found = unavailability_of(equal, failures);
    EXPECT_TRUE(found.exact());
    EXPECT_NEAR(found.most, found.least, kRounding * found.most);
    EXPECT_EQ(found.guess, found.most);
  }
  // What is left out is not forgotten.
  const Failures many = Failures::everywhere(equal, .1, .2, .3);
  const Unavailability found = unavailability_of(equal, many);
  const SampledShare drawn = sampled_unavailability(equal, many);
  EXPECT_FALSE(found.exact());
  EXPECT_LE(found.least, drawn.bounds.most);
  EXPECT_GE(found.most, drawn.guess);
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

// Both ways to say less than everything are true of a case of which everything is known.
TEST(Availability, HasBoundsAndSamplesThatAgreeWithWhatIsExact) {
  const Topology topology = parsed(square(5, "majority"));
  for (const double link : {0.01, 0.1, 0.4}) {
    const Failures failures = Failures::everywhere(topology, 0.1, 0.2, link);
    const auto chances = region_chances(topology, failures);
    const std::uint64_t needed = Turnout(topology).tree().needed;
    const ShareBounds exact = cut_share(*chances, needed, failures.of_link, 0);
    ASSERT_NEAR(exact.most, exact.least, 1e-15);
    for (const auto judges : {LinkBound::Judges::few, LinkBound::Judges::all}) {
      const LinkBound bound(*chances, needed, failures.of_link, judges);
      EXPECT_GE(bound.all(), exact.least);
    }
    const SampledShare sampled = sampled_cut_share(*chances, needed, failures.of_link);
    EXPECT_LE(sampled.bounds.least, exact.least);
    EXPECT_GE(sampled.bounds.most, exact.least);
    EXPECT_LT(sampled.bounds.most, sampled.bounds.least * 1.2);
    const SampledShare plain = sampled_unavailability(topology, failures);
    const double truth = unavailability_of(topology, failures).least;
    EXPECT_LE(plain.bounds.least, truth);
    EXPECT_GE(plain.bounds.most, truth);
  }
}

// Flat, with weights up to `most`.
Topology nine_times_nine_uneven(int most) {
  std::string yaml = "cluster: c\nquorum: weighted\nregions:\n";
  for (int r = 0; r < 9; ++r) {
    const std::string name(1, static_cast<char>('a' + r));
    yaml += "  " + name + ": { gateways: { g: " + name + "0 }, nodes: {";
    for (int n = 1; n <= 9; ++n) {
      const std::string number = std::to_string(n);
      yaml += (n > 1 ? ", n" : " n") + number + ": { address: " + name + number +
              ", weight: " + std::to_string(1 + (r * 3701 + n * n * 1103 + r * n * 17) % most) +
              " }";
    }
    yaml += " } }\n";
  }
  return parsed(yaml);
}

// That too few are up, from the sums of all nodes, one by one. That nobody leads although they are
// enough is far less likely.
double too_few_up(const Topology& topology, double down) {
  const std::uint64_t needed = Turnout(topology).tree().needed;
  WeightSums sums(needed);
  for (const TopologyNode& node : topology.nodes) EXPECT_TRUE(sums.add(node.weight, 1 - down));
  return sums.between(0, needed - 1);
}

// Weights with too many sums for lists of them: in a table, and in one of rounded weights.
TEST(Availability, IsRightWithoutLinksForNineTimesNineUnevenNodes) {
  const Topology exact = nine_times_nine_uneven(600);
  const Unavailability found = unavailability_of(exact, Failures::everywhere(exact, 0, 0.3, 0));
  EXPECT_TRUE(found.exact());
  EXPECT_NEAR(found.most, too_few_up(exact, 0.3), 1e-6 * found.most);

  const Topology rounded = nine_times_nine_uneven(5000);
  const Unavailability near = unavailability_of(rounded, Failures::everywhere(rounded, 0, 0.3, 0));
  EXPECT_EQ(near.method, Unavailability::Method::bounds);
  EXPECT_LT(near.least, too_few_up(rounded, 0.3));
  EXPECT_GT(near.most, too_few_up(rounded, 0.3));
  EXPECT_LT(near.most, near.least * 1.02);
}

TEST(Availability, SaysWhereItHasCloseBounds) {
  const Topology topology = nine_times_nine_uneven(5);
  const Unavailability found =
      unavailability_of(topology, Failures::everywhere(topology, .001, .01, .001));
  EXPECT_EQ(found.method, Unavailability::Method::bounds);
  EXPECT_LT(found.most - found.least, kCloseBounds * found.most);
}

TEST(Availability, SaysWhatIsSampled) {
  const Topology topology = nine_times_nine_uneven(100);
  const Unavailability found =
      unavailability_of(topology, Failures::everywhere(topology, .01, .05, .1));
  EXPECT_EQ(found.method, Unavailability::Method::sampling);
  EXPECT_LE(found.least, found.likely_least);
  EXPECT_LE(found.likely_least, found.guess);
  EXPECT_LE(found.guess, found.likely_most);
  EXPECT_LT(found.likely_most - found.likely_least, (found.most - found.least) / 10);
}

TEST(Availability, HasBoundsWithoutLinksWhereSumsAreRounded) {
  const Topology topology = parsed(uneven_square(9));
  const Failures failures = Failures::everywhere(topology, 0.1, 0.2, 0);
  const Unavailability found = unavailability_of(topology, failures);
  EXPECT_EQ(found.method, Unavailability::Method::bounds);
  EXPECT_LT(found.least, found.most);
  EXPECT_LT(found.most, found.least * 1.01);
  const SampledShare drawn = sampled_unavailability(topology, failures);
  EXPECT_LE(drawn.bounds.least, found.least);
  EXPECT_GE(drawn.bounds.most, found.most);
}

// A region whose own nodes have too many sums, and more regions than can be gone through.
TEST(Availability, IsSampledWhereNothingElseGoes) {
  std::string yaml = "cluster: c\nquorum: weighted\nregions:\n  a: { gateways: { g: a0 }, nodes: {";
  std::size_t weight = 100'000;
  for (std::size_t n = 1; n <= 24; ++n, weight += weight / 11 + n) {
    yaml += std::string(n > 1 ? "," : "") + " n" + std::to_string(n) + ": { address: a" +
            std::to_string(n) + ", weight: " + std::to_string(weight) + " }";
  }
  yaml += " } }\n  b: { gateways: { g: b0 }, nodes: { n1: b1 } }\n";
  const Topology one = parsed(yaml);
  const Unavailability found = unavailability_of(one, Failures::everywhere(one, .1, .1, .1));
  EXPECT_EQ(found.method, Unavailability::Method::sampling);
  EXPECT_LT(found.likely_least, found.guess);
  EXPECT_NEAR(found.guess, 0.1, 0.02);  // that of the one region that matters

  const Topology many = parsed(square(20, "majority"));
  const Unavailability cut = unavailability_of(many, Failures::everywhere(many, .1, .2, .3));
  EXPECT_FALSE(cut.exact());
  EXPECT_LE(cut.least, cut.guess);
  EXPECT_LE(cut.guess, cut.most);
}

TEST(Availability, ManyRegionsAreSampledLessOften) {
  for (const std::size_t few : {0, 1, 2, 60}) EXPECT_EQ(link_samples(few), kLinkSamples) << few;
  EXPECT_EQ(link_samples(201), kMaxDrawnLinks / (201 * 200 / 2));
  EXPECT_EQ(link_samples(1000), kFewestLinkSamples);
}

TEST(Availability, OfManyRegionsFewLinksAreJudged) {
  for (const std::size_t count : {LinkBound::kManyRegions, LinkBound::kManyRegions + 1}) {
    const std::vector<RegionChances> regions(count, {{1, true, 0.9}, {0, false, 0.1}});
    LinkShares down(count, std::vector<double>(count, 0.25));
    for (std::size_t i = 0; i < LinkBound::kMostLeaders; ++i) down[i][count - 1] = 0.01;
    const LinkBound bound(regions, count / 2 + 1, down, LinkBound::Judges::few);
    const std::size_t judges = bound.judges((1U << LinkBound::kMostLeaders) - 1).size();
    EXPECT_EQ(judges, count > LinkBound::kManyRegions ? 1 : kMostJudges);
    const SampledShare sampled = sampled_cut_share(regions, count / 2 + 1, down);
    EXPECT_GT(bound.all(), 0);
    EXPECT_LE(sampled.bounds.most, bound.all());
  }
}

TEST(Failures, AreReadFromWords) {
  const Topology topology = parsed(square(3, "hierarchical"));
  Failures failures = Failures::everywhere(topology, 0.001, 0.01, 0.001);
  const auto problem = [&](const std::string& word) {
    const Status status = failures.set(topology, word);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(problem("node=5%"), "");
  EXPECT_EQ(problem("b=0.25"), "");
  EXPECT_EQ(problem("b/n2=100%"), "");
  EXPECT_EQ(problem("a~c=0"), "");
  EXPECT_EQ(failures.of_node, (std::vector<double>{.05, .05, .05, .05, 1, .05, .05, .05, .05}));
  EXPECT_EQ(failures.of_region, (std::vector<double>{.001, .25, .001}));
  EXPECT_EQ(failures.of_link[2][0], 0);
  EXPECT_EQ(failures.of_link[0][2], 0);
  EXPECT_EQ(problem("x=1"), "'x=1': there is no region 'x'");
  EXPECT_EQ(problem("a/n9=1"), "'a/n9=1': there is no node 'n9' in that region");
  EXPECT_EQ(problem("a~a=1"), "'a~a=1': a link is between two regions: there is no other 'a'");
  EXPECT_EQ(problem("node"), "'node': write WHAT=SHARE, such as node=1%");
  for (const char* word : {"a=2", "a=-1", "a=101%", "a=nan", "a=", "a=x"}) {
    EXPECT_NE(problem(word).find("must be from 0 to 1"), std::string::npos) << word;
  }
}

// Down for all of the time, as a sum of shares that rounding makes more than 1.
TEST(Availability, NoBoundIsAboveAllOfTheTime) {
  const Topology topology = parsed(R"(
cluster: c
quorum: weighted
regions:
  a: { witness: true, gateways: { g: ag }, nodes: { n0: { address: a0, weight: 12 } } }
  b: { priority: 0, gateways: { g: bg }, nodes: { n0: { address: b0, weight: 2 },
       n1: { address: b1, weight: 11 } } }
  c: { gateways: { g: cg }, nodes: { n0: { address: c0, weight: 12 } } }
  d: { priority: 0, gateways: { g: dg }, nodes: { n0: { address: d0, weight: 11 },
       n1: { address: d1, weight: 7 } } }
  e: { gateways: { g: eg }, nodes: { n0: { address: e0, weight: 5 },
       n1: { address: e1, weight: 4 } } }
)");
  for (const double share : {0.001, 0.17, 0.3, 0.83}) {
    Failures failures = Failures::everywhere(topology, share, share, share);
    failures.of_region[2] = failures.of_region[4] = 1;  // whoever could be primary
    const Unavailability found = unavailability_of(topology, failures);
    EXPECT_LE(found.least, 1) << share;
    EXPECT_LE(found.least, found.guess) << share;
    EXPECT_LE(found.guess, found.most) << share;
    EXPECT_NEAR(found.guess, 1, 1e-12) << share;
  }
}

}  // namespace
}  // namespace regent
