// Nobody keeps a connection or a request longer than its phase may take, however its bytes trickle.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "region/clock.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

using std::chrono::milliseconds;

// Listens and accepts nothing. Once its queue is full, the kernel drops every further SYN.
class DeafListener {
 public:
  explicit DeafListener(const std::string& host) {
    address_.sin_family = AF_INET;
    inet_pton(AF_INET, host.c_str(), &address_.sin_addr);
    sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(sockets_[0], reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(::listen(sockets_[0], 1), 0);
    ::getsockname(sockets_[0], reinterpret_cast<sockaddr*>(&address_), &size);
  }
  ~DeafListener() {
    for (const int socket : sockets_) ::close(socket);
  }
  DeafListener(const DeafListener&) = delete;
  DeafListener& operator=(const DeafListener&) = delete;

  std::uint16_t port() const { return ntohs(address_.sin_port); }
  void fill() {
    for (int i = 0; i < 8; ++i) {
      sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(sockets_.back(), reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    }
  }

 private:
  sockaddr_in address_{};
  std::vector<int> sockets_;
};

class ProxyTimeouts : public ::testing::Test {
 protected:
  // Everything is allowed an hour but what `adjust` says.
  void serve(Backend::Script script, const std::function<void(Timeouts&)>& adjust) {
    const auto hour = std::chrono::hours(1);
    Timeouts& timeouts = world_.topology().services[0].timeouts;
    timeouts = {hour, hour, hour, hour, hour};
    adjust(timeouts);
    backend_ = world_.serve(std::move(script));
  }
  void TearDown() override { over_ = true; }
  // A backend that sends half of an answer and then neither more nor an end, while the test lasts.
  Backend::Script half_an_answer() {
    return [this](Peer& peer) {
      peer.read_head();
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      while (!over_) std::this_thread::sleep_for(milliseconds(1));
    };
  }
  Client client() { return world_.east().client(); }
  // Sends a byte every ten milliseconds until the condition holds.
  static bool trickle(Peer& peer, const std::function<bool()>& until) {
    Instant next{};
    return eventually([&] {
      if (boot_now() >= next) {
        next = boot_now() + milliseconds(10);
        peer.send("a");
      }
      return until();
    });
  }
  bool gone() { return world_.east().observer.connections == 0; }
  bool done() { return world_.east().observer.done == 1; }

  std::atomic<bool> over_ = false;
  Log log_;
  World world_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(ProxyTimeouts, AHeadThatTricklesIsRefused) {
  serve(answer_ok(log_), [](Timeouts& t) { t.head = milliseconds(200); });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\nX: ");
  ASSERT_TRUE(trickle(client, [&] { return done(); }));
  EXPECT_EQ(client.read_response().status, 408U);
  EXPECT_EQ(log_.size(), 0U);
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

TEST_F(ProxyTimeouts, EmptyLinesAreNoRequest) {
  serve(answer_ok(log_), [](Timeouts& t) { t.idle = milliseconds(200); });
  Client client = this->client();
  EXPECT_EQ(client.get("/").status, 200U);
  EXPECT_TRUE(eventually([&] {
    client.send("\r\n");
    return gone();
  }));
}

TEST_F(ProxyTimeouts, ABodyThatTricklesIsRefused) {
  serve([](Peer& peer) { peer.read_to_end(); }, [](Timeouts& t) { t.body = milliseconds(300); });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n");
  ASSERT_TRUE(trickle(client, [&] { return done(); }));
  EXPECT_EQ(client.read_response().status, 408U);
}

TEST_F(ProxyTimeouts, ABodyThatKeepsMovingMayTakeLonger) {
  serve(answer_ok(log_), [](Timeouts& t) { t.body = milliseconds(1000); });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n");
  const Instant end = boot_now() + milliseconds(2000);
  ASSERT_TRUE(eventually([&] {
    client.send("c\r\n0123456789ab\r\n");
    return boot_now() >= end;
  }));
  client.send("0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200U);
}

TEST_F(ProxyTimeouts, ATrickleBehindAnEarlyAnswerEndsToo) {
  serve(half_an_answer(), [](Timeouts& t) { t.body = milliseconds(300); });
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_TRUE(trickle(client, [&] { return gone(); }));
}

TEST_F(ProxyTimeouts, ABackendHasToAnswer) {
  for (const std::string answer :
       {"", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 102 Processing\r\n\r\n"}) {
    SCOPED_TRACE(answer);
    World world;
    std::atomic<bool> over = false;
    // Goes on sending the last byte of its answer, or all of an interim one.
    const std::string again = answer.ends_with("\n") ? answer : answer.substr(0, 1);
    Backend backend(host(Host::backends), [&](Peer& peer) {
      peer.read_head();
      peer.send(answer);
      Instant next = boot_now();
      EXPECT_TRUE(eventually([&] {
        if (!again.empty() && boot_now() >= next) {
          next = boot_now() + milliseconds(10);
          peer.send(again);
        }
        return over.load();
      }));
    });
    world.topology().services[0].timeouts.answer = milliseconds(300);
    world.add_backend(kEast, backend.port());
    world.start();
    world.primary(kEast);
    Client client = world.east().client();
    client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n");
    Response response = client.read_response();
    while (response.status == 102U) response = client.read_response();
    EXPECT_EQ(response.status, 504U);
    EXPECT_NE(response.body.find(R"("outcome":"unknown")"), std::string::npos);
    over = true;
  }
}

TEST_F(ProxyTimeouts, AnAnswerThatStopsIsCut) {
  serve(half_an_answer(), [](Timeouts& t) { t.answer = milliseconds(200); });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "half");
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

TEST_F(ProxyTimeouts, AClientHasToTakeItsAnswer) {
  serve(
      [](Peer& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n");
        peer.send_until_stalled(std::string(64'000'000, 'x'));
        peer.read_to_end();
      },
      [](Timeouts& t) { t.answer = milliseconds(300); });
  Client client = this->client();
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return done(); }));
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

TEST_F(ProxyTimeouts, ABackendThatDoesNotAcceptIsNotWaitedFor) {
  DeafListener deaf(host(Host::backends));
  world_.topology().services[0].timeouts.connect = milliseconds(200);
  world_.add_backend(kEast, deaf.port());
  world_.start();
  world_.primary(kEast);
  deaf.fill();
  // The body that goes on coming moves nothing.
  Client client = this->client();
  client.send("POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n");
  ASSERT_TRUE(trickle(client, [&] { return done(); }));
  EXPECT_EQ(client.read_response().status, 503U);
}

}  // namespace
}  // namespace regent::test
