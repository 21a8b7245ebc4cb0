// DataPlane::reload: what a service is and where it is served changes under the clients' feet.
#include <array>
#include <thread>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "region/listener.h"
#include "region/resolver.h"
#include "tests/unit/gateway/reload_world.h"

namespace regent::test {
namespace {

using ::testing::HasSubstr;
using ProxyReload = ReloadWorld;

// Answers each request with the backend's own letter, a moment after it came.
Backend::Script letter(const char* name) {
  return [name](Peer& peer) {
    while (!peer.read_message().empty()) {
      std::this_thread::yield();
      if (!peer.send(std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n") + name)) return;
    }
  };
}

TEST_F(ProxyReload, BackendsComeAndGoUnderLoadWithoutAFailedRequest) {
  Backend a(host(Host::backends), letter("a"));
  Backend b(host(Host::backends), letter("b"));
  Backend c(host(Host::backends), letter("c"));
  start(a);
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::array<std::atomic<int>, 3> served{};
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      Client client = this->client();
      while (!stop) {
        const Response response = client.post("/", "x");
        if (response.status != 200U || response.body.empty()) {
          ++failed;
          return;
        }
        ++served[static_cast<std::size_t>(response.body[0] - 'a')];
      }
    });
  }
  const std::array<std::vector<Address>, 4> turns{
      {{at(a), at(b)}, {at(c)}, {at(b), at(c)}, {at(a)}}};
  bool good = true;
  for (int round = 0; round < 12 && good && failed == 0; ++round) {
    const std::vector<Address>& backends = turns[static_cast<std::size_t>(round) % turns.size()];
    const Status status =
        reload([&](Topology& next) { next.services[0].backends[kEast.value] = backends; });
    good = status.ok() && healthy(0, static_cast<std::uint32_t>(backends.size()));
    const std::array<int, 3> before{served[0], served[1], served[2]};
    for (const Address& backend : backends) {
      const std::size_t which = backend == at(a) ? 0 : backend == at(b) ? 1 : 2;
      good = good && eventually([&] { return served[which] > before[which] || failed > 0; });
    }
  }
  stop = true;
  for (std::thread& thread : clients) thread.join();
  EXPECT_TRUE(good);
  EXPECT_EQ(failed, 0);
}

TEST_F(ProxyReload, RequestsWaitForTheFirstCheckOfNewBackends) {
  Log log;
  Backend a(host(Host::backends), answer_ok(log));
  std::atomic<int> checks = 0;
  std::atomic<bool> checked = false;
  std::atomic<const char*> verdict = "200 OK";
  const auto when_told = [&](Peer& peer) {
    const std::string request = peer.read_message();
    if (request.empty()) return;
    if (request.starts_with("GET /health ")) {
      ++checks;
      EXPECT_TRUE(eventually([&] { return checked.load(); }));
    }
    peer.send(std::string("HTTP/1.1 ") + verdict.load() + "\r\nContent-Length: 0\r\n\r\n");
  };
  Backend good(host(Host::backends), when_told);
  Backend bad(host(Host::backends), when_told);
  start(a);
  for (const auto& [backend, says, status] :
       {std::tuple(&good, "200 OK", 200U), std::tuple(&bad, "500 No", 503U)}) {
    checks = 0;
    checked = false;
    verdict = says;
    ASSERT_TRUE(reload([at = at(*backend)](Topology& next) {
                  next.services[0].health.path = "/health";
                  next.services[0].backends[kEast.value] = {at};
                }).ok());
    ASSERT_TRUE(eventually([&] { return checks == 1; }));
    Client client = this->client();
    client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return plane().backend_status()[0].queued == 1; }));
    checked = true;
    EXPECT_EQ(client.read_response().status, status);
  }
}

TEST_F(ProxyReload, ABackendThatStaysKeepsItsHealth) {
  Log log;
  Backend a(host(Host::backends), answer_ok(log));
  start(a);
  std::atomic<bool> stop = false;
  std::atomic<int> flaps = 0;
  std::thread watching([&] {
    while (!stop) flaps += plane().backend_status()[0].backends[0].healthy ? 0 : 1;
  });
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(reload([](Topology& next) { ++next.services[0].health.rise; }).ok());
    EXPECT_EQ(client().get("/").status, 200U);
  }
  stop = true;
  watching.join();
  EXPECT_EQ(flaps, 0);
}

TEST_F(ProxyReload, ARequestFinishesUnderTheSettingsItBeganWith) {
  std::atomic<bool> answer = false;
  Log log;
  Backend a(host(Host::backends), [&](Peer& peer) {
    while (true) {
      std::string request = peer.read_message();
      if (request.empty()) return;
      log.add(std::move(request));
      EXPECT_TRUE(eventually([&] { return answer.load(); }));
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  Log second;
  Backend b(host(Host::backends), answer_ok(second));
  start(a);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return log.size() == 1; }));
  ASSERT_TRUE(reload([&](Topology& next) {
                next.services[0].backends[kEast.value] = {at(b)};
                next.services[0].max_body_bytes = 3;
              }).ok());
  ASSERT_TRUE(healthy(0, 1));
  answer = true;
  EXPECT_EQ(client.read_response().status, 200U);
  // The next one on the same connection: the new backend, the new limit.
  EXPECT_EQ(client.post("/", "abc").status, 200U);
  EXPECT_EQ(second.size(), 1U);
  EXPECT_EQ(client.post("/", "abcd").status, 413U);
}

TEST_F(ProxyReload, AServiceComesMovesAndGoes) {
  Log log;
  std::atomic<bool> answer = true;
  Backend a(host(Host::backends), [&](Peer& peer) {
    while (true) {
      std::string request = peer.read_message();
      if (request.empty()) return;
      log.add(std::move(request));
      EXPECT_TRUE(eventually([&] { return answer.load(); }));
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  start(a);
  const std::string east = world_->east().host;
  const std::uint16_t first = world_->east().port;
  const std::uint16_t other = free_port(east);
  // A second service, sorted before the first.
  ASSERT_TRUE(reload([&](Topology& next) {
                Service service = next.services[0];
                service.name = "apples";
                service.port = other;
                next.services.insert(next.services.begin(), service);
              }).ok());
  ASSERT_TRUE(healthy(0, 1));
  EXPECT_EQ(plane().backend_status()[0].name, "apples");
  EXPECT_EQ(Client(east, other).get("/").status, 200U);
  EXPECT_EQ(client().get("/").status, 200U);
  // They change ports.
  ASSERT_TRUE(reload([&](Topology& next) {
                next.services[0].port = first;
                next.services[1].port = other;
                next.services[0].max_body_bytes = 1;
              }).ok());
  EXPECT_EQ(Client(east, first).post("/", "xx").status, 413U);
  EXPECT_EQ(Client(east, other).post("/", "xx").status, 200U);
  // The first one, now at the other port, goes while a request is under way.
  Client idle(east, other);
  EXPECT_EQ(idle.get("/").status, 200U);
  Client busy(east, other);
  answer = false;
  const std::size_t before = log.size();
  busy.send("GET /last HTTP/1.1\r\nHost: shop\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return log.size() == before + 1; }));
  ASSERT_TRUE(reload([](Topology& next) { next.services.pop_back(); }).ok());
  EXPECT_TRUE(idle.at_end());
  answer = true;
  const Response last = busy.read_response();
  EXPECT_EQ(last.status, 200U);
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(busy.at_end());
  // Nobody listens there any more.
  EventLoop loop("test");
  EXPECT_TRUE(Listener::open(loop, *literal_address(east, other), {}).ok());
  EXPECT_EQ(Client(east, first).get("/").status, 200U);
}

TEST_F(ProxyReload, AnErrorChangesNothing) {
  Log log;
  Log other_log;
  Backend a(host(Host::backends), answer_ok(log));
  Backend b(host(Host::backends), answer_ok(other_log));
  start(a);
  const std::string east = world_->east().host;
  const std::uint16_t fine = free_port(east);
  Client kept = client();
  EXPECT_EQ(kept.get("/").status, 200U);
  const auto bad = [&](std::function<void(Service&)> change) {
    return reload([&](Topology& next) {
      next.services[0].backends[kEast.value] = {at(b)};
      Service service = next.services[0];
      service.name = "apples";
      service.port = fine;
      next.services.insert(next.services.begin(), service);
      Service third = service;
      third.name = "pears";
      change(third);
      next.services.push_back(third);
    });
  };
  // The forward port is taken, by this very process.
  const std::uint16_t taken = world_->topology().gateways[0].forward_port;
  const Status port = bad([&](Service& service) { service.port = taken; });
  ASSERT_FALSE(port.ok());
  EXPECT_THAT(port.error().message, HasSubstr("service pears: cannot listen on"));
  EXPECT_THAT(port.error().message, HasSubstr(":" + std::to_string(taken)));
  const Status files = bad([&](Service& service) {
    service.port = free_port(east);
    service.tls = {{"/nonexistent/tls.crt", "/nonexistent/tls.key"}};
  });
  ASSERT_FALSE(files.ok());
  EXPECT_THAT(files.error().message, HasSubstr("/nonexistent/tls"));
  EXPECT_EQ(kept.get("/").status, 200U);
  EXPECT_EQ(client().get("/").status, 200U);
  EXPECT_EQ(other_log.size(), 0U);
  EXPECT_EQ(plane().backend_status().size(), 1U);
  EventLoop loop("test");
  EXPECT_TRUE(Listener::open(loop, *literal_address(east, fine), {}).ok());
}

TEST_F(ProxyReload, TheLimitsOfTheGatewayChange) {
  Log log;
  Backend a(host(Host::backends), answer_ok(log));
  start(a);
  Client kept = client();
  EXPECT_EQ(kept.get("/").status, 200U);
  ASSERT_TRUE(reload([](Topology& next) { next.traffic.max_connections = 1; }).ok());
  EXPECT_TRUE(client().at_end());
  EXPECT_EQ(kept.get("/").status, 200U);
  ASSERT_TRUE(reload([](Topology& next) { next.traffic.max_connections = 2; }).ok());
  EXPECT_EQ(client().get("/").status, 200U);
}

TEST_F(ProxyReload, RoomThatAReloadMakesIsUsedAtOnce) {
  std::atomic<int> under_way = 0;
  std::atomic<bool> answer = false;
  Backend a(host(Host::backends), [&](Peer& peer) {
    while (!peer.read_message().empty()) {
      ++under_way;
      EXPECT_TRUE(eventually([&] { return answer.load(); }));
      if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
    }
  });
  world_.emplace(
      [](Service& service) {
        service.backend_limits = {1, 16, std::chrono::seconds(20)};
      },
      limits_);
  world_->add_backend(kEast, a.port());
  world_->start();
  world_->primary(kEast);
  Client first = client();
  first.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return under_way == 1; }));
  Client second = client();
  second.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return plane().backend_status()[0].queued == 1; }));
  ASSERT_TRUE(reload([](Topology& next) { next.services[0].backend_limits.connections = 2; }).ok());
  EXPECT_TRUE(eventually([&] { return under_way == 2; }));
  answer = true;
  EXPECT_EQ(first.read_response().status, 200U);
  EXPECT_EQ(second.read_response().status, 200U);
}

TEST_F(ProxyReload, StopServesWhoHasConnectedAndClosesWhoIsIdle) {
  Log log;
  Backend a(host(Host::backends), answer_ok(log));
  limits_.stop_limit = std::chrono::seconds(60);
  start(a);
  Client idle = client();
  EXPECT_EQ(idle.get("/").status, 200U);
  plane().stop();
  EXPECT_TRUE(idle.at_end());
  EXPECT_EQ(world_->east().observer.connections, 0);
}

}  // namespace
}  // namespace regent::test
