// Large answers of known length, which go from socket to socket through pipes of the kernel.
#include <gtest/gtest.h>

#include "tests/unit/gateway/bulk.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

class ProxyBulk : public ::testing::Test {
 protected:
  void serve(Backend::Script script) { backend_ = world_.serve(std::move(script)); }
  // Answers every request with as much as its path asks for, and `extra` behind it.
  void serve_lengths(const std::string& extra = "") {
    serve([extra](Peer& peer) {
      for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
        const std::string body = numbered(std::stoul(head.substr(head.find('/') + 1)));
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  body + extra);
      }
    });
  }
  static std::string ask(std::size_t bytes) {
    return "GET /" + std::to_string(bytes) + " HTTP/1.1\r\nHost: shop\r\n\r\n";
  }

  World world_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(ProxyBulk, ManyOnOneConnectionArriveUnchanged) {
  serve_lengths();
  Client client = world_.east().client();
  const std::size_t sizes[] = {10'000'003, 0, 60, 262'144, 400'000, 327'680, 5'000'000, 1};
  std::string asks;
  for (const std::size_t size : sizes) asks += ask(size);
  client.send(asks);
  for (const std::size_t size : sizes) {
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200U);
    EXPECT_TRUE(response.body == numbered(size)) << size;
  }
  EXPECT_GT(pipe_ends(), 0U);
  EXPECT_EQ(backend_->connections(), 1);
}

TEST_F(ProxyBulk, ASlowClientHoldsTheBackendUpAndLosesNothing) {
  const std::size_t size = 64'000'000;
  std::atomic<std::size_t> taken = 0;
  serve([&](Peer& peer) {
    const std::string body = numbered(size);
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    taken = peer.send_until_stalled(body);
    peer.send(body.substr(taken));
    peer.read_head();
  });
  Client client = world_.east().client();
  client.send(ask(size));
  ASSERT_TRUE(eventually([&] { return taken > 0; }));
  EXPECT_LT(taken, 40'000'000U);
  EXPECT_TRUE(client.read_response().body == numbered(size));
}

TEST_F(ProxyBulk, WhatComesBehindTheBodyReachesNobody) {
  serve_lengths("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
  Client client = world_.east().client();
  client.send(ask(1'000'000));
  EXPECT_TRUE(client.read_response().body == numbered(1'000'000));
  client.half_close();
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ProxyBulk, ABodyThatEndsEarlyIsCut) {
  serve([](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + numbered(6'000'000));
  });
  Client client = world_.east().client();
  client.send(ask(10'000'000));
  client.read_head();
  EXPECT_EQ(client.read_to_end().size(), 6'000'000U);
  CountingObserver& counts = world_.east().observer;
  EXPECT_TRUE(eventually([&] { return counts.connections == 0; }));
}

TEST_F(ProxyBulk, AClientThatLeavesInTheMiddleEndsTheBackendsConnection) {
  std::atomic<bool> ended = false;
  serve([&](Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n");
    peer.send_until_stalled(std::string(64'000'000, 'x'));
    peer.read_to_end();
    ended = peer.ended();
  });
  Client client = world_.east().client();
  client.send(ask(64'000'000));
  client.read_head();
  EXPECT_EQ(client.read(3'000'000).size(), 3'000'000U);
  client.reset();
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

}  // namespace
}  // namespace regent::test
