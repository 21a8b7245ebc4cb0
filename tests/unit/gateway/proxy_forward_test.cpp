// The hop between gateways: mutual TLS, once, and only between those who are who they say.
#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ProxyForward : public ::testing::Test {
 protected:
  void serve(Backend::Script script) {
    backend_ = std::make_unique<Backend>(host(Host::backends), std::move(script));
    world_.add_backend(kWest, backend_->port());
    world_.start();
  }
  void serve_ok() { serve(answer_ok(log_)); }
  Client client() { return world_.east().client(); }
  Route forwarding_to(RegionId region) {
    Route route;
    route.epoch = Epoch{7};
    route.primary = region;
    route.known_until = kNever;
    route.quorum = true;
    route.forward_to = {GatewayId{region.value}};
    return route;
  }
  // West is primary, but for a drill it lets nobody of that region in.
  Route cut_off_from(RegionId region) {
    Route route = forwarding_to(kWest);
    route.forward_to.clear();
    route.serve_until = kNever;
    route.cut = {region};
    return route;
  }
  void short_hold() { world_.topology().services[0].hold = std::chrono::milliseconds(150); }

  Log log_;
  std::unique_ptr<Backend> backend_;
  World world_;
};

TEST_F(ProxyForward, AWriteReachesThePrimaryRegion) {
  serve_ok();
  world_.primary(kWest);
  Client client = this->client();
  for (int i = 0; i < 20; ++i) {
    const Response response =
        client.post("/orders", "hello", "Regent-Service: x\r\nX-Forwarded-For: 9.9.9.9\r\n");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body, "ok");
    EXPECT_EQ(response.header("Regent-Region"), "west");
    EXPECT_EQ(response.header("Regent-Epoch"), "7");
  }
  const std::string request = log_.all().at(19);
  EXPECT_TRUE(contains(request, "POST /orders HTTP/1.1\r\nHost: shop\r\n"));
  EXPECT_TRUE(contains(request, "X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\n"));
  EXPECT_TRUE(contains(request, "X-Forwarded-Proto: http\r\n"));
  EXPECT_TRUE(contains(request, "Regent-Region: west\r\n"));
  EXPECT_FALSE(contains(request, "Regent-Service"));
  EXPECT_TRUE(contains(request, "\r\n\r\nhello"));
  EXPECT_EQ(backend_->connections(), 1);
  EXPECT_EQ(world_.west().observer.connections, 1);  // one kept TLS connection
}

TEST_F(ProxyForward, LargeBodiesBothWays) {
  serve([](Peer& peer) {
    peer.read_head();
    const std::string body = peer.read(8'000'000);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body);
  });
  world_.primary(kWest);
  std::string body(8'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 26);
  Client client = this->client();
  const Response response = client.post("/", body);
  EXPECT_EQ(response.status, 200U);
  EXPECT_TRUE(response.body == body);
}

TEST_F(ProxyForward, ReadsFollowThePrimaryWhenThisRegionHasNoBackend) {
  serve_ok();
  world_.primary(kWest);
  const Response response = client().get("/");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.header("Regent-Region"), "west");
}

TEST_F(ProxyForward, OneHopIsTheLimit) {
  short_hold();
  serve_ok();
  // Each believes that the other one is primary.
  world_.east().publish(forwarding_to(kWest));
  world_.west().publish(forwarding_to(kEast));
  const Response response = client().post("/", "hello");
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(response.body, R"("error":"no_primary")"));
  EXPECT_EQ(response.header("Regent-Refused"), "");
  EXPECT_EQ(log_.size(), 0U);
  EXPECT_EQ(world_.east().observer.failed_writes, 1);
  EXPECT_EQ(world_.west().observer.failed_writes, 0) << "the client did not see its refusal";
  Client careless = client();
  careless.send("POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(careless.read_response().status, 400U);
  EXPECT_EQ(world_.east().observer.failed_writes, 1) << "that was the client's own mistake";
}

TEST_F(ProxyForward, ARefusedWriteWaitsAndIsSentAgain) {
  serve_ok();
  world_.east().publish(forwarding_to(kWest));
  world_.west().publish(forwarding_to(kEast));  // has lost the lease, east does not know yet
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return world_.west().observer.last_code == 421U; }));
  EXPECT_EQ(log_.size(), 0U);
  world_.primary(kWest);
  EXPECT_EQ(client.read_response().status, 200U);
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_TRUE(contains(log_.all().at(0), "\r\n\r\nhello"));
}

TEST_F(ProxyForward, AHeldWriteFollowsTheNewPrimary) {
  serve_ok();
  world_.no_primary();
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return world_.east().observer.held == 1; }));
  world_.primary(kWest);
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.header("Regent-Region"), "west");
}

TEST_F(ProxyForward, AGatewayThatCannotBeReachedHasGotNothing) {
  short_hold();
  serve_ok();
  world_.primary(kWest);
  world_.west().data_plane->stop();
  const Response response = client().post("/", "hello");
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(response.body, "no gateway of the primary region west"));
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(ProxyForward, AGatewayThatRefusedTheHandshakeHasGotNothing) {
  short_hold();
  serve_ok();
  world_.primary(kWest);
  world_.west().publish(cut_off_from(kEast));
  const Response response = client().post("/", "hello");
  EXPECT_EQ(response.status, 503U) << response.body;
  EXPECT_FALSE(contains(response.body, "outcome")) << response.body;
  EXPECT_GT(world_.west().observer.opened, 0) << "it was dialled";
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(ProxyForward, AWriteThatTheHandshakeRefusedWaitsAndIsSentAgain) {
  serve_ok();
  world_.primary(kWest);
  world_.west().publish(cut_off_from(kEast));
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return world_.west().observer.opened > 3; }));
  EXPECT_EQ(log_.size(), 0U);
  world_.primary(kWest);
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(log_.size(), 1U);
}

TEST_F(ProxyForward, AGatewayThatRefusesIsDialledNowAndThenHoweverManyWait) {
  constexpr std::size_t kClients = 40;
  world_.topology().services[0].hold = std::chrono::seconds(1);
  std::atomic<std::size_t> at_once = 1;
  serve([&](Peer& peer) {
    for (std::string request; !(request = peer.read_message()).empty();) {
      log_.add(std::move(request));
      eventually([&] { return log_.size() >= at_once; });
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  world_.primary(kWest);
  world_.west().publish(cut_off_from(kEast));
  std::vector<Client> clients;
  while (clients.size() < kClients) clients.push_back(client());
  const auto send_all = [&] {
    for (Client& client : clients) {
      client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
    }
  };
  send_all();
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 503U);
  // Once for each, then ten times a second by each thread; not twenty times a second by each write.
  EXPECT_LT(world_.west().observer.opened, 100);
  world_.primary(kWest);
  EXPECT_EQ(client().post("/", "it lets us in").status, 200U);
  at_once = kClients + 1;
  send_all();
  for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200U) << "at once again";
}

TEST_F(ProxyForward, ErrorsOfTheServingRegionComeThrough) {
  serve([this](Peer& peer) { log_.add(peer.read_message()); });
  world_.primary(kWest);
  const Response response = client().post("/", "hello");
  EXPECT_EQ(response.status, 502U);
  EXPECT_EQ(response.header("Regent-Region"), "west");
  EXPECT_TRUE(contains(response.body, R"("outcome":"unknown")"));
  EXPECT_EQ(log_.size(), 1U);
  EXPECT_EQ(world_.west().observer.failed_writes, 1);
  EXPECT_EQ(world_.east().observer.failed_writes, 0) << "it only brought the answer";
  EXPECT_EQ(client().get("/").status, 502U);
  EXPECT_EQ(world_.west().observer.failed_writes, 1) << "a read is no write";
}

TEST_F(ProxyForward, AnAnswerToTheHopIsWithheldUntilTheBackendGaveIt) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    peer.read_head();
    const std::string first = peer.read(5);
    begun = true;
    log_.add(first + peer.read(5));
  });
  world_.primary(kWest);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  world_.west().cell.publish(forwarding_to(kEast));
  client.send("world");
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 502U);
  EXPECT_TRUE(contains(response.body, R"("outcome":"unknown")"));
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(log_.all().at(0), "hello");
}

// Somebody with a certificate of our authority who may not use the forward port.
class ProxyStranger : public ProxyForward {
 protected:
  // A data plane that runs under the identity of `self` in its own idea of the topology.
  std::string refusal(const Identity& self) {
    serve_ok();
    world_.primary(kWest);
    Topology theirs = world_.topology();
    theirs.gateways[0].host = host(Host::stranger);
    theirs.services[0].hold = std::chrono::milliseconds(150);
    auto credentials = Credentials::load(credential_files(world_.certificates(), self), self);
    EXPECT_TRUE(credentials.ok());
    Plane stranger;
    stranger.credentials = std::move(*credentials);
    stranger.data_plane =
        std::make_unique<DataPlane>(theirs, GatewayId{0}, stranger.cell, stranger.writes,
                                    *stranger.credentials, stranger.observer);
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(stranger.data_plane->start().ok());
    stranger.publish(forwarding_to(kWest));
    const Response response =
        Client(host(Host::stranger), world_.topology().services[0].port).post("/", "hello");
    EXPECT_NE(response.status, 200U);
    EXPECT_EQ(log_.size(), 0U);
    // West logs before it lets the connection go.
    EXPECT_TRUE(eventually([&] {
      return world_.west().observer.opened > 0 && world_.west().observer.connections == 0;
    }));
    stranger.data_plane.reset();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(ProxyStranger, ANodeIsRefusedAndNamed) {
  const std::string log = refusal({"shop", IdentityRole::node, "east", "n1"});
  EXPECT_TRUE(contains(log, "peer refused")) << log;
  EXPECT_TRUE(contains(log, "spiffe://shop/region/east/node/n1")) << log;
}

TEST_F(ProxyStranger, AGatewayThatIsNotTheOneMeantIsRefused) {
  serve_ok();
  // West's port is answered by a gateway with east's certificate.
  Topology swapped = world_.topology();
  swapped.gateways[1].forward_port = world_.topology().gateways[0].forward_port;
  swapped.gateways[1].host = host(Host::east);
  swapped.gateways[0].host = host(Host::stranger);
  swapped.services[0].hold = std::chrono::milliseconds(150);
  Plane plane;
  const Identity east{"shop", IdentityRole::gateway, "east", "gw1"};
  auto credentials = Credentials::load(credential_files(world_.certificates(), east), east);
  ASSERT_TRUE(credentials.ok());
  plane.data_plane = std::make_unique<DataPlane>(swapped, GatewayId{0}, plane.cell, plane.writes,
                                                 **credentials, plane.observer);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(plane.data_plane->start().ok());
  plane.publish(forwarding_to(kWest));
  const Response response =
      Client(host(Host::stranger), world_.topology().services[0].port).post("/", "hello");
  plane.data_plane.reset();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(log, "peer refused")) << log;
  EXPECT_TRUE(contains(log, "spiffe://shop/region/east/gateway/gw1")) << log;
}

}  // namespace
}  // namespace regent::test
