#include "gateway/drill/drill.h"

#include <gtest/gtest.h>

#include "gateway/drill/drill_plan.h"
#include "topology/load.h"

namespace regent {
namespace {

constexpr const char* kShop = R"(
cluster: shop
regions:
  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  us-east:
    priority: 9
    gateways: { gw1: 10.0.1.10, gw2: 10.0.1.20 }
    nodes: { n1: 10.0.1.11, n2: 10.0.1.12, n3: 10.0.1.13 }
    redis: 10.0.1.14:6379
  us-west: { gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
)";
constexpr const char* kTwoSites = R"(
cluster: shop
regions:
  a: { priority: 2, gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  b: { gateways: { gw1: 10.0.1.10 }, nodes: { n1: 10.0.1.11 } }
  w: { witness: true, gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
)";

Topology topology(const char* text = kShop) {
  return parse_topology(text, "shop.yaml").topology;
}

// The messages about a drill with these steps.
std::vector<std::string> problems(const std::string& steps, const Topology* on = nullptr) {
  std::vector<std::string> messages;
  const std::string text = "name: d\nsteps:\n" + steps;
  for (const Finding& finding : parse_drill(text, "d.yaml", on).errors) {
    messages.push_back(finding.message());
  }
  return messages;
}

Drill bound(const std::string& steps, const Topology& on, const std::string& primary) {
  const LoadedDrill loaded = parse_drill("name: d\nsteps:\n" + steps, "d.yaml", &on);
  EXPECT_TRUE(loaded.errors.empty());
  return bind_drill(loaded.drill, on, *on.find_region(primary)).value();
}

TEST(DrillFile, IsRead) {
  const LoadedDrill loaded = parse_drill(R"(
name: lose-primary
about: "what it is"
needs: { regions: 3, margin: 1 }
min_margin: 1
max_length: 90s
probe: { service: orders, path: /x, body: '{"n":"$id"}', every: 50ms }
steps:
  - isolate: $primary
  - cut: { from: us-east, to: eu, both: true }
  - delay: { from: eu, to: us-east, by: 200ms }
  - lose_node: us-east/n2
  - await_primary: { not: $primary, within: 10s }
  - wait: 3s
  - heal: all
expect: { gap: 8s, failed_writes: 5, minority_refuses: true }
abort: { no_primary_for: 15s, failed_writes: 50 }
)",
                                         "d.yaml", nullptr);
  ASSERT_TRUE(loaded.errors.empty()) << loaded.errors[0].message();
  const Drill& drill = loaded.drill;
  EXPECT_EQ(drill.name, "lose-primary");
  EXPECT_EQ(drill.needs_regions, 3U);
  EXPECT_EQ(drill.min_margin, 1U);
  EXPECT_EQ(drill.max_length, std::chrono::seconds(90));
  EXPECT_EQ(drill.probe.path, "/x");
  ASSERT_EQ(drill.steps.size(), 7U);
  EXPECT_EQ(step_text(drill.steps[0]), "isolate $primary");
  EXPECT_EQ(step_text(drill.steps[1]), "cut the link between us-east and eu");
  EXPECT_EQ(step_text(drill.steps[2]), "delay what eu sends to us-east by 200ms");
  EXPECT_EQ(step_text(drill.steps[3]), "lose node us-east/n2");
  EXPECT_EQ(step_text(drill.steps[4]), "await a primary other than $primary within 10s");
  EXPECT_EQ(drill.expect.gap, std::chrono::seconds(8));
  EXPECT_TRUE(drill.expect.minority_refuses);
  EXPECT_EQ(drill.abort.failed_writes, 50U);
}

TEST(DrillFile, SaysWhatIsWrongAndWhere) {
  const Topology shop = topology();
  const std::pair<const char*, const char*> cases[] = {
      {"  - isolat: eu\n", "d.yaml:3:5: steps[0].isolat: "},
      {"  - {}\n", "exactly one key"},
      {"  - { wait: 1s, heal: all }\n", "exactly one key"},
      {"  - wait: 1\n", "d.yaml:3:11: steps[0].wait: "},
      {"  - wait: 11m\n", "steps[0].wait: "},
      {"  - wait: 70s\n  - wait: 70s\n", "steps: wait longer together than max_length"},
      {"  - cut: { from: eu }\n", "d.yaml:3:10: steps[0].cut: needs the key 'to'"},
      {"  - cut: { from: eu, to: eu }\n", "two regions"},
      {"  - await_primary: { is: eu, not: eu, within: 1s }\n", "not both"},
      {"  - lose_node: eu\n", "must be REGION/NODE"},
      {"  - heal: everything\n", "steps[0].heal: "},
      {"  - isolate: mars\n", "d.yaml:3:5: steps[0]: there is no region 'mars'"},
      {"  - lose_node: eu/n9\n", "has no node 'n9'"},
      {"  - lose_redis: eu\n", "has no Redis"},
      {"  - stop_node: eu\n", "d.yaml:3:16: steps[0].stop_node: must be REGION/NODE"},
      {"  - pause_gateway: /gw1\n", "must be REGION/GATEWAY"},
      {"  - stop_gateway: eu/n1\n", "d.yaml:3:5: steps[0]: region eu has no gateway 'n1'"},
      {"  - pause_node: eu/gw1\n", "region eu has no node 'gw1'"},
      {"  - stop_gateways: mars\n", "there is no region 'mars'"},
      {"  - stop_nodes: eu\n", "d.yaml:3:5: steps[0].stop_nodes: "},
      {"  []\n", "has no step"},
  };
  for (const auto& [steps, problem] : cases) {
    const auto found = problems(steps, &shop);
    ASSERT_FALSE(found.empty()) << steps;
    EXPECT_NE(found[0].find(problem), std::string::npos) << steps << found[0];
  }
  const Topology sites = topology(kTwoSites);
  EXPECT_NE(problems("  - switchover: w\n", &sites).at(0).find("can never be primary"),
            std::string::npos);
  EXPECT_EQ(parse_drill("", "d.yaml", nullptr).errors.at(0).message(),
            "d.yaml:1:1: is empty: a drill needs name, steps and more");
  EXPECT_EQ(load_drill("/no/such.yaml", nullptr).errors.at(0).message(),
            "/no/such.yaml: cannot be read: No such file or directory");
}

TEST(DrillPlan, BindsTheParts) {
  const Topology shop = topology();
  const std::string steps =
      "  - isolate: $primary\n  - switchover: $standby\n  - lose_node: $other/$first\n";
  const Drill east = bound(steps, shop, "us-east");
  EXPECT_EQ(east.steps[0].region, "us-east");
  EXPECT_EQ(east.steps[1].region, "eu");
  EXPECT_EQ(step_text(east.steps[2]), "lose node us-west/n1");
  const Drill west = bound(steps, shop, "us-west");
  EXPECT_EQ(west.steps[1].region, "us-east");
  EXPECT_EQ(west.steps[2].region, "eu");
}

TEST(DrillPlan, IsolatesAtTheGatewaysOfTheOthers) {
  const Topology shop = topology();
  const Drill drill = bound("  - isolate: us-west\n  - heal: all\n", shop, "us-east");
  DrillPlan plan(shop);
  const auto changed = plan.take(drill.steps[0]);
  ASSERT_EQ(changed.size(), 3U) << "eu.gw1, us-east.gw1, us-east.gw2";
  for (const GatewayId gateway : changed) {
    EXPECT_EQ(plan.order(gateway).drop_to, std::vector<std::string>{"us-west"});
    EXPECT_EQ(plan.order(gateway).drop_from, std::vector<std::string>{"us-west"});
  }
  EXPECT_EQ(plan.take(drill.steps[1]).size(), 3U);
  EXPECT_FALSE(plan.order(changed[0]).breaks_anything());
}

TEST(DrillPlan, StopsAndPausesThroughAllThatGoOn) {
  const Topology shop = topology();
  const Drill drill = bound(
      "  - stop_gateways: us-east\n  - pause_gateway: us-west/$first\n"
      "  - stop_node: us-east/$first\n  - heal: all\n",
      shop, "us-east");
  const GatewayId eu{0};
  const GatewayId west{3};
  DrillPlan plan(shop);
  EXPECT_EQ(plan.stopped_by(drill.steps[0]).size(), 2U);
  EXPECT_EQ(plan.take(drill.steps[0]), (std::vector{eu, west})) << "not through those it stops";
  EXPECT_EQ(plan.order(eu).stop, (std::vector<std::string>{"us-east/gw1", "us-east/gw2"}));
  EXPECT_TRUE(plan.stopped_by(drill.steps[1]).empty()) << "it does not forget the drill";
  EXPECT_EQ(plan.take(drill.steps[1]), std::vector{eu});
  EXPECT_EQ(plan.order(eu).pause, std::vector<std::string>{"us-west/gw1"});
  EXPECT_TRUE(plan.is_down(west));
  EXPECT_EQ(plan.take(drill.steps[2]), std::vector{eu});
  EXPECT_EQ(plan.order(eu).stop.back(), "us-east/n1");
  EXPECT_EQ(plan.take(drill.steps[3]), (std::vector{eu, west}))
      << "who stands still is told when it goes on";
  EXPECT_FALSE(plan.any_down());
  EXPECT_FALSE(plan.order(eu).breaks_anything());
  EXPECT_EQ(step_text(drill.steps[0]), "stop all gateways of us-east");
  EXPECT_EQ(step_text(drill.steps[1]), "pause gateway us-west/gw1");
}

TEST(DrillPlan, KnowsWhatIsUnsafe) {
  const Topology shop = topology();
  const RegionId east = *shop.find_region("us-east");
  EXPECT_TRUE(unsafe_steps(bound("  - isolate: $primary\n", shop, "us-east"), shop, east).empty());
  const auto two = unsafe_steps(
      bound("  - isolate: $standby\n  - isolate: $other\n", shop, "us-east"), shop, east);
  ASSERT_EQ(two.size(), 1U);
  EXPECT_NE(two[0].find("steps[1]: isolate us-west: no side would be left with a quorum"),
            std::string::npos)
      << two[0];
  for (const char* second : {"stop_gateways: us-west", "pause_gateways: us-west",
                             "stop_node: us-west/n1", "pause_gateway: us-west/gw1"}) {
    const auto found = unsafe_steps(
        bound(std::string("  - isolate: eu\n  - ") + second + "\n", shop, "us-east"), shop, east);
    ASSERT_EQ(found.size(), 1U) << second;
    EXPECT_NE(found[0].find("rule spare_region"), std::string::npos) << found[0];
  }
  EXPECT_TRUE(unsafe_steps(bound("  - isolate: eu\n  - stop_gateway: us-east/gw1\n"
                                 "  - pause_node: us-east/n1\n",
                                 shop, "us-east"),
                           shop, east)
                  .empty());
  const Topology sites = topology(kTwoSites);
  const RegionId a = *sites.find_region("a");
  EXPECT_TRUE(unsafe_steps(bound("  - isolate: a\n", sites, "a"), sites, a).empty());
  const auto spare = unsafe_steps(bound("  - isolate: b\n", sites, "a"), sites, a);
  ASSERT_EQ(spare.size(), 1U);
  EXPECT_NE(spare[0].find("rule spare_region"), std::string::npos);
}

}  // namespace
}  // namespace regent
