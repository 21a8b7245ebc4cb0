#include "gateway/picture.h"

#include <gtest/gtest.h>

#include <chrono>

#include "topology/load.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

constexpr Instant kStart{std::chrono::hours(1)};

Topology two_regions() {
  LoadedTopology loaded = parse_topology(
      "cluster: c\nregions:\n"
      "  a: { gateways: { g: a0 }, nodes: { n1: a1 } }\n"
      "  b: { gateways: { g: b0 }, nodes: { n1: b1 } }\n",
      "t.yaml");
  for (const Finding& error : loaded.errors) ADD_FAILURE() << error.message();
  return std::move(loaded.topology);
}

bool all_asked(const GatewayStatus& status) {
  for (const RegionStatus& region : status.quorum.regions) {
    for (const NodeStatus& node : region.nodes) {
      if (node.not_asked) return false;
    }
  }
  return true;
}

TEST(PictureTest, ANodeThatHasNotAnsweredIsDownOnlyALeaseAfterTheStart) {
  const Topology topology = two_regions();
  const GatewayId self{0};
  const Member member(topology, self, Incarnation{1}, 1, "test", kStart);
  const Instant over = kStart + topology.timing.lease;
  const auto before = make_status(topology, self, member, kStart, over - milliseconds(1));
  const NodeStatus& node = before.quorum.regions.front().nodes.front();
  EXPECT_TRUE(node.not_asked);
  EXPECT_FALSE(node.reachable);
  EXPECT_LT(node.last_heard_ms, 0);
  EXPECT_TRUE(all_asked(make_status(topology, self, member, kStart, over)));
}

TEST(PictureTest, ANodesWordHasAnAge) {
  const Topology topology = two_regions();
  const GatewayId self{0};
  Member member(topology, self, Incarnation{1}, 1, "test", kStart);
  Outbox out;
  Instant now = kStart;
  for (; out.to_nodes.empty(); now = member.next_deadline(now)) member.tick(now, 0, out);
  const auto& round = std::get<RoundMessage>(out.to_nodes.front().second);
  SignedAnswer said;
  said.answer = {NodeId{0}, round.question, Verdict::granted, Epoch{}, kNoRegion, {}};
  said.quorum_hash = topology.quorum_hash;
  member.from_node(NodeId{0}, TallyMessage{round.question.round, {said}}, now, out);
  const auto status = make_status(topology, self, member, kStart, now + milliseconds(40));
  for (const RegionStatus& region : status.quorum.regions) {
    const NodeStatus& shown = region.nodes.front();
    EXPECT_EQ(shown.not_asked, region.name != "a");
    EXPECT_EQ(shown.reachable, region.name == "a");
    EXPECT_NEAR(shown.last_heard_ms, region.name == "a" ? 40 : -1, 0.01) << region.name;
  }
}

}  // namespace
}  // namespace regent
