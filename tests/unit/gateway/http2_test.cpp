// Requests of HTTP/2 over TLS through a data plane to backends that speak HTTP/1.1.
#include <gtest/gtest.h>

#include "tests/unit/gateway/http2_world.h"

namespace regent::test {
namespace {

using Http2 = Http2World;

TEST_F(Http2, CarriesRequestsAndAnswers) {
  serve_ok();
  const auto client = this->client();
  const Http2Answer& get = client->get("/orders?x=1");
  EXPECT_EQ(get.status, 200U);
  EXPECT_EQ(get.body, "ok");
  EXPECT_TRUE(get.ended);
  EXPECT_EQ(get.code, 0U);
  EXPECT_EQ(get.field("content-length"), "2");
  EXPECT_EQ(get.field("regent-epoch"), "7");
  EXPECT_EQ(get.field("regent-region"), "east");
  const Http2Answer& post =
      client->wait(client->begin("POST", "/orders", {{"content-length", "5"}}, "hello"));
  EXPECT_EQ(post.status, 200U);
  const std::string first = log_.all().at(0);
  EXPECT_TRUE(first.starts_with("GET /orders?x=1 HTTP/1.1\r\nHost: shop\r\n")) << first;
  EXPECT_TRUE(contains(first, "X-Forwarded-For: 127.0.0.1\r\n"));
  EXPECT_TRUE(contains(first, "X-Forwarded-Proto: https\r\n"));
  EXPECT_TRUE(contains(first, "Via: 2.0 regent\r\n"));
  EXPECT_TRUE(contains(log_.all().at(1), "Content-Length: 5\r\n"));
  EXPECT_TRUE(log_.all().at(1).ends_with("\r\n\r\nhello"));
  EXPECT_TRUE(eventually([&] { return world_.east().observer.done == 2; }));
  EXPECT_EQ(world_.east().writes.count(), 0);
}

TEST_F(Http2, ABodyOfUnknownLengthGoesInChunks) {
  serve_ok();
  const auto client = this->client();
  EXPECT_EQ(client->wait(client->begin("POST", "/", {}, "some data")).status, 200U);
  EXPECT_TRUE(contains(log_.all().at(0), "Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(log_.all().at(0).ends_with("\r\n\r\nsome data"));
}

TEST_F(Http2, JoinsCookiesAndDropsWhatIsNotForBackends) {
  serve_ok();
  const auto client = this->client();
  const Fields fields{{"cookie", "a=1"},       {"x-mine", "yes"},   {"cookie", "b=2"},
                      {"regent-epoch", "999"}, {"te", "trailers"}, {"host", "shop"}};
  EXPECT_EQ(client->wait(client->begin("GET", "/", fields)).status, 200U);
  const std::string request = log_.all().at(0);
  EXPECT_TRUE(contains(request, "\r\nCookie: a=1; b=2\r\n")) << request;
  EXPECT_TRUE(contains(request, "\r\nx-mine: yes\r\n"));
  EXPECT_FALSE(contains(request, "999"));
  EXPECT_FALSE(contains(request, "trailers"));
  EXPECT_EQ(request.find("Host: shop"), request.rfind("Host: shop"));
}

TEST_F(Http2, AnswersWhatMayNotBeForwarded) {
  serve_ok();
  const auto client = this->client();
  const Http2Answer& trace =
      client->wait(client->begin("TRACE", "/way", {{"max-forwards", "0"}, {"cookie", "a=1"}}));
  EXPECT_EQ(trace.status, 200U);
  EXPECT_EQ(trace.field("content-type"), "message/http");
  EXPECT_EQ(trace.body, "TRACE /way HTTP/1.1\r\nHost: shop\r\nmax-forwards: 0\r\n\r\n");
  EXPECT_EQ(client->wait(client->begin("OPTIONS", "*", {{"max-forwards", "0"}})).status, 200U);
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(Http2, ManyStreamsAtOnce) {
  serve([](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const std::string path = head.substr(4, head.find(' ', 4) - 4);
      if (!peer.send(answer_with("answer to " + path))) return;
    }
  });
  const auto client = this->client();
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 300; ++i) streams.push_back(client->begin("GET", "/" + std::to_string(i)));
  for (int i = 0; i < 300; ++i) {
    const Http2Answer& answer = client->wait(streams[static_cast<std::size_t>(i)]);
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.body, "answer to /" + std::to_string(i));
  }
  EXPECT_TRUE(eventually([&] { return world_.east().observer.done == 300; }));
}

TEST_F(Http2, AnswersWithoutBodies) {
  serve([](Peer& peer) {
    while (true) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      if (head.starts_with("HEAD")) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
      if (contains(head, "/204")) peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      if (contains(head, "/304")) peer.send("HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n");
      if (contains(head, "/empty")) peer.send(answer_with(""));
    }
  });
  const auto client = this->client();
  const Http2Answer& head = client->wait(client->begin("HEAD", "/"));
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.field("content-length"), "77");
  EXPECT_EQ(head.code, 0U);
  EXPECT_EQ(client->get("/204").status, 204U);
  const Http2Answer& unchanged = client->get("/304");
  EXPECT_EQ(unchanged.status, 304U);
  EXPECT_EQ(unchanged.field("etag"), "x");
  const Http2Answer& empty = client->get("/empty");
  EXPECT_EQ(empty.status, 200U);
  EXPECT_TRUE(empty.ended);
  EXPECT_EQ(empty.field("content-length"), "0");
}

TEST_F(Http2, ChunkedAnswersAndInterimOnes) {
  serve([](Peer& peer) {
    peer.read_message();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
              "X-Kept: 1\r\n\r\n3\r\nabc\r\n");
    peer.send("4\r\ndefg\r\n0\r\n\r\n");
    peer.read_head();
  });
  const auto client = this->client();
  const Http2Answer& answer =
      client->wait(client->begin("POST", "/", {{"expect", "100-continue"}}, "x"));
  EXPECT_EQ(answer.interim, (std::vector<unsigned>{100, 103}));
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "abcdefg");
  EXPECT_EQ(answer.field("x-kept"), "1");
  EXPECT_EQ(answer.field("x-hop"), "");
  EXPECT_EQ(answer.field("connection"), "");
  EXPECT_EQ(answer.field("transfer-encoding"), "");
  EXPECT_EQ(answer.field("content-length"), "");
}

TEST_F(Http2, TrailersBothWays) {
  serve([this](Peer& peer) {
    log_.add(peer.read_head());
    log_.add(peer.read(std::string("4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n").size()));
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
              "0\r\nX-Time: 5\r\nContent-Length: 9\r\n\r\n");
    peer.read_head();
  });
  const auto client = this->client();
  const Http2Answer& answer =
      client->wait(client->begin("POST", "/", {}, "body", {{"x-sum", "1"}}));
  EXPECT_EQ(log_.all().at(1), "4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n");
  EXPECT_EQ(answer.body, "ok");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.trailers, (Fields{{"x-time", "5"}}));
}

TEST_F(Http2, TrailersThatBelongIntoTheHeadAreRefused) {
  serve([](Peer& peer) { peer.read_to_end(); });
  const auto client = this->client();
  const Fields trailers{{"authorization", "me"}};
  EXPECT_EQ(client->wait(client->begin("POST", "/", {}, "body", trailers)).status, 400U);
}

TEST_F(Http2, LargeBodiesBothWays) {
  const std::string large = pattern(10'000'000);
  serve([&](Peer& peer) {
    const std::string message = peer.read_message();
    const bool same = message.ends_with(large);
    peer.send(answer_with(same ? large : "something else"));
    peer.read_head();
  });
  const auto client = this->client();
  const Http2Answer& answer = client->wait(
      client->begin("POST", "/", {{"content-length", std::to_string(large.size())}}, large));
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body.size(), large.size());
  EXPECT_TRUE(answer.body == large);
}

TEST_F(Http2, ASlowReaderHoldsTheBackendBack) {
  const std::string large = pattern(10'000'000);
  std::atomic<std::size_t> taken = 0;
  std::atomic<bool> go_on = false;
  serve([&](Peer& peer) {
    const bool small = contains(peer.read_head(), "/small");
    if (small) {
      peer.send(answer_with("quick"));
      return;
    }
    const std::string all = answer_with(large);
    const std::size_t sent = peer.send_until_stalled(all);
    taken = sent;
    eventually([&] { return go_on.load(); });
    peer.send(all.substr(sent));
    peer.read_head();
  });
  Http2Client::Options options;
  options.slow = true;
  const auto client = this->client(options);
  const std::int32_t id = client->begin("GET", "/large");
  // What the client's window takes, what waits here, and what the kernel holds, but no more.
  ASSERT_TRUE(client->run_until([&] { return taken > 0; }));
  EXPECT_LT(taken, 9'000'000U);
  EXPECT_EQ(client->answer(id).body_bytes, 65'535U);
  // Other streams are not held up by it.
  EXPECT_EQ(client->get("/small").body, "quick");
  go_on = true;
  EXPECT_TRUE(client->run_until([&] {
    client->take(id);
    return client->answer(id).closed;
  }));
  EXPECT_TRUE(client->answer(id).body == large);
}

TEST_F(Http2, ASlowBackendHoldsTheClientBack) {
  const std::string large = pattern(10'000'000);
  std::atomic<bool> go_on = false;
  serve([&](Peer& peer) {
    const std::string head = peer.read_head();
    eventually([&] { return go_on.load(); });
    const std::string body = peer.read_chunks();
    peer.send(answer_with(body == large ? "the same" : "something else"));
    peer.read_head();
  });
  const auto client = this->client();
  const std::int32_t id = client->begin("POST", "/", {}, large);
  // The stream's window closes: nothing more is sent until the backend takes what it was given.
  EXPECT_TRUE(client->run_until([&] {
    client->ping();
    const int before = client->pings_answered();
    client->run_until([&] { return client->pings_answered() > before; });
    return nghttp2_session_get_stream_remote_window_size(client->frames(), id) == 0 &&
           client->pings_answered() > 3;
  }));
  go_on = true;
  EXPECT_EQ(client->wait(id).body, "the same");
}

TEST_F(Http2, TooLargeBodiesAreRefused) {
  serve([](Peer& peer) { peer.read_to_end(); });
  const auto client = this->client();
  const std::int32_t open = client->begin_with({{":method", "POST"},
                                                {":scheme", "https"},
                                                {":authority", "shop"},
                                                {":path", "/"},
                                                {"content-length", "20000001"}},
                                               true);
  const Http2Answer& announced = client->wait(open);
  EXPECT_EQ(announced.status, 413U);
  EXPECT_TRUE(contains(announced.body, "body_too_large"));
  const Http2Answer& sent = client->wait(client->begin("POST", "/", {}, pattern(20'500'000)));
  EXPECT_EQ(sent.status, 413U);
  EXPECT_TRUE(sent.ended);
  EXPECT_EQ(sent.code, 0U);  // the rest of the body is not wanted: RST_STREAM with NO_ERROR
}

TEST_F(Http2, AnEarlyAnswerEndsTheUpload) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    peer.read_to_end();
  });
  const auto client = this->client();
  const Http2Answer& answer = client->wait(client->begin("POST", "/", {}, pattern(3'000'000)));
  EXPECT_EQ(answer.status, 403U);
  EXPECT_EQ(answer.body, "no");
  EXPECT_TRUE(answer.ended);
  EXPECT_FALSE(client->ended());
}

TEST_F(Http2, ABrokenAnswerIsReset) {
  serve([](Peer& peer) {
    const std::string head = peer.read_head();
    if (contains(head, "/length")) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    if (contains(head, "/chunks")) {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
    }
    if (contains(head, "/garbage")) peer.send("nothing of the kind\r\n\r\n");
  });
  const auto client = this->client();
  for (const char* path : {"/length", "/chunks"}) {
    const Http2Answer& answer = client->get(path);
    EXPECT_FALSE(answer.ended) << path;
    EXPECT_EQ(answer.code, NGHTTP2_INTERNAL_ERROR) << path;
  }
  const Http2Answer& garbage = client->get("/garbage");
  EXPECT_EQ(garbage.status, 502U);
  EXPECT_TRUE(contains(garbage.body, R"("error":"backend_closed")"));
  EXPECT_EQ(garbage.field("content-type"), "application/json");
}

TEST_F(Http2, AResetRequestFreesTheBackend) {
  std::atomic<bool> cut = false;
  serve([&](Peer& peer) {
    if (contains(peer.read_head(), "/slow")) {
      cut = peer.at_end();
    } else {
      peer.send(answer_with("ok"));
    }
  });
  const auto client = this->client();
  const std::int32_t slow = client->begin("GET", "/slow");
  EXPECT_TRUE(eventually([&] { return backend_->connections() == 1; }));
  client->reset(slow);
  EXPECT_TRUE(eventually([&] { return cut.load(); }));
  EXPECT_EQ(client->get("/other").body, "ok");
  EXPECT_TRUE(eventually([&] { return world_.east().observer.done == 2; }));
}

TEST_F(Http2, ResetWritesAreStillCountedUntilTheirAnswer) {
  std::atomic<bool> go_on = false;
  serve([&](Peer& peer) {
    peer.read_message();
    eventually([&] { return go_on.load(); });
    peer.send(answer_with("done"));
    peer.read_head();
  });
  const auto client = this->client();
  const std::int32_t id = client->begin("POST", "/", {{"content-length", "1"}}, "x");
  EXPECT_TRUE(eventually([&] { return backend_->connections() == 1; }));
  client->reset(id);
  client->ping();
  EXPECT_TRUE(client->run_until([&] { return client->pings_answered() == 1; }));
  EXPECT_EQ(world_.east().writes.count(), 1);
  go_on = true;
  EXPECT_TRUE(eventually([&] { return world_.east().writes.count() == 0; }));
}

TEST_F(Http2, HeldRequestsFollowThePrimary) {
  serve_ok();
  world_.no_primary();
  const auto client = this->client();
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 10; ++i) streams.push_back(client->begin("POST", "/", {}, "x"));
  EXPECT_TRUE(eventually([&] { return world_.east().observer.held == 10; }));
  world_.primary(kEast, Epoch{8});
  for (const std::int32_t id : streams) {
    EXPECT_EQ(client->wait(id).status, 200U);
    EXPECT_EQ(client->answer(id).field("regent-epoch"), "8");
  }
}

TEST_F(Http2, StoppingAnswersWhatIsUnderWayAndSaysGoodbye) {
  std::atomic<bool> go_on = false;
  serve([&](Peer& peer) {
    peer.read_head();
    eventually([&] { return go_on.load(); });
    peer.send(answer_with("late"));
    peer.read_head();
  });
  const auto client = this->client();
  const std::int32_t id = client->begin("GET", "/");
  EXPECT_TRUE(eventually([&] { return backend_->connections() == 1; }));
  std::thread stopping([&] { world_.east().data_plane->stop(); });
  EXPECT_TRUE(client->run_until([&] { return client->goaway_last_stream() == 1; }));
  EXPECT_EQ(client->goaway(), NGHTTP2_NO_ERROR);
  go_on = true;
  EXPECT_EQ(client->wait(id).body, "late");
  EXPECT_TRUE(client->wait_for_end());
  stopping.join();
}

}  // namespace
}  // namespace regent::test
