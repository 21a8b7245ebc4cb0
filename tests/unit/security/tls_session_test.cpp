#include "security/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/security/test_certificates.h"
#include "tests/unit/security/tls_pair.h"

namespace regent {
namespace {

using test::bytes;
using test::kGateway;
using test::kOtherGateway;
using test::TlsPair;
using testing::HasSubstr;

TlsSession::PeerCheck only(const Identity& wanted) {
  return [wanted](const Identity& peer) -> Status {
    if (peer == wanted) return Done{};
    return Error{ErrorCode::refused, peer.uri() + " is not " + wanted.uri()};
  };
}

// kGateway dials kOtherGateway; both are good and trust the same authority.
class TlsSessionTest : public testing::Test {
 protected:
  TlsPair make_pair() {
    return {client_->client, only(kOtherGateway), server_->server, only(kGateway)};
  }
  const Authority authority_ = test::make_authority();
  const std::shared_ptr<const CredentialSet> client_ =
      test::unchecked_set(test::make_pair(authority_, kGateway), authority_, kGateway);
  const std::shared_ptr<const CredentialSet> server_ =
      test::unchecked_set(test::make_pair(authority_, kOtherGateway), authority_, kOtherGateway);
};

TEST_F(TlsSessionTest, BothSidesKnowEachOther) {
  TlsPair pair = make_pair();
  EXPECT_TRUE(pair.client.has_output());
  EXPECT_FALSE(pair.server.has_output());
  EXPECT_FALSE(pair.client.peer().has_value());
  EXPECT_EQ(pair.client.peer_certificate_der(), "");
  pair.pump();
  ASSERT_TRUE(pair.client_status.ok()) << pair.client_status.error().message;
  ASSERT_TRUE(pair.server_status.ok()) << pair.server_status.error().message;
  ASSERT_TRUE(pair.client.established());
  ASSERT_TRUE(pair.server.established());
  EXPECT_EQ(pair.client.peer(), kOtherGateway);
  EXPECT_EQ(pair.server.peer(), kGateway);
  EXPECT_EQ(pair.client.peer_certificate_der(), server_->certificate_der);
  EXPECT_EQ(pair.server.peer_certificate_der(), client_->certificate_der);
}

TEST_F(TlsSessionTest, CarriesDataByteByByteAndWrittenBeforeTheHandshake) {
  TlsPair pair = make_pair();
  std::string large;
  for (int i = 0; i < 200'000; ++i) large += static_cast<char>(i * 31 + i / 251);
  ASSERT_TRUE(pair.client.write(bytes("early ")).ok());
  ASSERT_TRUE(pair.client.write(bytes(large)).ok());
  ASSERT_TRUE(pair.server.write(bytes("greeting")).ok());
  pair.pump(1);
  EXPECT_EQ(pair.server_received, "early " + large);
  EXPECT_EQ(pair.client_received, "greeting");
  ASSERT_TRUE(pair.server.write(bytes(large)).ok());
  std::string output;
  pair.server.take_output(output);
  EXPECT_GT(output.size(), large.size());
  EXPECT_FALSE(pair.server.has_output());
  pair.client_received.clear();
  ASSERT_TRUE(pair.client.feed(bytes(output), pair.client_received).ok());
  EXPECT_EQ(pair.client_received, large);
}

TEST_F(TlsSessionTest, CheckIsAskedOnceAndBeforeAnyByteIsHandedOut) {
  int asked = 0;
  std::string received;
  TlsSession client(client_->client, TlsSession::Side::client, only(kOtherGateway));
  TlsSession server(server_->server, TlsSession::Side::server, [&](const Identity&) -> Status {
    ++asked;
    EXPECT_EQ(received, "");
    return Done{};
  });
  ASSERT_TRUE(client.write(bytes("first")).ok());
  std::string nothing;
  while (client.has_output() || server.has_output()) {
    ASSERT_TRUE(server.feed(bytes(client.take_output()), received).ok());
    ASSERT_TRUE(client.feed(bytes(server.take_output()), nothing).ok());
  }
  EXPECT_EQ(received, "first");
  EXPECT_EQ(asked, 1);
}

TEST_F(TlsSessionTest, CloseComesAfterTheDataAndEndsWriting) {
  TlsPair pair = make_pair();
  ASSERT_TRUE(pair.client.write(bytes("last words")).ok());
  pair.client.close();
  EXPECT_FALSE(pair.client.write(bytes("more")).ok());
  pair.pump();
  EXPECT_EQ(pair.server_received, "last words");
  EXPECT_TRUE(pair.server.peer_closed());
  EXPECT_FALSE(pair.client.peer_closed());
  // The other direction stays open.
  ASSERT_TRUE(pair.server.write(bytes("answer")).ok());
  pair.server.close();
  pair.pump();
  EXPECT_EQ(pair.client_received, "answer");
  EXPECT_TRUE(pair.client.peer_closed());
  EXPECT_TRUE(pair.client_status.ok());
  EXPECT_TRUE(pair.server_status.ok());
}

TEST_F(TlsSessionTest, ChangedRecordEndsTheSession) {
  TlsPair pair = make_pair();
  pair.pump();
  ASSERT_TRUE(pair.client.write(bytes("take 100 from A")).ok());
  std::string record = pair.client.take_output();
  record.back() = static_cast<char>(record.back() ^ 1);
  const auto status = pair.server.feed(bytes(record), pair.server_received);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(pair.server_received, "");
  EXPECT_FALSE(pair.server.established());
  const auto again = pair.server.feed(bytes("x"), pair.server_received);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().message, status.error().message);
  EXPECT_FALSE(pair.server.write(bytes("x")).ok());
}

TEST_F(TlsSessionTest, GarbageIsNamedAsSuch) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(64, '\0'),
        std::string("\x16\x03\x01\xff\xff", 5) + std::string(300, 'x'), std::string(300, '\xff')}) {
    TlsSession server(server_->server, TlsSession::Side::server, only(kGateway));
    std::string plain;
    const auto status = server.feed(bytes(garbage), plain);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::invalid);
    EXPECT_THAT(status.error().message, HasSubstr("not TLS"));
    EXPECT_EQ(plain, "");
    TlsSession client(client_->client, TlsSession::Side::client, only(kOtherGateway));
    EXPECT_FALSE(client.feed(bytes(garbage), plain).ok());
    EXPECT_EQ(plain, "");
  }
}

TEST_F(TlsSessionTest, KeyUpdateGoesUnnoticed) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), client_->certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), client_->key.get());
  std::unique_ptr<SSL, decltype(&SSL_free)> client(SSL_new(context.get()), SSL_free);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), in, out);
  SSL_set_connect_state(client.get());
  TlsSession server(server_->server, TlsSession::Side::server, only(kGateway));
  std::string plain;
  const auto exchange = [&] {
    char buffer[16384];
    const int size = BIO_read(out, buffer, sizeof buffer);
    if (size > 0) {
      const auto status = server.feed(bytes({buffer, static_cast<std::size_t>(size)}), plain);
      ASSERT_TRUE(status.ok()) << status.error().message;
    }
    const std::string answer = server.take_output();
    if (!answer.empty()) BIO_write(in, answer.data(), static_cast<int>(answer.size()));
  };
  for (int i = 0; i < 4; ++i) {
    SSL_do_handshake(client.get());
    exchange();
  }
  ASSERT_TRUE(server.established());
  ASSERT_EQ(SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_write(client.get(), "after", 5), 5);
  exchange();
  EXPECT_EQ(plain, "after");
  ASSERT_TRUE(server.write(bytes("reply")).ok());
  exchange();
  char reply[16];
  ASSERT_EQ(SSL_read(client.get(), reply, sizeof reply), 5);
  EXPECT_EQ(std::string_view(reply, 5), "reply");
}

}  // namespace
}  // namespace regent
