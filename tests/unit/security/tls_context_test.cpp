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

std::shared_ptr<SSL_CTX> browser(int version) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
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
