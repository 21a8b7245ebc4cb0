// Which backend a request goes to, what becomes of one that fails, and who waits for one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ProxyLimits with_threads(std::size_t threads) {
  ProxyLimits limits;
  limits.threads = threads;
  return limits;
}

// A backend that notes each request and answers it when it is told to.
class SlowBackend {
 public:
  Backend::Script script() {
    return [this](Peer& peer) {
      while (true) {
        const std::string request = peer.read_message();
        if (request.empty()) return;
        log.add(request.substr(0, request.find(" HTTP")));
        ++under_way;
        EXPECT_TRUE(eventually([&] { return permits.load() > 0; }));
        --permits;
        --under_way;
        if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
      }
    };
  }
  void answer(int count) { permits += count; }
  Log log;
  std::atomic<int> under_way = 0;
  std::atomic<int> permits = 0;
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: shop\r\n\r\n";
}

TEST(ProxyBalance, TheLeastBusyBackendOfAllThreadsIsTaken) {
  SlowBackend first;
  SlowBackend second;
  Backend one(host(Host::backends), first.script());
  Backend two(host(Host::backends), second.script());
  World world({}, with_threads(3));
  world.add_backend(kEast, one.port());
  world.add_backend(kEast, two.port());
  world.start();
  world.primary(kEast);
  std::vector<Client> clients;
  constexpr int kClients = 20;
  for (int i = 1; i <= kClients; ++i) {
    clients.push_back(world.east().client());
    clients.back().send(get("/"));
    ASSERT_TRUE(eventually([&] { return first.under_way + second.under_way == i; }));
  }
  EXPECT_EQ(first.under_way, kClients / 2);
  EXPECT_EQ(second.under_way, kClients / 2);
  first.answer(kClients / 2);
  second.answer(kClients / 2);
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200U);
}

// One backend that works and one that closes every connection while it is broken.
class ProxyEjection : public ::testing::Test {
 protected:
  void start(Ejection rule) {
    world_.emplace([rule](Service& service) { service.ejection = rule; }, with_threads(2));
    world_->add_backend(kEast, good_.port());
    world_->add_backend(kEast, bad_.port());
    world_->start();
    world_->primary(kEast);
  }
  BackendStatus bad() {
    const ServiceStatus service = world_->east().data_plane->backend_status()[0];
    for (const BackendStatus& status : service.backends) {
      if (status.address.ends_with(":" + std::to_string(bad_.port()))) return status;
    }
    return {};
  }
  // Reads are repeated at the other backend, so no client notices.
  void get() { EXPECT_EQ(world_->east().client().get("/").status, 200U); }

  Log log_;
  std::atomic<bool> broken_ = true;
  std::atomic<int> met_ = 0;  // requests by the bad one
  Backend good_{host(Host::backends), answer_ok(log_)};
  Backend bad_{host(Host::backends), [this](Peer& peer) {
                 while (!peer.read_message().empty()) {
                   ++met_;
                   if (broken_) return;
                   if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
                 }
               }};
  std::optional<World> world_;
};

TEST_F(ProxyEjection, ABackendThatFailsRequestsIsSetAside) {
  start({3, std::chrono::seconds(60)});
  ASSERT_TRUE(eventually([&] {
    get();
    return bad().ejected;
  }));
  EXPECT_EQ(bad().ejections, 1U);
  EXPECT_TRUE(bad().healthy);
  const int seen = met_;
  EXPECT_GE(seen, 3);
  for (int i = 0; i < 10; ++i) get();
  EXPECT_EQ(met_, seen);
}

TEST_F(ProxyEjection, ItReturns) {
  start({3, std::chrono::milliseconds(300)});
  ASSERT_TRUE(eventually([&] {
    get();
    return bad().ejected;
  }));
  broken_ = false;
  ASSERT_TRUE(eventually([&] { return !bad().ejected; }));
  const int seen = met_;
  ASSERT_TRUE(eventually([&] {
    get();
    return met_ > seen;
  }));
  EXPECT_EQ(bad().ejections, 1U);
}

TEST(ProxyLastBackend, TheLastBackendStays) {
  Backend only(host(Host::backends), [](Peer& peer) { peer.read_message(); });
  World world([](Service& service) { service.ejection = {1, std::chrono::seconds(60)}; });
  world.add_backend(kEast, only.port());
  world.start();
  world.primary(kEast);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.east().client().get("/").status, 502U);
  EXPECT_EQ(only.connections(), 9);  // three attempts each
  EXPECT_FALSE(world.east().data_plane->backend_status()[0].backends[0].ejected);
}

TEST(ProxyFailuresInARow, ASuccessBeginsTheCountAnew) {
  std::atomic<int> requests = 0;
  Log good;
  Backend one(host(Host::backends), answer_ok(good));
  // Two failures, one success, and so on.
  Backend two(host(Host::backends), [&](Peer& peer) {
    if (peer.read_message().empty() || ++requests % 3 != 0) return;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  });
  World world([](Service& service) { service.ejection = {3, std::chrono::seconds(60)}; });
  world.add_backend(kEast, one.port());
  world.add_backend(kEast, two.port());
  world.start();
  world.primary(kEast);
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(world.east().client().get("/").status, 200U);
    return requests >= 12;
  }));
  const ServiceStatus service = world.east().data_plane->backend_status()[0];
  for (const BackendStatus& status : service.backends) {
    EXPECT_EQ(status.ejections, 0U);
  }
}

TEST(ProxyRetry, ARequestDoesNotGoBackToTheBackendThatHasJustFailedIt) {
  SlowBackend slow;
  Backend one(host(Host::backends), slow.script());
  std::atomic<int> met = 0;
  Backend two(host(Host::backends), [&](Peer& peer) {
    if (!peer.read_message().empty()) ++met;
  });
  World world([](Service& service) { service.ejection.failures = 0; });
  world.add_backend(kEast, one.port());
  world.add_backend(kEast, two.port());
  world.start();
  world.primary(kEast);
  // From the second on, the one that fails has the fewest under way.
  std::vector<Client> clients;
  for (int i = 1; i <= 4; ++i) {
    clients.push_back(world.east().client());
    clients.back().send(get("/"));
    ASSERT_TRUE(eventually([&] { return slow.under_way == i; }));
  }
  EXPECT_GE(met, 3);
  EXPECT_LE(met, 4);
  slow.answer(4);
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200U);
}

class ProxyQueue : public ::testing::Test {
 protected:
  void start(BackendLimits limits, std::size_t threads) {
    world_.emplace([limits](Service& service) { service.backend_limits = limits; },
                   with_threads(threads));
    world_->add_backend(kEast, backend_.port());
    world_->start();
    world_->primary(kEast);
  }

  SlowBackend slow_;
  Backend backend_{host(Host::backends), slow_.script()};
  std::optional<World> world_;
};

TEST_F(ProxyQueue, RequestsBeyondTheLimitWaitInOrder) {
  start({1, 16, std::chrono::seconds(20)}, 3);
  std::vector<Client> clients;
  constexpr int kClients = 8;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(world_->east().client());
    clients.back().send(get("/" + std::to_string(i)));
    ASSERT_TRUE(eventually(
        [&] { return world_->east().data_plane->backend_status()[0].queued + 1 == i + 1U; }));
    ASSERT_TRUE(eventually([&] { return slow_.under_way == 1; }));
  }
  EXPECT_EQ(slow_.log.size(), 1U);
  for (int i = 0; i < kClients; ++i) {
    slow_.answer(1);
    EXPECT_EQ(clients[i].read_response().status, 200U);
  }
  EXPECT_THAT(slow_.log.all(), ElementsAre("GET /0", "GET /1", "GET /2", "GET /3", "GET /4",
                                           "GET /5", "GET /6", "GET /7"));
  EXPECT_EQ(world_->east().data_plane->backend_status()[0].queued, 0U);
}

TEST_F(ProxyQueue, AFullQueueIsOverloaded) {
  start({1, 2, std::chrono::seconds(20)}, 3);
  std::vector<Client> clients;
  for (std::uint32_t i = 0; i < 3; ++i) {
    clients.push_back(world_->east().client());
    clients.back().send(get("/"));
    ASSERT_TRUE(eventually([&] {
      return slow_.under_way == 1 && world_->east().data_plane->backend_status()[0].queued == i;
    }));
  }
  const Response response = world_->east().client().get("/");
  EXPECT_EQ(response.status, 503U);
  EXPECT_THAT(response.body, HasSubstr(R"("error":"overloaded")"));
  EXPECT_EQ(response.header("Retry-After"), "1");
  slow_.answer(3);
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200U);
}

TEST_F(ProxyQueue, NobodyWaitsForEver) {
  start({1, 16, std::chrono::milliseconds(200)}, 1);
  Client first = world_->east().client();
  first.send(get("/first"));
  ASSERT_TRUE(eventually([&] { return slow_.under_way == 1; }));
  const Response response = world_->east().client().get("/second");
  EXPECT_EQ(response.status, 503U);
  EXPECT_THAT(response.body, HasSubstr(R"("error":"overloaded")"));
  slow_.answer(1);
  EXPECT_EQ(first.read_response().status, 200U);
  EXPECT_EQ(slow_.log.size(), 1U);
}

TEST_F(ProxyQueue, AQueuedWriteHoldsUpNoSwitchoverAndIsNotSentAfterIt) {
  start({1, 16, std::chrono::seconds(20)}, 1);
  Client first = world_->east().client();
  first.send("POST /first HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return slow_.under_way == 1; }));
  Client second = world_->east().client();
  second.send("POST /second HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(
      eventually([&] { return world_->east().data_plane->backend_status()[0].queued == 1; }));
  EXPECT_EQ(world_->east().writes.count(), 1);
  world_->no_primary();
  ASSERT_TRUE(eventually([&] { return world_->east().observer.held == 1; }));
  slow_.answer(1);
  EXPECT_EQ(first.read_response().status, 200U);
  EXPECT_TRUE(eventually([&] { return world_->east().writes.count() == 0; }));
  EXPECT_EQ(slow_.log.size(), 1U);
  world_->primary(kEast, Epoch{8});
  slow_.answer(1);
  EXPECT_EQ(second.read_response().status, 200U);
}

TEST_F(ProxyQueue, AClientThatLeavesGivesItsPlaceUp) {
  start({1, 1, std::chrono::seconds(20)}, 2);
  Client first = world_->east().client();
  first.send(get("/first"));
  ASSERT_TRUE(eventually([&] { return slow_.under_way == 1; }));
  const auto queued = [&] { return world_->east().data_plane->backend_status()[0].queued; };
  Client gone = world_->east().client();
  gone.send(get("/gone"));
  ASSERT_TRUE(eventually([&] { return queued() == 1; }));
  gone.reset();
  ASSERT_TRUE(eventually([&] { return queued() == 0; }));
  Client third = world_->east().client();
  third.send(get("/third"));
  ASSERT_TRUE(eventually([&] { return queued() == 1; }));
  slow_.answer(2);
  EXPECT_EQ(first.read_response().status, 200U);
  EXPECT_EQ(third.read_response().status, 200U);
}

}  // namespace
}  // namespace regent::test
