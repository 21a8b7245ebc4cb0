// Upgrade: a connection that becomes a tunnel, and lives no longer than the right to serve.
#include <gtest/gtest.h>

#include "region/clock.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string kAsk =
    "GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: xyz\r\n\r\n";

class ProxyTunnel : public ::testing::Test {
 protected:
  void serve(Backend::Script script, RegionId primary = kEast) {
    backend_ = world_.serve(std::move(script), primary);
  }
  // Agrees to the upgrade, then sends back what it gets until its client ends.
  void serve_echo(RegionId primary = kEast) {
    serve(
        [this](Peer& peer) {
          log_.add(peer.read_head());
          peer.send(kSwitch);
          for (std::string data = peer.read(1); !data.empty(); data = peer.read(1)) {
            peer.send(data);
          }
          ++ended_;
        },
        primary);
  }
  Client client() { return world_.east().client(); }
  Client tunnel() {
    Client client = this->client();
    client.send(kAsk);
    EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 101 "));
    return client;
  }
  static std::string echo(Client& client, const std::string& data) {
    client.send(data);
    return client.read(data.size());
  }
  Route serving(Instant end = kNever) {
    Route route;
    route.epoch = Epoch{7};
    route.primary = kEast;
    route.known_until = kNever;
    route.serve_until = end;
    route.quorum = true;
    return route;
  }

  Log log_;
  std::atomic<int> ended_ = 0;
  World world_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(ProxyTunnel, EchoesAfterTheHandshake) {
  serve_echo();
  Client client = this->client();
  client.send(kAsk);
  const std::string head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
  for (const char* header : {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n",
                             "Sec-WebSocket-Accept: xyz\r\n", "Regent-Epoch: 7\r\n"}) {
    EXPECT_TRUE(contains(head, header)) << head;
  }
  EXPECT_FALSE(contains(head, "Content-Length"));
  EXPECT_FALSE(contains(head, "Transfer-Encoding"));
  for (const char* header : {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n",
                             "Sec-WebSocket-Key: abc\r\n", "Regent-Epoch: 7\r\n"}) {
    EXPECT_TRUE(contains(log_.all().at(0), header)) << log_.all().at(0);
  }
  EXPECT_EQ(echo(client, "hello"), "hello");
  EXPECT_EQ(echo(client, std::string("\x81\x00\r\n\r\n0\r\n\r\n", 11)).size(), 11U);
  const std::string large(300'000, 'x');
  EXPECT_TRUE(echo(client, large) == large);
  EXPECT_EQ(world_.east().writes.count(), 1);  // a switchover waits until it is closed
  EXPECT_EQ(world_.east().observer.last_code, 101U);
}

TEST_F(ProxyTunnel, CrossesTheHopBetweenGateways) {
  serve_echo(kWest);
  Client client = this->client();
  client.send(kAsk);
  EXPECT_TRUE(contains(client.read_head(), "Regent-Region: west\r\n"));
  EXPECT_EQ(echo(client, "hello"), "hello");
  client.half_close();
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
  EXPECT_TRUE(eventually([&] { return world_.west().observer.connections == 0; }));
}

TEST_F(ProxyTunnel, BytesSentBehindTheRequestArriveInOrder) {
  std::atomic<bool> agree = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_head());
    EXPECT_TRUE(eventually([&] { return agree.load(); }));
    peer.send(kSwitch + "welcome");
    log_.add(peer.read(10));
  });
  Client client = this->client();
  client.send(kAsk + "hello");
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_FALSE(contains(log_.all().at(0), "hello"));
  agree = true;
  client.read_head();
  EXPECT_EQ(client.read(7), "welcome");
  client.send("world");
  ASSERT_TRUE(eventually([&] { return log_.size() == 2; }));
  EXPECT_EQ(log_.all().at(1), "helloworld");
}

TEST_F(ProxyTunnel, EachSideMayEndFirst) {
  serve([&](Peer& peer) {
    const bool backend_first = contains(peer.read_head(), "/first");
    peer.send(kSwitch);
    if (backend_first) {
      peer.half_close();
      log_.add(peer.read_to_end());
    } else {
      log_.add(peer.read_to_end());
      peer.send("goodbye");
    }
  });
  Client one = client();
  one.send(kAsk);
  one.read_head();
  one.send("last words");
  one.half_close();
  EXPECT_EQ(one.read_to_end(), "goodbye");
  Client other = client();
  std::string ask = kAsk;
  other.send(ask.replace(4, 5, "/first"));
  other.read_head();
  EXPECT_TRUE(other.at_end());
  other.send("more");
  other.half_close();
  ASSERT_TRUE(eventually([&] { return log_.size() == 2; }));
  EXPECT_EQ(log_.all().at(0), "last words");
  EXPECT_EQ(log_.all().at(1), "more");
  EXPECT_TRUE(eventually([&] { return world_.east().observer.connections == 0; }));
}

TEST_F(ProxyTunnel, AFastSideWaitsForASlowOne) {
  std::atomic<bool> read_on = false;
  std::atomic<std::size_t> back = 0;
  const std::string data(64'000'000, 'x');
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send(kSwitch);
    back = peer.send_until_stalled(data);
    EXPECT_TRUE(eventually([&] { return read_on.load(); }));
    log_.add(std::to_string(peer.read_to_end().size()));
  });
  Client client = tunnel();
  const std::size_t forth = client.send_until_stalled(data);
  EXPECT_LT(forth, 40'000'000U);
  ASSERT_TRUE(eventually([&] { return back > 0; }));
  EXPECT_LT(back, 40'000'000U);
  read_on = true;
  EXPECT_EQ(client.read(back).size(), back);
  client.half_close();
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(log_.all().at(0), std::to_string(forth));
}

// Whether the gateway takes so many bytes in from backends, before it takes no more.
bool takes_in(const CountingObserver& counts, std::size_t goal) {
  std::size_t seen = 0;
  Instant moved = boot_now();
  EXPECT_TRUE(eventually([&] {
    const std::size_t now = counts.to_client;
    if (std::exchange(seen, now) != now) moved = boot_now();
    return now >= goal || boot_now() - moved > std::chrono::seconds(1);
  }));
  return seen >= goal;
}

// The first connection finds out what fits in between. Then backends send a little less, so that
// the gateway sees their end, too, while it still keeps data for the client; how much that is
// depends on the kernel's mood.
TEST_F(ProxyTunnel, WhatIsStillQueuedWhenBothSidesHaveEndedArrives) {
  const std::string data(64'000'000, 'x');
  std::atomic<std::size_t> sends = 0;
  CountingObserver& counts = world_.east().observer;
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send(kSwitch);
    log_.add(peer.read_to_end());
    if (sends == 0) {
      peer.send_until_stalled(data);
      sends = counts.to_client.load();
    } else {
      peer.send(data.substr(0, sends));
    }
  });
  {
    Client client = tunnel();
    client.half_close();
    ASSERT_TRUE(eventually([&] { return sends > 0; }));
  }
  ASSERT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::lost) == 1; }));
  bool all = false;
  for (int tries = 1; !all; ++tries) {
    ASSERT_LE(tries, 10);
    sends = sends - 64 * 1024;
    const std::size_t before = counts.to_client;
    Client client = tunnel();
    client.send("last words");
    client.half_close();
    all = takes_in(counts, before + sends);
    EXPECT_EQ(client.read_to_end().size(), sends);
    EXPECT_EQ(client.error(), 0);
    EXPECT_EQ(log_.all().back(), "last words");
    EXPECT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::closed) == tries; }));
  }
}

TEST_F(ProxyTunnel, EndsWithTheLeaseThoughNobodySendsAnything) {
  serve_echo();
  world_.east().publish(serving(boot_now() + std::chrono::hours(1)));
  Client client = tunnel();
  EXPECT_EQ(echo(client, "hello"), "hello");
  // Only now: on a busy machine a handshake may well outlast a short lease.
  const Instant end = boot_now() + std::chrono::milliseconds(300);
  world_.east().publish(serving(end));
  EXPECT_TRUE(client.at_end());
  EXPECT_GE(boot_now(), end);
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
  CountingObserver& counts = world_.east().observer;
  EXPECT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::cut) == 1; }));
}

TEST_F(ProxyTunnel, ARenewedLeaseKeepsItOpen) {
  serve_echo();
  const Instant end = boot_now() + std::chrono::milliseconds(200);
  world_.east().publish(serving(end));
  Client client = tunnel();
  world_.east().publish(serving(end + std::chrono::hours(1)));
  ASSERT_TRUE(eventually([&] { return boot_now() > end + std::chrono::milliseconds(20); }));
  EXPECT_EQ(echo(client, "hello"), "hello");
}

TEST_F(ProxyTunnel, NotAByteAfterTheRightThoughTheDataPlaneIsNotTold) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send(kSwitch);
    log_.add(peer.read(5));
    begun = true;
    log_.add(peer.read_to_end());
  });
  Client client = tunnel();
  client.send("hello");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  Route draining = serving();
  draining.draining = true;
  world_.east().cell.publish(draining);
  client.send("world");
  ASSERT_TRUE(eventually([&] { return log_.size() == 2; }));
  EXPECT_EQ(log_.all().at(1), "");
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return world_.east().writes.count() == 0; }));
}

TEST_F(ProxyTunnel, DrainingAndAnotherReignCutIt) {
  serve_echo();
  Route draining = serving();
  draining.draining = true;
  Route next = serving();
  next.epoch = Epoch{9};
  int cut = 0;
  for (const Route& route : {draining, next, Route{}}) {
    world_.east().publish(serving());
    Client client = tunnel();
    EXPECT_EQ(echo(client, "hello"), "hello");
    EXPECT_EQ(world_.east().writes.count(), 1);
    world_.east().publish(route);
    EXPECT_TRUE(client.at_end());
    EXPECT_TRUE(eventually([&] { return world_.east().writes.count() == 0; }));
    EXPECT_TRUE(eventually([&] { return ended_ == cut + 1; }));
    ++cut;
  }
  EXPECT_EQ(cut, 3);
}

TEST_F(ProxyTunnel, AHandshakeThatOutlivesTheRightIsNotCompleted) {
  std::atomic<bool> agree = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_head());
    EXPECT_TRUE(eventually([&] { return agree.load(); }));
    peer.send(kSwitch);
    log_.add(peer.read_to_end());
  });
  Client client = this->client();
  client.send(kAsk);
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(world_.east().writes.count(), 1);  // until it is a tunnel it is a write like others
  Route draining = serving();
  draining.draining = true;
  world_.east().publish(draining);
  agree = true;
  EXPECT_EQ(client.read_response().status, 502U);
  EXPECT_TRUE(eventually([&] { return world_.east().writes.count() == 0; }));
}

TEST_F(ProxyTunnel, TheServingRegionCutsAForwardedOne) {
  serve_echo(kWest);
  Client client = tunnel();
  EXPECT_EQ(echo(client, "hello"), "hello");
  Route draining = serving();
  draining.primary = kWest;
  draining.draining = true;
  world_.west().publish(draining);
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
}

TEST_F(ProxyTunnel, AForwardedOneEndsWhenThePrimaryMovesOrItsLinkIsLost) {
  serve_echo(kWest);
  Route lost;
  lost.epoch = Epoch{7};
  lost.primary = kWest;
  lost.known_until = kNever;
  lost.lost = {GatewayId{1}};
  Route moved = serving();
  moved.epoch = Epoch{8};
  for (const Route& route : {lost, moved}) {
    world_.primary(kWest);
    Client client = tunnel();
    EXPECT_EQ(echo(client, "hello"), "hello");
    world_.east().publish(route);
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_TRUE(eventually([&] { return ended_ == 2; }));
}

TEST_F(ProxyTunnel, AskingIsAWriteWhateverTheMethod) {
  serve_echo();
  world_.no_primary();
  Client client = this->client();
  client.send(kAsk);
  ASSERT_TRUE(eventually([&] { return world_.east().observer.held == 1; }));
  EXPECT_EQ(log_.size(), 0U);
  world_.primary(kEast);
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 101 "));
}

TEST_F(ProxyTunnel, ARefusedUpgradeLeavesAnOrdinaryConnection) {
  serve(answer_ok(log_));
  Client client = this->client();
  client.send(kAsk + "GET /next HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "ok");
  EXPECT_EQ(client.read_response().body, "ok");
  EXPECT_TRUE(log_.all().at(1).starts_with("GET /next "));
  EXPECT_FALSE(contains(log_.all().at(1), "pgrade"));
}

TEST_F(ProxyTunnel, WhatIsNoOfferIsNotPassedOn) {
  serve(answer_ok(log_));
  const char* const offers[] = {
      "Upgrade: websocket\r\n",
      "Connection: Upgrade\r\n",
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
      "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n",
      "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n",
      "Connection: Upgrade\r\nUpgrade:\r\nUpgrade: b\r\n",
      "HTTP2-Settings: AAMAAABk\r\n",
  };
  std::size_t requests = 0;
  world_.no_primary();  // and what is no offer is the read that it says it is
  for (const char* offer : offers) {
    EXPECT_EQ(client().get("/", offer).status, 200U) << offer;
    const std::string request = log_.all().at(requests++);
    EXPECT_FALSE(contains(request, "pgrade")) << request;
    EXPECT_FALSE(contains(request, "onnection")) << request;
    EXPECT_FALSE(contains(request, "HTTP2")) << request;
  }
  Client old = client();
  old.send("GET / HTTP/1.0\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(old.read_response().status, 200U);
  EXPECT_FALSE(contains(log_.all().at(requests), "pgrade"));
}

TEST_F(ProxyTunnel, AnUnaskedOrOtherSwitchIsABadGateway) {
  static const std::string answers[] = {  // outlive the backend's thread
      kSwitch,
      "HTTP/1.1 101 Other\r\nUpgrade: irc\r\nConnection: Upgrade\r\n\r\n",
      "HTTP/1.1 101 Unnamed\r\nUpgrade: websocket\r\n\r\n",
      "HTTP/1.1 101 Empty\r\nConnection: Upgrade\r\n\r\n",
      "HTTP/1.1 101 Framed\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Content-Length: 3\r\n\r\nabc",
  };
  std::atomic<std::size_t> next = 0;
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send(answers[next]);
    peer.read_to_end();
  });
  EXPECT_EQ(client().get("/").status, 502U);
  for (next = 1; next < 5; ++next) {
    Client client = this->client();
    client.send(kAsk);
    EXPECT_EQ(client.read_response().status, 502U) << answers[next];
  }
}

TEST_F(ProxyTunnel, TheEndOfAClientEndsTheBackendsConnection) {
  serve_echo();
  {
    Client client = tunnel();
    EXPECT_EQ(echo(client, "hello"), "hello");
    client.reset();
  }
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
  EXPECT_TRUE(eventually([&] { return world_.east().observer.connections == 0; }));
}

TEST_F(ProxyTunnel, StopCutsIt) {
  serve_echo();
  Client client = tunnel();
  EXPECT_EQ(echo(client, "hello"), "hello");
  world_.east().data_plane->stop();
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
}

class ProxyIdleTunnel : public ProxyTunnel {
 protected:
  ProxyIdleTunnel() {
    world_.topology().services[0].timeouts.idle = std::chrono::milliseconds(200);
  }
};

TEST_F(ProxyIdleTunnel, SilenceHasALimit) {
  serve([this](Peer& peer) {
    peer.read_head();
    peer.send(kSwitch);
    log_.add(peer.read_to_end());
  });
  Client client = tunnel();
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return log_.size() == 1; }));
}

}  // namespace
}  // namespace regent::test
