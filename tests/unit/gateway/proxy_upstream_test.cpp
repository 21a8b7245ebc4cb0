// The gate in front of every send to a backend, also of bytes that had to wait.
#include <gtest/gtest.h>

#include "gateway/upstream.h"
#include "tests/unit/gateway/proxy_peers.h"

namespace regent::test {
namespace {

struct Gate : SendGate {
  bool may_send(bool first) override {
    ++(first ? firsts : others);
    return open;
  }
  std::atomic<bool> open = true;
  std::atomic<int> firsts = 0;
  std::atomic<int> others = 0;
};

struct User : UpstreamUser {
  void on_upstream_data(Upstream&, std::string_view) override {}
  void on_upstream_drained(Upstream&) override { drained = true; }
  void on_upstream_fenced(Upstream&) override { fenced = true; }
  void on_upstream_closed(Upstream&, bool, const Error&) override { closed = true; }
  std::atomic<bool> drained = false;
  std::atomic<bool> fenced = false;
  std::atomic<bool> closed = false;
};

class ProxyUpstream : public ::testing::Test {
 protected:
  // Connects and sends in one task, so that the connection is not there yet.
  void connect(std::uint16_t port, const std::string& data) {
    loop_.run_and_wait([&] {
      auto made =
          connect_backend(loop_, Poco::Net::SocketAddress(host(Host::backends), port), user_);
      ASSERT_TRUE(made.ok());
      upstream_ = std::move(*made);
      upstream_->begin(user_, &gate_);
      EXPECT_FALSE(upstream_->connected());
      EXPECT_TRUE(upstream_->send(data));
    });
  }
  void end() {
    loop_.run_and_wait([&] { upstream_.reset(); });
  }
  void SetUp() override { loop_.start(); }
  void TearDown() override { end(); }

  User user_;
  Gate gate_;
  EventLoop loop_{"test"};
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(ProxyUpstream, BytesThatHadToWaitAskTheGateAgain) {
  std::atomic<bool> read_on = false;
  std::atomic<std::size_t> received = 0;
  std::atomic<bool> ended = false;
  Backend backend(host(Host::backends), [&](Peer& peer) {
    EXPECT_TRUE(eventually([&] { return read_on.load(); }));
    received = peer.read_to_end().size();
    ended = true;
  });
  const std::string data(32'000'000, 'x');
  connect(backend.port(), data);
  ASSERT_TRUE(eventually([&] { return backend.connections() == 1; }));
  gate_.open = false;
  read_on = true;
  ASSERT_TRUE(eventually([&] { return user_.fenced.load(); }));
  EXPECT_FALSE(user_.drained);
  end();
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_GT(received, 0U);
  EXPECT_LT(received, data.size());
}

TEST_F(ProxyUpstream, AClosedGateLetsNothingOut) {
  std::atomic<int> seen = 0;
  Backend backend(host(Host::backends), [&](Peer&) { ++seen; });
  gate_.open = false;
  connect(backend.port(), "hello");
  ASSERT_TRUE(eventually([&] { return user_.fenced.load(); }));
  loop_.run_and_wait([&] { EXPECT_FALSE(upstream_->sent_any()); });
  EXPECT_EQ(gate_.others, 0);
  end();
  EXPECT_EQ(seen, 0);
}

TEST_F(ProxyUpstream, ARefusedConnectionIsReported) {
  connect(free_port(host(Host::backends)), "hello");
  ASSERT_TRUE(eventually([&] { return user_.closed.load(); }));
  loop_.run_and_wait([&] { EXPECT_FALSE(upstream_->connected()); });
}

TEST_F(ProxyUpstream, AClosedIdleConnectionLooksDead) {
  std::atomic<bool> go = false;
  Backend backend(host(Host::backends), [&](Peer& peer) {
    peer.read(5);
    EXPECT_TRUE(eventually([&] { return go.load(); }));
  });
  connect(backend.port(), "hello");
  ASSERT_TRUE(eventually([&] { return backend.connections() == 1; }));
  loop_.run_and_wait([&] {
    EXPECT_FALSE(upstream_->looks_dead());
    upstream_->pause_reading();
  });
  go = true;
  EXPECT_TRUE(eventually([&] {
    bool dead = false;
    loop_.run_and_wait([&] { dead = upstream_->looks_dead(); });
    return dead;
  }));
}

}  // namespace
}  // namespace regent::test
