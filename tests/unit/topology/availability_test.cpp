#include "topology/availability.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/topology/small_topologies.h"
#include "tests/unit/topology/yaml_topologies.h"
#include "topology/electorate.h"
#include "topology/link_bound.h"

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

// More regions than the bound of links tells apart, and a witness that is enough without them.
TEST(Availability, CountsOnceWhatIsLostWithoutAnybodyWhoMayLead) {
  std::string yaml =
      "cluster: c\nregions:\n  w: { witness: true, weight: 12, gateways: { g: w0 }, "
      "nodes: { n1: w1 } }\n";
  for (char name = 'a'; name <= 'k'; ++name) {
    yaml += std::string("  ") + name + ": { gateways: { g: " + name + "0 }, nodes: { n1: " + name +
            "1 } }\n";
  }
  const Topology topology = parsed(yaml);
  ASSERT_GT(topology.regions.size() - 1, LinkBound::kMostLeaders);
  const auto found = [&](double link) {
    Failures failures = Failures::everywhere(topology, 0.9, 0, link);
    failures.of_region.back() = 0;
    return unavailability_of(topology, failures);
  };
  EXPECT_NEAR(found(0).guess, std::pow(0.9, 11), 1e-12);
  EXPECT_NEAR(found(1e-9).most, std::pow(0.9, 11), 1e-8);
}

// However small: nothing of it is lost beside what is likely.
TEST(Availability, OfWhatHardlyEverFails) {
  for (const char* kind : {"majority", "weighted", "hierarchical"}) {
    const Topology topology =
        parsed("cluster: c\nquorum: " + std::string(kind) +
               "\nregions:\n  a: { gateways: { g: a0 }, nodes: { n1: a1, n2: a2, n3: a3 } }\n");
    for (const double down : {0.01, 1e-4, 1e-7, 1e-12}) {
      const double two = 3 * down * down * (1 - down) + down * down * down;
      const Unavailability nodes =
          unavailability_of(topology, Failures::everywhere(topology, 0, down, 0));
      EXPECT_TRUE(nodes.exact());
      EXPECT_NEAR(nodes.guess, two, 1e-12 * two) << kind << down;
      const Unavailability region =
          unavailability_of(topology, Failures::everywhere(topology, down, 0, 0));
      EXPECT_NEAR(region.guess, down, 1e-12 * down) << kind << down;
    }
  }
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

TEST(Failures, AreReadFromWords) {
  const Topology topology = parsed(square(3, "hierarchical"));
  Failures failures = Failures::everywhere(topology, 0.001, 0.01, 0.001);
  const auto problem = [&](const std::string& word) {
    const Status status = failures.set(topology, std::vector{word});
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
  EXPECT_EQ(problem("link=0.001"), "");  // of links, and nothing else
  EXPECT_EQ(failures.of_region, (std::vector<double>{.001, .25, .001}));
  EXPECT_EQ(problem("x=1"), "'x=1': there is no region 'x'");
  EXPECT_EQ(problem("a/n9=1"), "'a/n9=1': there is no node 'n9' in that region");
  EXPECT_EQ(problem("a~a=1"), "'a~a=1': a link is between two regions: there is no other 'a'");
  EXPECT_EQ(problem("node"), "'node': write WHAT=SHARE, such as node=1%");
  for (const char* word : {"a=2", "a=-1", "a=-0", "a=101%", "a=nan", "a=", "a=x"}) {
    EXPECT_NE(problem(word).find("must be from 0 to 1"), std::string::npos) << word;
  }
}

TEST(Failures, AreReadFromWordsInAnyOrder) {
  const Topology topology = parsed(square(3, "hierarchical"));
  std::vector<std::string> words{"a=5%", "a~c=3%", "b/n2=4%", "link=2%", "node=1%", "region=0"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    Failures failures = Failures::everywhere(topology, 0.5, 0.5, 0.5);
    EXPECT_TRUE(failures.set(topology, words));
    EXPECT_EQ(failures.of_region, (std::vector<double>{.05, 0, 0}));
    EXPECT_EQ(failures.of_node, (std::vector<double>{.01, .01, .01, .01, .04, .01, .01, .01, .01}));
    EXPECT_EQ(failures.of_link[2][0], .03);
    EXPECT_EQ(failures.of_link[1][0], .02);
    EXPECT_EQ(failures.exceptions(topology),
              (std::map<std::string, double>{{"a", .05}, {"a~c", .03}, {"b/n2", .04}}));
    std::rotate(words.begin(), words.begin() + 1, words.end());
  }
}

}  // namespace
}  // namespace regent
