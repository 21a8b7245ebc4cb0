#include "security/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/security/test_certificates.h"
#include "tests/unit/security/tls_pair.h"

namespace regent {
namespace {

using test::bytes;
using test::kGateway;
using test::kOperator;
using test::TlsPair;
using testing::AllOf;
using testing::HasSubstr;

std::shared_ptr<SSL_CTX> browser(int version) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
}

class PublicServer : public testing::Test {
 protected:
  std::string error_with(const std::string& cert, const std::string& key) const {
    const auto context = public_server_context(folder_.path(cert), folder_.path(key));
    return context.ok() ? "" : context.error().message;
  }
  const Authority authority_ = test::make_authority();
  const CertificatePair pair_ = test::make_pair(authority_, kGateway);
  const test::TemporaryFolder folder_;
};

TEST_F(PublicServer, ServesClientsWithoutCertificates) {
  folder_.put("a.crt", pair_.certificate + authority_.certificate_pem());
  folder_.put("a.key", pair_.key);
  const auto context = public_server_context(folder_.path("a.crt"), folder_.path("a.key"));
  ASSERT_TRUE(context.ok()) << context.error().message;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair(browser(version), {}, *context, {});
    ASSERT_TRUE(pair.client.write(bytes("GET /")).ok());
    pair.pump(7);
    EXPECT_TRUE(pair.server_status.ok());
    EXPECT_EQ(pair.server_received, "GET /");
    EXPECT_FALSE(pair.server.peer().has_value());
    EXPECT_EQ(pair.server.peer_certificate_der(), "");
    EXPECT_EQ(pair.client.peer_certificate_der(),
              certificate_der(test::certificate_of(pair_).get()));
    ASSERT_TRUE(pair.server.write(bytes("200")).ok());
    pair.server.close();
    pair.pump(7);
    EXPECT_EQ(pair.client_received, "200");
    EXPECT_TRUE(pair.client.peer_closed());
  }
  TlsPair old(browser(TLS1_1_VERSION), {}, *context, {});
  old.pump();
  EXPECT_FALSE(old.server.established());
}

TEST_F(PublicServer, ErrorsNameTheFile) {
  folder_.put("a.crt", pair_.certificate);
  folder_.put("a.key", pair_.key);
  folder_.put("b.key", test::make_pair(authority_, kGateway).key);
  folder_.put("open.key", pair_.key, 0644);
  folder_.put("text", "hello");
  EXPECT_EQ(error_with("a.crt", "a.key"), "");
  EXPECT_THAT(error_with("none", "a.key"), AllOf(HasSubstr("/none"), HasSubstr("does not exist")));
  EXPECT_THAT(error_with("a.crt", "none"), AllOf(HasSubstr("/none"), HasSubstr("does not exist")));
  EXPECT_THAT(error_with("text", "a.key"), AllOf(HasSubstr("/text"), HasSubstr("no certificate")));
  EXPECT_THAT(error_with("a.crt", "text"), HasSubstr("/text"));
  EXPECT_THAT(error_with("a.crt", "b.key"), AllOf(HasSubstr("/b.key"), HasSubstr("/a.crt")));
  EXPECT_THAT(error_with("a.crt", "open.key"), HasSubstr("chmod 600"));
}

class CurrentCertificate : public testing::Test {
 protected:
  CurrentCertificate() {
    folder_.put("ca.crt", authority_.certificate_pem());
    renew();
    credentials_ = Credentials::load(credential_files(folder_.path(), kGateway), kGateway).value();
    serve_with_current_certificate(server_.get(), *credentials_);
  }
  void renew() {
    const auto pair = test::make_pair(authority_, kGateway);
    folder_.put("us-east.gw1.key", pair.key);
    folder_.put("us-east.gw1.crt", pair.certificate);
  }
  const Authority authority_ = test::make_authority();
  const test::TemporaryFolder folder_;
  std::unique_ptr<Credentials> credentials_;
  const std::shared_ptr<SSL_CTX> server_{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
};

TEST_F(CurrentCertificate, IsShownToEachNewConnection) {
  for (int round = 0; round < 2; ++round) {
    TlsPair pair(browser(TLS1_3_VERSION), {}, server_, {});
    pair.pump();
    ASSERT_TRUE(pair.server.established());
    EXPECT_EQ(pair.client.peer_certificate_der(), credentials_->current()->certificate_der);
    renew();
    ASSERT_TRUE(credentials_->reload_if_changed().value());
  }
}

TEST_F(CurrentCertificate, LeavesTheJudgementOfClientsToTheServer) {
  const auto operator_set =
      test::unchecked_set(test::make_pair(authority_, kOperator), authority_, kOperator);
  const auto impostor = test::make_authority();
  const auto impostor_set =
      test::unchecked_set(test::make_pair(impostor, kOperator), authority_, kOperator);
  for (const auto& [set, accepted] : {std::pair(operator_set, true), {impostor_set, false}}) {
    // Plain OpenSSL on the server's side, as another library would use the context.
    std::unique_ptr<SSL, decltype(&SSL_free)> server(SSL_new(server_.get()), SSL_free);
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(server.get(), in, out);
    SSL_set_accept_state(server.get());
    TlsSession client(set->client, TlsSession::Side::client, {});
    std::string plain;
    for (int i = 0; i < 4; ++i) {
      const std::string output = client.take_output();
      if (!output.empty()) BIO_write(in, output.data(), static_cast<int>(output.size()));
      SSL_do_handshake(server.get());
      char buffer[16384];
      const int size = BIO_read(out, buffer, sizeof buffer);
      if (size <= 0) continue;
      ASSERT_TRUE(client.feed(bytes({buffer, static_cast<std::size_t>(size)}), plain).ok());
    }
    ASSERT_EQ(SSL_is_init_finished(server.get()), 1);
    X509* presented = SSL_get0_peer_certificate(server.get());
    EXPECT_EQ(verified_operator(presented, *credentials_->current()).ok(), accepted);
  }
}

}  // namespace
}  // namespace regent
