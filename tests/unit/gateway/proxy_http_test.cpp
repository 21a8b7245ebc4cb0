// HTTP/1.1 through a data plane, where its rules are finer than a request and an answer.
#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ProxyHttp : public ::testing::Test {
 protected:
  void serve(Backend::Script script, RegionId primary = kEast) {
    backend_ = world_.serve(std::move(script), primary);
  }
  Client client() { return world_.east().client(); }

  Log log_;
  World world_;
  std::unique_ptr<Backend> backend_;
};

const std::string kChunkedPost =
    "POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n";

// Reads a chunked message without taking it apart, and answers in chunks with trailers.
Backend::Script answer_with_trailers(Log& log) {
  return [&log](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      if (contains(head, "chunked")) log.add(peer.read_head());
      peer.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
          "Grpc-Status: 0\r\nContent-Length: 5\r\nRegent-Epoch: 99\r\n\r\n");
    }
  };
}

TEST_F(ProxyHttp, TrailersGoBothWays) {
  serve(answer_with_trailers(log_));
  Client client = this->client();
  for (int i = 0; i < 3; ++i) {
    client.send(kChunkedPost + "5\r\nhello\r\n0\r\nDigest: x\r\nB: y\r\n\r\n");
    EXPECT_TRUE(contains(client.read_head(), "200 OK"));
    EXPECT_EQ(client.read_head(), "2\r\nok\r\n0\r\nGrpc-Status: 0\r\n\r\n");
  }
  EXPECT_EQ(log_.all().at(2), "5\r\nhello\r\n0\r\nDigest: x\r\nB: y\r\n\r\n");
  EXPECT_EQ(backend_->connections(), 1);
}

TEST_F(ProxyHttp, TrailersCrossTheHopBetweenGateways) {
  serve(answer_with_trailers(log_), kWest);
  Client client = this->client();
  client.send(kChunkedPost + "5\r\nhello\r\n0\r\nDigest: x\r\n\r\n");
  EXPECT_TRUE(contains(client.read_head(), "Regent-Region: west"));
  EXPECT_EQ(client.read_head(), "2\r\nok\r\n0\r\nGrpc-Status: 0\r\n\r\n");
  EXPECT_EQ(log_.all().at(0), "5\r\nhello\r\n0\r\nDigest: x\r\n\r\n");
}

TEST_F(ProxyHttp, AnOldClientGetsNoTrailers) {
  serve(answer_with_trailers(log_));
  Client client = this->client();
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "ok");
}

TEST_F(ProxyHttp, ARequestWithABadTrailerIsRefusedAndNotCompleted) {
  serve([this](Peer& peer) {
    peer.read_head();
    log_.add(peer.read_to_end());
  });
  int refused = 0;
  for (const char* trailer :
       {"Content-Length: 5", "Transfer-Encoding: chunked", "Host: x", "Regent-Epoch: 9", "A : b",
        "no colon", " folded", "X-Forwarded-For: 1.2.3.4"}) {
    Client client = this->client();
    client.send(kChunkedPost + "5\r\nhello\r\n0\r\n" + trailer + "\r\n\r\n");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 400U) << trailer;
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.at_end());
    refused += response.status == 400U ? 1 : 0;
  }
  EXPECT_EQ(refused, 8);
  for (const std::string& body : log_.all()) EXPECT_FALSE(contains(body, "0\r\n")) << body;
}

TEST_F(ProxyHttp, TrailersHaveALimit) {
  serve(answer_with_trailers(log_));
  Client client = this->client();
  client.send(kChunkedPost + "5\r\nhello\r\n0\r\nA: " + std::string(17 * 1024, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 400U);
}

TEST_F(ProxyHttp, AnEarlyAnswerGoesThroughAndTheConnectionEndsInOrder) {
  serve([this](Peer& peer) {
    log_.add(peer.read_head());
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    peer.read_to_end();
  });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000000\r\n\r\nsome");
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 413U);
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_EQ(response.body, "large");
  // The rest of the body is taken and thrown away, so that no reset overtakes the answer.
  EXPECT_TRUE(client.send(std::string(100'000, 'x')));
  EXPECT_TRUE(client.at_end());
  client.send("GET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(log_.size(), 1U);
}

TEST_F(ProxyHttp, AnAnswerMayBeginBeforeTheBodyIsComplete) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      const std::string part = peer.read(5);
      peer.send("5\r\n" + part + "\r\n");
    }
    peer.send("0\r\n\r\n");
  });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 15\r\n\r\n");
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200 "));
  for (const char* part : {"hello", "world", "again"}) {
    client.send(part);
    EXPECT_EQ(client.read(10), "5\r\n" + std::string(part) + "\r\n");
  }
  EXPECT_EQ(client.read(5), "0\r\n\r\n");
}

TEST_F(ProxyHttp, AClientThatOnlyEndedItsSideGetsItsAnswers) {
  serve(answer_ok(log_));
  Client client = this->client();
  client.send("GET /1 HTTP/1.1\r\nHost: shop\r\n\r\n");
  client.half_close();
  EXPECT_EQ(client.read_response().body, "ok");
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(eventually([&] { return world_.east().observer.connections == 0; }));
}

TEST_F(ProxyHttp, AnUnfinishedRequestIsNoRequest) {
  serve([this](Peer& peer) {
    log_.add(peer.read_head());
    log_.add(peer.read_to_end());
  });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello");
  ASSERT_TRUE(eventually([&] { return log_.size() == 1; }));
  client.half_close();
  EXPECT_TRUE(client.at_end());
  ASSERT_TRUE(eventually([&] { return log_.size() == 2; }));
  EXPECT_EQ(log_.all().at(1), "hello");
  EXPECT_TRUE(eventually([&] { return world_.east().writes.count() == 0; }));
}

TEST_F(ProxyHttp, AnOldestRequestIsRefusedAtOnce) {
  serve(answer_ok(log_));
  Client client = this->client();
  client.send("GET /\r\n");
  EXPECT_EQ(client.read_response().status, 400U);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(log_.size(), 0U);
}

// RFC 9110, 7.6.2: each gateway on the way counts.
TEST_F(ProxyHttp, MaxForwardsEndsAtTheGatewayThatItIsEnoughFor) {
  serve(answer_ok(log_), kWest);
  Client client = this->client();
  const Response there = client.get("/way", "Max-Forwards: 0\r\n");
  EXPECT_EQ(there.status, 200U);  // for another method it means nothing
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_TRUE(contains(log_.all().at(0), "\r\nMax-Forwards: 0\r\n"));
  client.send("TRACE /way HTTP/1.1\r\nHost: shop\r\nAuthorization: me\r\nMax-Forwards: 1\r\n\r\n");
  const Response west = client.read_response();
  EXPECT_EQ(west.status, 200U);
  EXPECT_EQ(west.header("Regent-Region"), "west");
  EXPECT_EQ(west.header("Content-Type"), "message/http");
  EXPECT_TRUE(west.body.starts_with("TRACE /way HTTP/1.1\r\nHost: shop\r\n")) << west.body;
  EXPECT_TRUE(contains(west.body, "\r\nMax-Forwards: 0\r\n")) << west.body;
  EXPECT_FALSE(contains(west.body, "Authorization")) << west.body;
  client.send("OPTIONS /way HTTP/1.1\r\nHost: shop\r\nMax-Forwards: 0\r\n\r\n");
  const Response east = client.read_response();
  EXPECT_EQ(east.header("Regent-Region"), "east");
  EXPECT_EQ(east.header("Content-Length"), "0");
  EXPECT_EQ(log_.size(), 1U);
  client.send("TRACE /way HTTP/1.1\r\nHost: shop\r\nMax-Forwards: 2\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "ok");
  EXPECT_TRUE(contains(log_.all().at(1), "\r\nMax-Forwards: 0\r\n"));
}

TEST_F(ProxyHttp, ABadBackendIsABadGateway) {
  static const std::string answers[] = {  // outlive the backend's thread
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent_Length: 2\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
  };
  std::atomic<std::size_t> next = 0;
  serve([&](Peer& peer) {
    while (!peer.read_head().empty()) peer.send(answers[next]);
  });
  for (next = 0; next < std::size(answers); ++next) {
    const Response response = client().get("/");
    EXPECT_EQ(response.status, 502U) << answers[next];
    EXPECT_FALSE(contains(response.body, "ok\n")) << answers[next];
  }
}

}  // namespace
}  // namespace regent::test
