// What becomes of connections whose service a reload removes, and of requests for one that another
// gateway does not have yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/http2_client.h"
#include "tests/unit/gateway/reload_world.h"

namespace regent::test {
namespace {

using ::testing::HasSubstr;

class ProxyRemoval : public ReloadWorld {
 protected:
  Status remove(Duration stop_limit = std::chrono::seconds(60)) {
    return reload([stop_limit](Topology& next) {
      next.services.clear();
      next.traffic.stop_limit = stop_limit;
    });
  }
  // Answers when it is told to.
  Backend::Script slow() {
    return [this](Peer& peer) {
      while (!peer.read_message().empty()) {
        ++under_way_;
        EXPECT_TRUE(eventually([&] { return answer_.load(); }));
        if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
      }
    };
  }
  // Answers with a body that has no end, a small chunk each millisecond.
  Backend::Script endless() {
    return [this](Peer& peer) {
      if (peer.read_head().empty()) return;
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (peer.send("1\r\nx\r\n")) {
        ++under_way_;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    };
  }
  // Agrees to an upgrade and sends back what it gets.
  static void echo(Peer& peer) {
    if (peer.read_head().empty()) return;
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    for (std::string data = peer.read(1); !data.empty(); data = peer.read(1)) peer.send(data);
  }
  static Client tunnel(Client client) {
    client.send(
        "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 101 "));
    return client;
  }
  static std::string echoed(Client& client, const std::string& data) {
    client.send(data);
    return client.read(data.size());
  }

  std::atomic<int> under_way_ = 0;
  std::atomic<bool> answer_ = false;
};

TEST_F(ProxyRemoval, ARequestThatHasOnlyBegunToComeIsRefused) {
  answer_ = true;
  Backend backend(host(Host::backends), slow());
  start(backend);
  Client client = this->client();
  // What is sent at once is read at once, so the second has begun when the first is answered.
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\nGET / HTTP/1.1\r\nHost: ");
  EXPECT_EQ(client.read_response().status, 200U);
  ASSERT_TRUE(remove().ok());
  client.send("shop\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 503U);
  EXPECT_THAT(response.body, HasSubstr(R"("error":"no_backend")"));
  EXPECT_EQ(response.header("Retry-After"), "1");
  EXPECT_TRUE(client.at_end());
}

TEST_F(ProxyRemoval, StreamsOfHttp2FinishAndNewOnesAreRefused) {
  Backend backend(host(Host::backends), slow());
  start(backend);
  ASSERT_TRUE(reload([this](Topology& next) {
                const std::string folder = world_->certificates();
                next.services[0].tls = {{folder + "/east.gw1.crt", folder + "/east.gw1.key"}};
              }).ok());
  Http2Client client(world_->east().host, world_->east().port);
  const std::int32_t first = client.begin("GET", "/");
  client.flush();
  ASSERT_TRUE(eventually([&] { return under_way_ == 1; }));
  ASSERT_TRUE(remove().ok());
  // It has not read the GOAWAY yet.
  const Http2Answer& late = client.get("/");
  EXPECT_EQ(late.status, 503U);
  EXPECT_THAT(late.body, HasSubstr(R"("error":"no_backend")"));
  answer_ = true;
  EXPECT_EQ(client.wait(first).status, 200U);
  EXPECT_TRUE(client.wait_for_end());
  EXPECT_EQ(client.goaway(), 0U);
  EXPECT_EQ(under_way_, 1);
}

TEST_F(ProxyRemoval, AnAnswerWithoutEndGoesOnForAsLongAsAStopWouldTake) {
  Backend backend(host(Host::backends), endless());
  start(backend);
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200 "));
  ASSERT_TRUE(remove(std::chrono::seconds(60)).ok());
  const int sent = under_way_;
  EXPECT_TRUE(eventually([&] { return !client.read(1).empty() && under_way_ > sent + 300; }));
}

TEST_F(ProxyRemoval, AndTheAnswerIsCutThen) {
  Backend backend(host(Host::backends), endless());
  start(backend);
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200 "));
  ASSERT_TRUE(remove(std::chrono::milliseconds(1)).ok());
  std::string last;
  EXPECT_TRUE(eventually([&] { return (last = client.read(1000)).size() < 1000; }));
  EXPECT_FALSE(last.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(eventually([&] { return world_->east().observer.connections == 0; }));
}

TEST_F(ProxyRemoval, ABodyWithoutEndIsRefusedThen) {
  Backend backend(host(Host::backends), [](Peer& peer) { peer.read_to_end(); });
  start(backend);
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  ASSERT_TRUE(eventually([&] { return backend.connections() == 1; }));
  ASSERT_TRUE(remove(std::chrono::milliseconds(1)).ok());
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 502U);
  EXPECT_THAT(response.body, HasSubstr(R"("outcome":"unknown")"));
  EXPECT_THAT(response.body, HasSubstr("does not serve this service any more"));
}

TEST_F(ProxyRemoval, ATunnelGoesOnForAsLongAsAStopWouldTake) {
  Backend backend(host(Host::backends), echo);
  start(backend);
  Client own = tunnel(client());
  Client forwarded = tunnel(world_->west().client());
  ASSERT_TRUE(remove(std::chrono::seconds(60)).ok());
  EXPECT_EQ(echoed(own, "hello"), "hello");
  EXPECT_EQ(echoed(forwarded, "hello"), "hello");
  // What has moved is counted when a tunnel's time limits are looked at.
  ASSERT_TRUE(eventually([&] { return world_->east().observer.to_backend == 10U; }));
  EXPECT_EQ(echoed(own, "again"), "again");
  EXPECT_EQ(echoed(forwarded, "again"), "again");
}

TEST_F(ProxyRemoval, AndIsCutThen) {
  Backend backend(host(Host::backends), echo);
  start(backend);
  Client own = tunnel(client());
  Client forwarded = tunnel(world_->west().client());
  ASSERT_TRUE(remove(std::chrono::milliseconds(1)).ok());
  EXPECT_TRUE(own.at_end());
  EXPECT_TRUE(forwarded.at_end());
  EXPECT_TRUE(eventually([&] { return world_->east().observer.connections == 0; }));
}

TEST_F(ProxyRemoval, AServiceThatComesBackInTimeKeepsItsTunnels) {
  Backend backend(host(Host::backends), echo);
  start(backend);
  const std::vector<Service> services = world_->topology().services;
  Client own = tunnel(client());
  ASSERT_TRUE(remove(std::chrono::seconds(1)).ok());
  ASSERT_TRUE(reload([&](Topology& next) { next.services = services; }).ok());
  // A second service's tunnels are cut a second later than its own would have been.
  ASSERT_TRUE(reload([&](Topology& next) {
                next.services.push_back(services[0]);
                next.services.back().name = "pears";
                next.services.back().port = free_port(world_->east().host);
              }).ok());
  Client other = tunnel(Client(world_->east().host, world_->topology().services[1].port));
  ASSERT_TRUE(reload([&](Topology& next) {
                next.services = services;
                next.traffic.stop_limit = std::chrono::seconds(1);
              }).ok());
  EXPECT_TRUE(other.at_end());
  EXPECT_EQ(echoed(own, "hello"), "hello");
}

TEST_F(ProxyRemoval, AGatewayThatHasTheServiceSoonerLetsItsRequestsWait) {
  Log log;
  Backend backend(host(Host::backends), answer_ok(log));
  start(backend);
  const auto add = [port = free_port(world_->west().host)](Topology& next) {
    next.services.push_back(next.services[0]);
    next.services.back().name = "pears";
    next.services.back().port = port;
  };
  const std::vector<Service> before = world_->topology().services;
  ASSERT_TRUE(reload(*world_->west().data_plane, add).ok());
  Client client(world_->west().host, world_->topology().services[1].port);
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return world_->west().observer.held == 1; }));
  EXPECT_EQ(log.size(), 0U);
  world_->topology().services = before;
  ASSERT_TRUE(reload(add).ok());
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_EQ(log.size(), 1U);
}

TEST_F(ProxyRemoval, AProtocolDoesNotChange) {
  Log log;
  Backend backend(host(Host::backends), answer_ok(log));
  start(backend);
  const Status status =
      reload([](Topology& next) { next.services[0].protocol = Protocol::tcp; });
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("service orders: its protocol cannot change"));
  EXPECT_EQ(client().get("/").status, 200U);
}

}  // namespace
}  // namespace regent::test
