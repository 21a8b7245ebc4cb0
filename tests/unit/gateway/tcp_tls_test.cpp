// A tcp service that terminates TLS: the end of a stream is a close_notify, and a cut is none.
#include <openssl/ssl.h>

#include <gtest/gtest.h>

#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

// A blocking TLS connection of a client that believes every certificate.
class TlsClient {
 public:
  TlsClient(const std::string& host, std::uint16_t port)
      : peer_(host, port), context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    SSL_set_fd(ssl_, peer_.descriptor());
    EXPECT_EQ(SSL_connect(ssl_), 1);
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  void send(const std::string& data) {
    EXPECT_EQ(SSL_write(ssl_, data.data(), static_cast<int>(data.size())),
              static_cast<int>(data.size()));
  }
  std::string read(std::size_t count) {
    std::string data;
    char byte = 0;
    while (data.size() < count && SSL_read(ssl_, &byte, 1) == 1) data.push_back(byte);
    return data;
  }
  // Waits for the end; whether it came with a goodbye.
  bool ended_orderly() {
    char byte = 0;
    return SSL_get_error(ssl_, SSL_read(ssl_, &byte, 1)) == SSL_ERROR_ZERO_RETURN;
  }
  void half_close() { EXPECT_EQ(SSL_shutdown(ssl_), 0); }

 private:
  Client peer_;
  SSL_CTX* const context_;
  SSL* const ssl_;
};

class TcpTls : public ::testing::Test {
 protected:
  TcpTls() {
    const std::string pair = world_.certificates() + "/east.gw1";
    world_.topology().services[0].tls = {{pair + ".crt", pair + ".key"}};
    world_.add_backend(kEast, backend_.port());
    world_.start();
    world_.primary(kEast);
  }

  Backend backend_{host(Host::backends), [](Peer& peer) {
                     for (std::string data = peer.read(1); !data.empty(); data = peer.read(1)) {
                       peer.send(data);
                     }
                     if (peer.error() == 0) peer.send("bye");
                   }};
  World world_{[](Service& service) { service.protocol = Protocol::tcp; }};
};

TEST_F(TcpTls, AGoodbyeIsAHalfClose) {
  for (Plane* entry : {&world_.east(), &world_.west()}) {
    TlsClient client(entry->host, entry->port);
    client.send("hello");
    EXPECT_EQ(client.read(5), "hello");
    client.half_close();
    EXPECT_EQ(client.read(3), "bye");
    EXPECT_TRUE(client.ended_orderly());
    EXPECT_TRUE(eventually([&] { return entry->observer.tunnels_ended(TunnelEnd::closed) == 1; }));
  }
}

TEST_F(TcpTls, ACutSaysNoGoodbye) {
  TlsClient client(world_.west().host, world_.west().port);
  client.send("a");
  EXPECT_EQ(client.read(1), "a");
  world_.no_primary();
  EXPECT_FALSE(client.ended_orderly());
}

TEST_F(TcpTls, MuchDataPassesBothWays) {
  TlsClient client(world_.east().host, world_.east().port);
  const std::string much(300'000, 'x');
  client.send(much);
  EXPECT_EQ(client.read(much.size()), much);
}

}  // namespace
}  // namespace regent::test
