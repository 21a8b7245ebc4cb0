// Which backend a connection of a tcp service goes to, which waits for one, and what a reload does.
#include <gtest/gtest.h>

#include "tests/unit/gateway/reload_world.h"

namespace regent::test {
namespace {

class TcpBackends : public ReloadWorld {
 protected:
  void start(std::initializer_list<Backend*> backends, BackendLimits limits = {},
             Ejection ejection = {}) {
    world_.emplace(
        [&](Service& service) {
          service.protocol = Protocol::tcp;
          service.backend_limits = limits;
          service.ejection = ejection;
          // A failed connection alone must not take a backend out.
          service.health.fall = 1000;
        },
        limits_);
    for (const Backend* backend : backends) world_->add_backend(kEast, backend->port());
    world_->start();
    world_->primary(kEast);
  }
  // Sends back what comes.
  static void echo(Peer& peer) {
    for (std::string data = peer.read(1); !data.empty(); data = peer.read(1)) peer.send(data);
  }
  static std::string echoed(Client& client, const std::string& data) {
    client.send(data);
    return client.read(data.size());
  }
  BackendStatus status(std::size_t backend) {
    return plane().backend_status().at(0).backends.at(backend);
  }
  std::uint32_t queued() { return plane().backend_status().at(0).queued; }
};

TEST_F(TcpBackends, TheLeastBusyOfAllThreadsIsTaken) {
  Backend one(host(Host::backends), echo);
  Backend two(host(Host::backends), echo);
  start({&one, &two});
  std::vector<Client> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(client());
    EXPECT_EQ(echoed(clients.back(), "hello"), "hello");
  }
  EXPECT_EQ(status(0).requests, 6U);
  EXPECT_EQ(status(1).requests, 6U);
}

TEST_F(TcpBackends, ConnectionsBeyondTheLimitWait) {
  Backend only(host(Host::backends), echo);
  start({&only}, {1, 16, std::chrono::seconds(20)});
  std::optional<Client> first(client());
  EXPECT_EQ(echoed(*first, "first"), "first");
  Client second = client();
  second.send("second");
  ASSERT_TRUE(eventually([&] { return queued() == 1; }));
  // From the other region, too.
  Client third = world_->west().client();
  third.send("third");
  ASSERT_TRUE(eventually([&] { return queued() == 2; }));
  EXPECT_EQ(status(0).requests, 1U);
  first.reset();
  EXPECT_EQ(second.read(6), "second");
  EXPECT_EQ(queued(), 1U);
  second.half_close();
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_EQ(third.read(5), "third");
}

TEST_F(TcpBackends, NobodyWaitsForEverNorInAQueueThatIsFull) {
  Backend only(host(Host::backends), echo);
  start({&only}, {1, 1, std::chrono::milliseconds(500)});
  Client first = client();
  EXPECT_EQ(echoed(first, "first"), "first");
  Client second = client();
  ASSERT_TRUE(eventually([&] { return queued() == 1; }));
  Client third = client();
  EXPECT_TRUE(third.at_end());
  EXPECT_TRUE(second.at_end());
  EXPECT_EQ(queued(), 0U);
  EXPECT_EQ(echoed(first, "still here"), "still here");
}

TEST_F(TcpBackends, AConnectionThatWaitsIsGoneWithItsClient) {
  Backend only(host(Host::backends), echo);
  start({&only}, {1, 16, std::chrono::seconds(20)});
  Client first = client();
  EXPECT_EQ(echoed(first, "first"), "first");
  {
    Client second = client();
    ASSERT_TRUE(eventually([&] { return queued() == 1; }));
    second.reset();
  }
  EXPECT_TRUE(eventually([&] { return queued() == 0; }));
}

TEST_F(TcpBackends, ABackendThatTakesNoConnectionsIsSetAside) {
  Backend good(host(Host::backends), echo);
  auto bad = std::make_unique<Backend>(host(Host::backends), echo);
  start({&good, bad.get()}, {}, {3, std::chrono::seconds(60)});
  bad.reset();  // its checks come too seldom to notice
  ASSERT_TRUE(eventually([&] {
    Client client = this->client();
    EXPECT_EQ(echoed(client, "hello"), "hello");
    return status(1).ejected;
  }));
  EXPECT_TRUE(status(1).healthy);
  EXPECT_EQ(status(1).ejections, 1U);
}

TEST_F(TcpBackends, AConnectionOutlivesItsBackendsRemovalButNotLongItsServices) {
  Backend one(host(Host::backends), echo);
  Backend two(host(Host::backends), echo);
  start({&one});
  Client own = client();
  Client forwarded = world_->west().client();
  EXPECT_EQ(echoed(own, "hello"), "hello");
  EXPECT_EQ(echoed(forwarded, "hello"), "hello");
  ASSERT_TRUE(reload([&](Topology& next) {
                next.services[0].backends[kEast.value] = {at(two)};
              }).ok());
  EXPECT_EQ(echoed(own, "hello"), "hello");
  Client fresh = client();
  EXPECT_EQ(echoed(fresh, "hello"), "hello");
  EXPECT_EQ(status(0).requests, 1U);
  ASSERT_TRUE(reload([](Topology& next) {
                next.services.clear();
                next.traffic.stop_limit = std::chrono::seconds(1);
              }).ok());
  EXPECT_TRUE(own.at_end());
  EXPECT_TRUE(forwarded.at_end());
  EXPECT_TRUE(fresh.at_end());
  EXPECT_TRUE(eventually([&] { return world_->east().observer.connections == 0; }));
}

}  // namespace
}  // namespace regent::test
