// The right to serve writes: nothing reaches a backend without it, and nothing is completed after
// it.
#include <gtest/gtest.h>

#include "region/clock.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ProxyWrite : public ::testing::Test {
 protected:
  void serve(Backend::Script script) {
    backend_ = std::make_unique<Backend>(host(Host::backends), std::move(script));
    world_.add_backend(kEast, backend_->port());
    world_.start();
  }
  void serve_ok() { serve(answer_ok(log_)); }
  Plane& east() { return world_.east(); }
  Client client() { return east().client(); }

  // East is primary in epoch 7 and may serve until `end`.
  Route serving(Instant end = kNever) {
    Route route;
    route.epoch = Epoch{7};
    route.primary = kEast;
    route.known_until = kNever;
    route.serve_until = end;
    route.quorum = true;
    return route;
  }
  Route unknown() {
    Route route;
    route.epoch = Epoch{7};
    return route;
  }

  Log log_;
  Duration hold_ = std::chrono::seconds(20);
  ProxyLimits limits_;
  std::unique_ptr<Backend> backend_;
  World world_{[this](Service& service) { service.hold = hold_; }, limits_};
};

class ProxyShortHold : public ProxyWrite {
 protected:
  ProxyShortHold() { world_.topology().services[0].hold = std::chrono::milliseconds(150); }
};

TEST_F(ProxyWrite, AHeldWriteGoesOutWhenTheRouteAppears) {
  serve_ok();
  east().publish(unknown());
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return east().observer.held == 1; }));
  client.send("world");
  EXPECT_EQ(log_.size(), 0U);
  east().publish(serving());
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_TRUE(contains(log_.all().at(0), "\r\n\r\nhelloworld"));
  EXPECT_EQ(east().observer.held, 0);
}

TEST_F(ProxyShortHold, AWriteThatWaitedInVainGetsNoPrimary) {
  serve_ok();
  east().publish(unknown());
  Client client = this->client();
  const Response response = client.post("/", "hello");
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(response.body, R"({"success":false,"error":"no_primary","message":")"));
  EXPECT_TRUE(contains(response.body, R"("epoch":7,)"));
  EXPECT_TRUE(contains(response.body, R"("primary":null,"quorum":false)"));
  EXPECT_EQ(response.header("Retry-After"), "1");
  EXPECT_EQ(response.header("Regent-Epoch"), "7");
  // The connection stays good, and reads work, marked.
  const Response read = client.get("/");
  EXPECT_EQ(read.status, 200U);
  EXPECT_EQ(read.header("Regent-Stale"), "true");
  EXPECT_EQ(log_.size(), 1U);
}

TEST_F(ProxyWrite, TheClockEndsTheRightEvenIfNoRouteComes) {
  serve_ok();
  east().publish(serving());
  Client client = this->client();
  EXPECT_EQ(client.post("/", "early").status, 200U);
  const Instant end = boot_now() + std::chrono::milliseconds(100);
  east().publish(serving(end));
  ASSERT_TRUE(eventually([&] { return boot_now() >= end; }));
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nlate");
  ASSERT_TRUE(eventually([&] { return east().observer.held == 1; }));
  EXPECT_EQ(log_.size(), 1U);
  east().publish(serving());
  EXPECT_EQ(client.read_response().status, 200U);
}

TEST_F(ProxyWrite, AWriteWhoseBodyOutlivesTheLeaseIsNeverCompleted) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    const std::string head = peer.read_head();
    const std::string first = peer.read(5);
    begun = true;
    log_.add(first + peer.read(5));
  });
  east().publish(serving());
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  EXPECT_EQ(east().writes.count(), 1);
  east().cell.publish(serving(Instant::min()));  // and the data plane is not even told
  client.send("world");
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 502U);
  EXPECT_TRUE(contains(response.body, R"("outcome":"unknown")"));
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(log_.all().at(0), "hello");
  EXPECT_EQ(east().observer.fences, 1);
  EXPECT_EQ(east().writes.count(), 0);
}

TEST_F(ProxyWrite, ChunksStopWithTheLeaseToo) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    peer.read_head();
    EXPECT_EQ(peer.read(10), "5\r\nhello\r\n");
    begun = true;
    log_.add(peer.read_to_end());
  });
  east().publish(serving());
  Client client = this->client();
  client.send(
      "POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  east().cell.publish(serving(Instant::min()));
  client.send("0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 502U);
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(log_.all().at(0), "");
}

TEST_F(ProxyWrite, BytesThatWaitForASlowBackendDoNotOutliveTheLease) {
  std::atomic<bool> read_on = false;
  serve([&](Peer& peer) {
    peer.read_head();
    EXPECT_TRUE(eventually([&] { return read_on.load(); }));
    log_.add(std::to_string(peer.read_to_end().size()));
  });
  east().publish(serving());
  Client client = this->client();
  const std::string body(64'000'000, 'x');
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 64000000\r\n\r\n");
  client.send_until_stalled(body);
  east().cell.publish(serving(Instant::min()));
  read_on = true;
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_LT(std::stoul(log_.all().at(0)), body.size());
  EXPECT_EQ(east().writes.count(), 0);
}

TEST_F(ProxyWrite, AnotherReignIsAnotherRight) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    peer.read_head();
    const std::string first = peer.read(5);
    begun = true;
    log_.add(first + peer.read(5));
  });
  east().publish(serving());
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  Route next = serving();
  next.epoch = Epoch{9};
  east().cell.publish(next);
  client.send("world");
  EXPECT_EQ(client.read_response().status, 502U);
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  EXPECT_EQ(log_.all().at(0), "hello");
}

TEST_F(ProxyWrite, ASentWriteGetsItsAnswerAfterTheLease) {
  std::atomic<bool> answer = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_message());
    EXPECT_TRUE(eventually([&] { return answer.load(); }));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  east().publish(serving());
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  east().publish(unknown());
  EXPECT_EQ(east().writes.count(), 1);
  answer = true;
  EXPECT_EQ(client.read_response().status, 200U);
  EXPECT_TRUE(eventually([&] { return east().writes.count() == 0; }));
}

TEST_F(ProxyWrite, ASentWriteCountsUntilItsAnswerEvenWhenTheClientLeaves) {
  std::atomic<bool> answer = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_message());
    EXPECT_TRUE(eventually([&] { return answer.load(); }));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.read_head();
  });
  east().publish(serving());
  {
    Client client = this->client();
    client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello");
    ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
    client.reset();
  }
  // A read on another connection shows that the reset has been seen.
  east().publish(serving());
  EXPECT_EQ(east().writes.count(), 1);
  answer = true;
  EXPECT_TRUE(eventually([&] { return east().writes.count() == 0; }));
  EXPECT_TRUE(eventually([&] { return east().observer.connections == 0; }));
}

TEST_F(ProxyWrite, WritesWaitWhileDrainingAndThoseUnderWayFinish) {
  std::atomic<bool> begun = false;
  serve([&](Peer& peer) {
    while (true) {
      if (peer.read_head().empty()) return;
      const std::string first = peer.read(5);
      begun = true;
      log_.add(first + peer.read(5));
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  east().publish(serving());
  Client under_way = client();
  under_way.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  Route draining = serving();
  draining.draining = true;
  east().publish(draining);
  Client waiting = client();
  waiting.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nsecond wri");
  ASSERT_TRUE(eventually([&] { return east().observer.held == 1; }));
  under_way.send("world");
  EXPECT_EQ(under_way.read_response().status, 200U);
  EXPECT_TRUE(eventually([&] { return east().writes.count() == 0; }));
  EXPECT_EQ(log_.size(), 1U);
  east().publish(serving());
  EXPECT_EQ(waiting.read_response().status, 200U);
  EXPECT_EQ(log_.all().at(1), "second wri");
}

TEST_F(ProxyWrite, EveryWriteIsCountedWhileARouteIsTakenAway) {
  // With WritesInFlight at zero and no route, no backend may get a write any more: the promise a
  // switchover rests on.
  std::atomic<bool> over = false;
  std::atomic<int> after = 0;
  serve([&](Peer& peer) {
    while (true) {
      if (peer.read_message().empty()) return;
      if (over) ++after;
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  east().publish(serving());
  std::atomic<bool> stop = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      Client client = this->client();
      while (!stop) {
        if (client.post("/", "x").status != 200U) return;
      }
    });
  }
  for (int round = 0; round < 50; ++round) {
    Route draining = serving();
    draining.draining = true;
    east().publish(draining);
    ASSERT_TRUE(eventually([&] { return east().writes.count() == 0; }));
    over = true;
    east().publish(unknown());
    ASSERT_TRUE(eventually([&] { return east().observer.held == 4; }));
    over = false;
    east().publish(serving());
    ASSERT_TRUE(eventually([&] { return east().observer.held < 4; }));
  }
  stop = true;
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(after, 0);
}

TEST(ProxyHeld, ThereIsALimit) {
  ProxyLimits limits;
  limits.max_held = 1;
  World world([](Service&) {}, limits);
  world.start();
  world.no_primary();
  Client first = world.east().client();
  first.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return world.east().observer.held == 1; }));
  const Response response = world.east().client().post("/", "");
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(response.body, R"("error":"overloaded")"));
}

}  // namespace
}  // namespace regent::test
