// Connections to other gateways that stand ready for a change of primary, and how many more of them
// are made at once.
#include <gtest/gtest.h>

#include "gateway/backend_pool.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

constexpr int kMinReady = static_cast<int>(BackendPool::kMinReady);
constexpr int kMaxConnecting = static_cast<int>(BackendPool::kMaxConnecting);

class ProxyReady : public ::testing::Test {
 protected:
  ~ProxyReady() override { over_ = true; }

  void may_be_primary(RegionId region) { world_.topology().regions[region.value].priority = 1; }
  void serve_in(RegionId region) {
    backends_.push_back(std::make_unique<Backend>(host(Host::backends), answer_ok(log_)));
    world_.add_backend(region, backends_.back()->port());
  }

  Log log_;
  std::atomic<bool> over_ = false;
  std::vector<std::unique_ptr<Backend>> backends_;
  World world_;
};

TEST_F(ProxyReady, AChangeOfPrimaryCostsNoNewConnection) {
  serve_in(kEast);
  serve_in(kWest);
  may_be_primary(kWest);
  world_.start();
  world_.primary(kEast);
  Client client = world_.east().client();
  EXPECT_EQ(client.post("/orders", "hello").header("Regent-Region"), "east");
  const CountingObserver& west = world_.west().observer;
  ASSERT_TRUE(eventually([&] { return west.connections == kMinReady; }));
  world_.primary(kWest, Epoch{8});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.post("/orders", "hello").header("Regent-Region"), "west");
  }
  EXPECT_EQ(west.opened, kMinReady);
}

TEST_F(ProxyReady, ThoseOfALostGatewayAreClosed) {
  serve_in(kEast);
  may_be_primary(kWest);
  world_.start();
  world_.primary(kEast);
  Client client = world_.east().client();
  client.post("/orders", "hello");
  const CountingObserver& west = world_.west().observer;
  ASSERT_TRUE(eventually([&] { return west.connections == kMinReady; }));
  Route lost = *world_.east().cell.load();
  lost.lost = {GatewayId{1}};
  world_.east().publish(lost);
  EXPECT_TRUE(eventually([&] { return west.connections == 0; }));
}

TEST_F(ProxyReady, ARegionThatIsNeverPrimaryNeedsNone) {
  serve_in(kEast);
  world_.topology().regions.push_back(world_.topology().regions[kWest.value]);
  world_.topology().regions.back().priority = 1;
  Backend third(host(Host::backends), [this](Peer&) { eventually([&] { return over_.load(); }); });
  world_.topology().gateways.push_back(
      {RegionId{2}, "gw1", host(Host::backends), 0, third.port(), 0});
  world_.start();
  world_.primary(kEast);
  Client client = world_.east().client();
  client.post("/orders", "hello");
  EXPECT_TRUE(eventually([&] { return third.connections() >= kMinReady; }));
  EXPECT_EQ(world_.west().observer.opened, 0);
  over_ = true;
}

TEST_F(ProxyReady, OnlySoManyConnectionsAreMadeAtOnce) {
  Backend silent(host(Host::backends), [this](Peer&) { eventually([&] { return over_.load(); }); });
  world_.topology().gateways.push_back({kWest, "gw2", host(Host::backends), 0, silent.port(), 0});
  world_.start();
  Route route;
  route.epoch = Epoch{7};
  route.primary = kWest;
  route.known_until = kNever;
  route.quorum = true;
  route.forward_to = {GatewayId{2}};
  world_.east().publish(route);
  std::vector<Client> clients;
  for (int i = 0; i < kMaxConnecting + 10; ++i) {
    clients.push_back(world_.east().client());
    clients.back().send("POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  }
  EXPECT_TRUE(eventually([&] { return world_.east().observer.held == 10; }));
  EXPECT_TRUE(eventually([&] { return silent.connections() >= kMaxConnecting; }));
  EXPECT_EQ(silent.connections(), kMaxConnecting);
  over_ = true;
}

}  // namespace
}  // namespace regent::test
