#include <gtest/gtest.h>

#include "tests/unit/topology/yaml_topologies.h"
#include "topology/availability.h"
#include "topology/electorate.h"
#include "topology/link_bound.h"
#include "topology/link_samples.h"
#include "topology/plain_samples.h"

namespace regent {
namespace {

TEST(Availability, IsExactForNineTimesNine) {
  const Topology topology = parsed(square(9, "hierarchical"));
  const Failures failures = Failures::everywhere(topology, 0.01, 0.05, 0.1);
  EXPECT_TRUE(unavailability_of(topology, failures).exact());
  // Without links, any kind.
  const Failures perfect = Failures::everywhere(topology, 0.01, 0.05, 0);
  EXPECT_TRUE(unavailability_of(as_majority(topology), perfect).exact());
}

TEST(Availability, IsExactForNineTimesNineEqualNodesAndSmallWeights) {
  const Topology equal = parsed(square(9, "majority"));
  for (const auto& failures :
       {Failures::everywhere(equal, .001, .01, .001), Failures::everywhere(equal, .01, .05, .01)}) {
    const Unavailability found = unavailability_of(equal, failures);
    EXPECT_TRUE(found.exact());
    EXPECT_NEAR(found.most, found.least, kRounding * found.most);
    EXPECT_EQ(found.guess, found.most);
  }
  const Topology uneven = nine_times_nine_uneven(5);
  EXPECT_TRUE(unavailability_of(uneven, Failures::everywhere(uneven, .001, .01, .001)).exact());
  // What is left out is not forgotten.
  const Failures many = Failures::everywhere(equal, .1, .2, .3);
  const Unavailability found = unavailability_of(equal, many);
  const SampledShare drawn = sampled_unavailability(equal, many);
  EXPECT_FALSE(found.exact());
  EXPECT_LE(found.least, drawn.bounds.most);
  EXPECT_GE(found.most, drawn.guess);
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

TEST(Availability, SaysWhereItHasCloseBounds) {
  const Topology topology = nine_times_nine_uneven(100);
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

TEST(Availability, IsExactWithoutLinksForNineTimesNineOfAnyWeights) {
  const Topology topology = parsed(uneven_square(9));
  const Failures failures = Failures::everywhere(topology, 0.1, 0.2, 0);
  const Unavailability found = unavailability_of(topology, failures);
  EXPECT_TRUE(found.exact());
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

// One region has so many sums that every part is drawn.
TEST(Availability, NoBoundIsAboveAllOfTheTimeWhereAllIsDrawn) {
  std::string yaml =
      "cluster: c\nquorum: weighted\nregions:\n  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  w: { witness: true, gateways: { g: w0 }, nodes: {";
  for (int n = 0; n < 13; ++n) {
    const std::string number = std::to_string(n);
    yaml += (n > 0 ? ", n" : " n") + number + ": { address: w" + number +
            ", weight: " + std::to_string(1 << n) + " }";
  }
  const Topology topology = parsed(yaml + " } }\n");
  for (const double share : {0.1, 0.17, 0.3, 0.83}) {
    Failures failures = Failures::everywhere(topology, share, share, share);
    failures.of_region[0] = 1;
    const Unavailability found = unavailability_of(topology, failures);
    EXPECT_LE(found.least, 1) << share;
    EXPECT_LE(found.least, found.guess) << share;
    EXPECT_LE(found.guess, found.most) << share;
  }
}

}  // namespace
}  // namespace regent
