// Several data-plane threads: they serve side by side and keep the gateway's limits together.
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Net/StreamSocketImpl.h>

#include "region/clock.h"
#include "region/listener.h"
#include "region/resolver.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kThreads = 4;

ProxyLimits four_threads() {
  ProxyLimits limits;
  limits.threads = kThreads;
  return limits;
}

// Counts the reports of each thread apart.
struct ByThread : CountingObserver {
  RequestObserver& for_thread(std::size_t thread) override { return threads.at(thread); }
  int busy() const {
    int count = 0;
    for (const CountingObserver& thread : threads) count += thread.done > 0 ? 1 : 0;
    return count;
  }
  std::array<CountingObserver, kThreads> threads;
};

TEST(ProxyWorkers, EachServesItsShareOfTheConnections) {
  World world({}, four_threads());
  Log log;
  const auto backend = world.serve(answer_ok(log));
  world.east().data_plane->stop();
  ByThread observer;
  world.east().data_plane = std::make_unique<DataPlane>(
      world.topology(), GatewayId{0}, world.east().cell, world.east().writes,
      *world.east().credentials, observer, four_threads());
  ASSERT_TRUE(world.east().data_plane->start().ok());
  ASSERT_TRUE(
      eventually([&] { return world.east().data_plane->backend_status()[0].healthy == 1; }));
  // The kernel deals the connections out by a hash, so some more make it certain that all get one.
  std::vector<Client> clients;
  ASSERT_TRUE(eventually([&] {
    clients.push_back(world.east().client());
    EXPECT_EQ(clients.back().post("/", "x").status, 200U);
    return observer.busy() == static_cast<int>(kThreads);
  }));
  for (Client& client : clients) EXPECT_EQ(client.get("/").status, 200U);
  EXPECT_EQ(world.east().writes.count(), 0);
  world.east().data_plane.reset();
}

TEST(ProxyWorkers, TheLimitOfHeldRequestsIsTheGateways) {
  ProxyLimits limits = four_threads();
  limits.max_held = 5;
  World world({}, limits);
  world.start();
  world.no_primary();
  std::vector<Client> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(world.east().client());
    waiting.back().send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] { return world.east().observer.held == 5; }));
  for (int i = 0; i < 16; ++i) {
    const Response response = world.east().client().post("/", "");
    EXPECT_EQ(response.status, 503U);
    EXPECT_THAT(response.body, HasSubstr(R"("error":"overloaded")"));
  }
  EXPECT_EQ(world.east().observer.held, 5);
  for (Client& client : waiting) client.reset();
  ASSERT_TRUE(eventually([&] { return world.east().observer.held == 0; }));
}

TEST(ProxyWorkers, TheLimitOfConnectionsIsTheGateways) {
  ProxyLimits limits = four_threads();
  limits.max_clients = 5;
  World world({}, limits);
  Log log;
  const auto backend = world.serve(answer_ok(log));
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(world.east().client());
    EXPECT_EQ(clients.back().get("/").status, 200U);
  }
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(world.east().client().at_end());
  for (Client& client : clients) EXPECT_EQ(client.get("/").status, 200U);
}

TEST(ProxyWorkers, WhatEachHoldsGoesOn) {
  World world({}, four_threads());
  Log log;
  Backend backend(host(Host::backends), answer_ok(log));
  world.add_backend(kEast, backend.port());
  world.start();
  world.no_primary();
  std::vector<Client> clients;
  constexpr int kClients = 32;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(world.east().client());
    clients.back().send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] { return world.east().observer.held == kClients; }));
  world.primary(kEast);
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(log.size(), static_cast<std::size_t>(kClients));
  EXPECT_TRUE(eventually([&] { return world.east().writes.count() == 0; }));
}

TEST(ProxyWorkers, EachHearsOfTheRoute) {
  World world(tcp, four_threads());
  const auto backend = world.serve([](Peer& peer) {
    peer.send(peer.read(1));
    peer.read_to_end();
  });
  std::vector<Client> clients;
  for (int i = 0; i < 32; ++i) {
    clients.push_back(world.east().client());
    ASSERT_TRUE(clients.back().send("a"));
    ASSERT_EQ(clients.back().read(1), "a");
  }
  // Nothing moves, so nothing but the new route tells the threads that the right has ended.
  world.no_primary();
  for (Client& client : clients) EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(eventually([&] { return world.east().writes.count() == 0; }));
}

TEST(ProxyWorkers, ASecondGatewayCannotShareThePort) {
  World world({}, four_threads());
  world.start();
  CountingObserver observer;
  WritesInFlight writes;
  DataPlane second(world.topology(), GatewayId{0}, world.east().cell, writes,
                   *world.east().credentials, observer, four_threads());
  const Status status = second.start();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr(host(Host::east) + ":" + std::to_string(world.east().port)));
  EXPECT_THAT(status.error().message, HasSubstr("pid " + std::to_string(::getpid())));
}

TEST(ProxyWorkers, APortOfAProcessThatWouldShareIsTakenAllTheSame) {
  const auto address = *literal_address(host(Host::stranger), 0);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Peer closes(fd);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ASSERT_EQ(::bind(fd, address.addr(), address.length()), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  const Poco::Net::SocketAddress taken =
      Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(::dup(fd))).address();
  const auto sockets = Listener::listening(taken, kThreads);
  ASSERT_FALSE(sockets.ok());
  EXPECT_THAT(sockets.error().message, HasSubstr("pid " + std::to_string(::getpid())));
}

TEST(WritesInFlight, IsTheSumOfItsPlaces) {
  WritesInFlight writes;
  writes.place(0).enter();
  writes.place(1).enter();
  writes.place(WritesInFlight::kPlaces - 1).enter();
  EXPECT_EQ(writes.count(), 3);
  writes.place(1).leave();
  EXPECT_EQ(writes.count(), 2);
}

// What a switchover rests on, at the level of the counters: once a route without the right is out
// and the sum is zero, no thread goes on with a write.
TEST(WritesInFlight, ZeroMeansThatNobodyGoesOnUnderTheOldRoute) {
  RouteCell cell;
  WritesInFlight writes;
  std::atomic<bool> stop = false;
  std::atomic<bool> quiet = false;
  std::atomic<int> broken = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      RouteReader route(cell);
      WritesInFlight::Place& mine = writes.place(i);
      while (!stop) {
        mine.enter();
        if (route.get().serves_writes(boot_now())) {
          if (quiet) ++broken;
          ++done;
        }
        mine.leave();
        // As a held request would: nothing until there is another route.
        const std::uint64_t seen = cell.version();
        while (!stop && !route.get().serves_writes(boot_now()) && cell.version() == seen) {
          std::this_thread::yield();
        }
      }
    });
  }
  Route serving;
  serving.serve_until = kNever;
  bool seen_all = true;
  for (int round = 0; round < 200 && seen_all; ++round) {
    const int before = done;
    cell.publish(serving);
    seen_all = eventually([&] { return done > before; });
    cell.publish({});
    seen_all = seen_all && eventually([&] { return writes.count() == 0; });
    quiet = true;
    std::this_thread::yield();
    quiet = false;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(seen_all);
  EXPECT_EQ(broken, 0);
}

}  // namespace
}  // namespace regent::test
