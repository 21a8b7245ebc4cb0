// Requests and answers through a data plane that serves its own region's backends.
#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

class Proxy : public ::testing::Test {
 protected:
  // A world with one backend in the east that runs the script; east is primary.
  void serve(Backend::Script script) { backend_ = world_.serve(std::move(script)); }
  void serve_ok() { serve(answer_ok(log_)); }
  Client client() { return world_.east().client(); }

  Log log_;
  World world_{[this](Service& service) { service.max_body_bytes = max_body_; }};
  std::unique_ptr<Backend> backend_;
  static constexpr std::uint64_t max_body_ = 100'000'000;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Proxy, KeepsBothConnectionsForManyRequests) {
  serve_ok();
  Client client = this->client();
  for (int i = 0; i < 50; ++i) {
    const Response response = i % 2 == 0 ? client.get("/x") : client.post("/x", "hello");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body, "ok");
    EXPECT_EQ(response.header("Regent-Epoch"), "7");
    EXPECT_EQ(response.header("Regent-Region"), "east");
    EXPECT_EQ(response.header("Regent-Stale"), "");
  }
  EXPECT_EQ(backend_->connections(), 1);
  const std::string post = log_.all().at(1);
  EXPECT_TRUE(contains(post, "Regent-Epoch: 7\r\n"));
  EXPECT_TRUE(contains(post, "Regent-Region: east\r\n"));
  EXPECT_TRUE(contains(post, "X-Forwarded-For: 127.0.0.1\r\n"));
  EXPECT_TRUE(contains(post, "\r\n\r\nhello"));
  EXPECT_TRUE(eventually([&] { return world_.east().observer.done == 50; }));
  EXPECT_EQ(world_.east().writes.count(), 0);
}

TEST_F(Proxy, PipelinedRequestsAreAnsweredInOrder) {
  serve([](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const std::string path = head.substr(4, 2);
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path);
    }
  });
  Client client = this->client();
  std::string all;
  for (int i = 0; i < 9; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: shop\r\n\r\n";
  }
  client.send(all);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(client.read_response().body, "/" + std::to_string(i));
}

TEST_F(Proxy, ChunkedBodiesBothWaysInSmallPieces) {
  serve([this](Peer& peer) {
    log_.add(peer.read_message());
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const char* chunk : {"3\r\nabc\r\n", "4;x=y\r\ndefg\r\n", "0\r\nT: t\r\n\r\n"}) {
      for (const char* c = chunk; *c != 0; ++c) peer.send(std::string(1, *c));
    }
    peer.read_head();
  });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : std::string("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")) {
    client.send(std::string(1, c));
  }
  EXPECT_EQ(client.read_response().body, "abcdefg");
  EXPECT_TRUE(contains(log_.all().at(0), "\r\n\r\nhello!"));
}

TEST_F(Proxy, AnswersWithoutBodyLeaveTheConnectionUsable) {
  serve([](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      if (head.starts_with("HEAD")) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
      if (head.starts_with("GET /204")) peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      if (head.starts_with("GET /304")) {
        peer.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
      }
    }
  });
  Client client = this->client();
  client.send("HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(client.read_response(true).header("Content-Length"), "99");
  EXPECT_EQ(client.get("/204").status, 204U);
  EXPECT_EQ(client.get("/304").status, 304U);
  EXPECT_EQ(client.get("/204").status, 204U);
}

TEST_F(Proxy, AnAnswerThatEndsWithTheConnection) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  });
  Client modern = client();
  EXPECT_EQ(modern.get("/").body, "until the end");
  EXPECT_EQ(modern.get("/").body, "until the end");
  Client old = client();
  old.send("GET / HTTP/1.0\r\n\r\n");
  const Response response = old.read_response();
  EXPECT_EQ(response.body, "until the end");
  EXPECT_EQ(response.header("Connection"), "close");
}

TEST_F(Proxy, AFastClientWaitsForASlowBackend) {
  std::atomic<bool> read_on = false;
  serve([&](Peer& peer) {
    peer.read_head();
    EXPECT_TRUE(eventually([&] { return read_on.load(); }));
    const std::string body = peer.read(64'000'000);
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + std::to_string(body.size()));
  });
  const std::string body(64'000'000, 'x');
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 64000000\r\n\r\n");
  const std::size_t taken = client.send_until_stalled(body);
  EXPECT_LT(taken, 40'000'000U);
  read_on = true;
  client.send(body.substr(taken));
  EXPECT_EQ(client.read_response().body, "64000000");
}

TEST_F(Proxy, AFastBackendWaitsForASlowClient) {
  std::atomic<std::size_t> taken = 0;
  const std::string body(64'000'000, 'x');
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n");
    const std::size_t first = peer.send_until_stalled(body);
    taken = first;
    peer.send(body.substr(first));
  });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return taken > 0; }));
  EXPECT_LT(taken, 40'000'000U);
  EXPECT_EQ(client.read_response().body.size(), body.size());
}

TEST_F(Proxy, ExpectContinueIsPassedOn) {
  serve([](Peer& peer) {
    const std::string head = peer.read_head();
    EXPECT_TRUE(contains(head, "Expect: 100-continue"));
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + peer.read(5));
  });
  Client client = this->client();
  client.send(
      "PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 100U);
  client.send("hello");
  EXPECT_EQ(client.read_response().body, "hello");
}

TEST_F(Proxy, SmuggledRequestsAreRefusedAndNothingIsForwarded) {
  serve_ok();
  const std::string cases[] = {
      "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /secret HTTP/1.1\r\nHost: shop\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n"
      "GET /secret HTTP/1.1\r\nHost: shop\r\n\r\n",
      "GET / HTTP/1.1\nHost: shop\n\n",
      "GET / HTTP/1.1\r\nHost: shop\r\nX: a\r\n b\r\n\r\n",
  };
  for (const std::string& text : cases) {
    Client client = this->client();
    client.send(text);
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 400U) << text;
    EXPECT_TRUE(contains(response.body, R"("error":"bad_request")"));
    EXPECT_EQ(response.header("Connection"), "close");
    client.half_close();
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(Proxy, BadChunksNeverCompleteARequest) {
  std::atomic<bool> ended = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_message());
    ended = true;
  });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  client.send("zz\r\n");
  EXPECT_EQ(client.read_response().status, 400U);
  client.half_close();
  EXPECT_TRUE(client.at_end());
  // What the backend may have seen of it was cut off.
  if (backend_->connections() > 0) {
    EXPECT_TRUE(eventually([&] { return ended.load(); }));
    EXPECT_TRUE(contains(log_.all().at(0), "<cut>"));
  }
}

TEST_F(Proxy, LimitsHaveTheirOwnStatus) {
  serve_ok();
  Client large_head = client();
  large_head.send("GET / HTTP/1.1\r\nHost: shop\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n");
  EXPECT_EQ(large_head.read_response().status, 431U);
  Client long_target = client();
  long_target.send("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(long_target.read_response().status, 414U);
  Client large_body = client();
  large_body.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000001\r\n\r\n");
  EXPECT_EQ(large_body.read_response().status, 413U);
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(Proxy, ABackendThatClosesWithoutAnswerLeavesTheOutcomeOpen) {
  serve([this](Peer& peer) { log_.add(peer.read_message()); });
  Client writing = client();
  const Response write = writing.post("/", "hello");
  EXPECT_EQ(write.status, 502U);
  EXPECT_TRUE(contains(write.body, R"("error":"backend_closed")"));
  EXPECT_TRUE(contains(write.body, R"("outcome":"unknown")"));
  EXPECT_EQ(log_.size(), 1U);  // never sent again
  // A read has no outcome to be unsure of, and may be tried again.
  const Response read = writing.get("/");
  EXPECT_EQ(read.status, 502U);
  EXPECT_FALSE(contains(read.body, "outcome"));
  EXPECT_EQ(log_.size(), 4U);
}

TEST_F(Proxy, AnIdempotencyKeyAllowsASecondTry) {
  std::atomic<int> tries = 0;
  serve([&](Peer& peer) {
    log_.add(peer.read_message());
    if (++tries < 3) return;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(client().post("/", "hello", "Idempotency-Key: 7\r\n").status, 200U);
  ASSERT_EQ(log_.size(), 3U);
  EXPECT_EQ(log_.all().at(0), log_.all().at(2));
}

TEST_F(Proxy, AKeptConnectionThatTheBackendClosedCostsNoRequest) {
  serve([this](Peer& peer) {
    log_.add(peer.read_message());
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Client client = this->client();
  for (int i = 0; i < 20; ++i) {
    const Response response = client.get("/");
    EXPECT_EQ(response.status, 200U);
  }
}

TEST_F(Proxy, AnAnswerThatIsCutShortIsCutForTheClient) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(response.body, "half");
  EXPECT_TRUE(client.at_end());
}

TEST_F(Proxy, AnAnswerWithABadChunkReachesNobodyElse) {
  serve([](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      peer.send(contains(head, "/bad")
                    ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  for (int i = 0; i < 3; ++i) {
    Client unlucky = client();
    unlucky.send("GET /bad HTTP/1.1\r\nHost: shop\r\n\r\n");
    EXPECT_FALSE(contains(unlucky.read_to_end(), "zz"));
    Client other = client();
    const Response response = other.get("/good");
    EXPECT_EQ(response.header("Content-Length"), "2");
    EXPECT_EQ(response.body, "ok");
  }
}

TEST_F(Proxy, AMalformedAnswerIsABadGateway) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    peer.read_head();
  });
  EXPECT_EQ(client().get("/").status, 502U);
}

TEST_F(Proxy, WithoutAHealthyBackendThereIsAnError) {
  world_.start();
  world_.primary(kEast);
  const Response response = client().post("/", "x");
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(contains(response.body, R"("error":"no_backend")"));
  EXPECT_EQ(response.header("Retry-After"), "1");
}

TEST_F(Proxy, StopLetsARequestFinish) {
  std::atomic<bool> answer = false;
  serve([&](Peer& peer) {
    log_.add(peer.read_head());
    EXPECT_TRUE(eventually([&] { return answer.load(); }));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  std::thread stopping([&] { world_.east().data_plane->stop(); });
  answer = true;
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 200U);
  client.close();
  stopping.join();
}

TEST_F(Proxy, AConnectionFromTheVeryFirstMomentIsKept) {
  world_.start();
  world_.primary(kEast);
  for (int i = 0; i < 20; ++i) {
    world_.east().data_plane->stop();
    world_.east().data_plane = std::make_unique<DataPlane>(
        world_.topology(), GatewayId{0}, world_.east().cell, world_.east().writes,
        *world_.east().credentials, world_.east().observer);
    unsigned status = 0;
    std::thread first([&] {
      status = Client::insistent(world_.east().host, world_.east().port).get("/").status;
    });
    EXPECT_TRUE(world_.east().data_plane->start().ok());
    first.join();
    EXPECT_EQ(status, 503U);
  }
}

TEST_F(Proxy, ATakenPortIsNamed) {
  serve_ok();
  DataPlane second(world_.topology(), GatewayId{0}, world_.east().cell, world_.east().writes,
                   *world_.east().credentials, world_.east().observer);
  const Status status = second.start();
  ASSERT_FALSE(status.ok());
  const std::string port = std::to_string(world_.east().port);
  EXPECT_TRUE(contains(status.error().message, host(Host::east) + ":" + port))
      << status.error().message;
}

}  // namespace
}  // namespace regent::test
