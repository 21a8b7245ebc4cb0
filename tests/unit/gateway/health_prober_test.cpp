// The checks of backends beside a data plane that has too much to do.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

constexpr auto kTimeout = std::chrono::milliseconds(100);

// Keeps the loop from everything else at each request, for longer than a check may take.
struct BusyObserver : CountingObserver {
  void request_done(std::uint32_t service, RequestClass kind, unsigned code,
                    double seconds) override {
    CountingObserver::request_done(service, kind, code, seconds);
    std::this_thread::sleep_for(2 * kTimeout);
  }
  void backend_health(std::uint32_t, std::string_view, bool healthy) override {
    if (!healthy) ++lost;
  }
  std::atomic<int> lost = 0;
};

TEST(HealthProber, DoesNotTakeItsOwnLatenessForTheBackends) {
  World world([](Service& service) {
    service.health.path = "/health";
    service.health.interval = std::chrono::milliseconds(1);
    service.health.timeout = kTimeout;
    service.health.fall = 2;
  });
  Log log;
  const auto backend = world.serve(answer_ok(log));
  world.east().data_plane->stop();
  BusyObserver observer;
  world.east().data_plane =
      std::make_unique<DataPlane>(world.topology(), GatewayId{0}, world.east().cell,
                                  world.east().writes, *world.east().credentials, observer);
  ASSERT_TRUE(world.east().data_plane->start().ok());
  ASSERT_TRUE(
      eventually([&] { return world.east().data_plane->backend_status()[0].healthy == 1; }));
  observer.lost = 0;
  Client client = world.east().client();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.post("/", "x").status, 200U);
  EXPECT_EQ(observer.lost, 0);
  world.east().data_plane.reset();
}

}  // namespace
}  // namespace regent::test
