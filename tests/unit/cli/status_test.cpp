#include "gateway/status_json.h"

#include <Poco/JSON/Array.h>
#include <gtest/gtest.h>

#include "admin_fixture.h"
#include "gateway/cli/status_table.h"
#include "gateway/json.h"
#include "region/clock.h"

namespace regent::test {
namespace {

using Names = std::vector<std::string>;

TEST(StatusJsonTest, HasTheKeysThatWerePromisedInOrder) {
  const GatewayStatus status = primary_status();
  const auto json = status_json(status, status.lease_end - std::chrono::microseconds(1'240'900));
  EXPECT_EQ(json->getNames(), (Names{"cluster", "region", "gateway", "version", "role", "epoch",
                                     "primary", "lease_remaining_ms", "paused", "quorum", "links",
                                     "services", "topology", "route_cache", "faults"}));
  EXPECT_EQ(json->getValue<int>("lease_remaining_ms"), 1240);
  EXPECT_EQ(json->getValue<std::string>("version"), REGENT_VERSION);
  const auto quorum = json->getObject("quorum");
  EXPECT_EQ(quorum->getValue<std::string>("outcome"), "won");
  EXPECT_EQ(quorum->getValue<int>("margin"), 0);
  const auto region = quorum->getArray("regions")->getObject(1);
  EXPECT_EQ(region->getValue<std::string>("name"), "us-east");
  EXPECT_EQ(region->getValue<int>("node_needed"), 3);
  const auto node = region->getArray("nodes")->getObject(0);
  EXPECT_EQ(node->getValue<std::string>("supports"), "us-east");
  const auto links = json->getArray("links");
  EXPECT_TRUE(links->getObject(0)->isNull("rtt_ms"));
  EXPECT_EQ(links->getObject(1)->getNames(),
            (Names{"region", "gateway", "state", "rtt_ms", "last_heard_ms", "topology_match",
                   "quorum_match", "eligible"}));
  EXPECT_EQ(links->getObject(1)->getValue<std::string>("rtt_ms"), "81.2");
  const auto service = json->getArray("services")->getObject(0);
  EXPECT_EQ(service->getValue<int>("healthy"), 1);
  EXPECT_FALSE(service->getArray("backends")->getObject(1)->getValue<bool>("healthy"));
  EXPECT_EQ(json->getObject("topology")->getValue<std::string>("hash"), "sha256:abcd");
  EXPECT_EQ(json->getObject("topology")->getValue<std::string>("quorum_hash"), "sha256:ef01");
  EXPECT_EQ(json->getObject("route_cache")->getValue<std::string>("state"), "up");
}

TEST(StatusJsonTest, ALeaseThatIsOverIsNoPrimary) {
  const GatewayStatus status = primary_status();
  const auto at_end = status_json(status, status.lease_end);
  EXPECT_TRUE(at_end->isNull("primary"));
  EXPECT_EQ(at_end->getValue<int>("lease_remaining_ms"), 0);
  EXPECT_EQ(at_end->getValue<std::string>("role"), "candidate");
  EXPECT_TRUE(route_json(status, status.lease_end)->isNull("primary"));
  EXPECT_FALSE(route_json(status, status.lease_end - Duration(1))->isNull("primary"));
}

TEST(StatusJsonTest, EpochsUseAll64Bits) {
  GatewayStatus status = primary_status();
  status.epoch = std::numeric_limits<std::uint64_t>::max();
  EXPECT_NE(json_text(*status_json(status, boot_now())).find("\"epoch\":18446744073709551615"),
            std::string::npos);
}

TEST(StatusTableTest, ShowsWhatMattersFirst) {
  const GatewayStatus status = primary_status();
  const auto json = status_json(status, status.lease_end - std::chrono::milliseconds(1240));
  const std::string table = cli::status_table(*json, "us-east.gw1 (127.0.1.10:7480)", false);
  EXPECT_EQ(table.substr(0, table.find('\n')), "shop: primary us-east, epoch 7, lease 1.24 s left");
  for (const std::string line :
       {"answered by us-east.gw1 (127.0.1.10:7480), which is primary, version " REGENT_VERSION "\n",
        "quorum won: 2 of 3 present, 2 needed, 0 to spare (hierarchical)\n",
        "us-east  1       won      4/4      3       n1:us-east@7 n2(3):-@7\n",
        "eu       1       lost     0/4      3       n1:DOWN n2(3):DOWN\n",
        "us-west.gw1  up     81.2 ms  120.0 ms    same      yes\n",
        "orders   127.0.0.1:9001  unhealthy\n", "route cache up, epoch 7\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << "in\n" << table;
  }
  EXPECT_EQ(table.find('\033'), std::string::npos);
}

TEST(StatusTableTest, SaysHowOldANodesWordIsThatIsFromBeforeTheEpoch) {
  GatewayStatus status = primary_status();
  auto& nodes = status.quorum.regions[1].nodes;
  const auto shows = [&](const std::string& text) {
    const std::string table = cli::status_table(*status_json(status, boot_now()), "x", false);
    return table.find(text) != std::string::npos;
  };
  nodes[0].last_heard_ms = 420;
  nodes[1].last_heard_ms = 420;
  nodes[1].epoch = 0;
  EXPECT_TRUE(shows(" n1:us-east@7 n2(3):-@0(0.4s-ago)\n"));
  nodes[0].reachable = nodes[1].reachable = false;
  nodes[0].not_asked = true;
  EXPECT_TRUE(shows(" n1:not-asked-yet n2(3):DOWN\n"));
}

TEST(StatusTableTest, TellsOtherServicesFromAnotherTopology) {
  GatewayStatus status = primary_status();
  const auto row = [&](bool topology_match, bool quorum_match) {
    status.links[1].topology_match = topology_match;
    status.links[1].quorum_match = quorum_match;
    const std::string table = cli::status_table(*status_json(status, boot_now()), "x", false);
    const std::size_t at = table.find("us-west.gw1");
    return table.substr(at, table.find('\n', at) - at);
  };
  EXPECT_NE(row(true, true).find("  same  "), std::string::npos);
  EXPECT_NE(row(false, true).find("  other services  "), std::string::npos);
  EXPECT_NE(row(false, false).find("  OTHER  "), std::string::npos);
}

TEST(StatusTableTest, ColoursDoNotMoveColumns) {
  const auto json = status_json(primary_status(), boot_now());
  std::string coloured = cli::status_table(*json, "x", true);
  EXPECT_NE(coloured.find("\033[32m"), std::string::npos);
  for (std::size_t at; (at = coloured.find('\033')) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  EXPECT_EQ(coloured, cli::status_table(*json, "x", false));
}

TEST(StatusTableTest, SaysWhenThereIsNoPrimary) {
  const auto json = status_json(no_primary_status(), boot_now());
  const std::string table = cli::status_table(*json, "x", false);
  EXPECT_EQ(table.substr(0, table.find('\n')), "shop: no primary, highest epoch 7");
  EXPECT_NE(table.find("quorum lost: 1 of 3 present, 2 needed, 1 missing"), std::string::npos);
}

TEST(StatusTableTest, SaysFirstThatNobodyTakesOver) {
  GatewayStatus status = no_primary_status();
  status.pause = {3, true};
  status.quorum.outcome = Outcome::won;
  const auto json = status_json(status, boot_now());
  EXPECT_TRUE(json->getValue<bool>("paused"));
  const std::string table = cli::status_table(*json, "x", false);
  EXPECT_EQ(table.substr(0, table.find('\n')),
            "shop: no primary, highest epoch 7, automatic failover is paused");
  EXPECT_NE(route_json(status, boot_now())->getValue<std::string>("message").find("is paused"),
            std::string::npos);
}

}  // namespace
}  // namespace regent::test
