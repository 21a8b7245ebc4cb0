#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "security/server_certificates.h"
#include "tests/unit/security/test_certificates.h"
#include "tests/unit/security/tls_pair.h"

// Every way in which a peer must be refused, by the dialled side and by the dialling side, and
// what each of them says about it.
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

struct BadPeer {
  std::string name;
  CertificatePair pair;
  std::string said_by_us;    // by the side that refuses
  std::string said_by_them;  // by the side that is refused
};

class TlsRefusal : public testing::Test {
 protected:
  // Peers that are to pass as kGateway, and may not.
  std::vector<BadPeer> bad_peers() const {
    const auto like = [&](const Identity& identity) {
      return test::make_pair(authority_, identity);
    };
    const std::string holder = kGateway.uri();
    const std::string not_them = "may not talk to the peer";
    const auto wrong = [&](const Identity& identity) {
      return identity.uri() + " is not " + holder;
    };
    const Identity cluster{"bank", IdentityRole::gateway, "us-east", "gw1"};
    const Identity role{"shop", IdentityRole::node, "us-east", "gw1"};
    const Identity region{"shop", IdentityRole::gateway, "us-west", "gw1"};
    const Identity name{"shop", IdentityRole::gateway, "us-east", "gw2"};
    const auto none = authority_.issue({"x", {}, {}, Validity::days_from_now(1)}).value();
    const auto two =
        authority_.issue({"x", {holder, test::kOperator.uri()}, {}, Validity::days_from_now(1)});
    return {
        {"wrong authority", test::make_pair(impostor_, kGateway),
         "certificate of " + holder + " was not issued by our authority",
         "not issued by the peer's authority"},
        {"expired", test::make_pair(authority_, kGateway, test::expired()),
         "certificate of " + holder + " expired on ", "it has expired"},
        {"not yet valid", test::make_pair(authority_, kGateway, test::not_yet_valid()),
         "certificate of " + holder + " is not yet valid", "not yet by the peer's clock"},
        {"wrong cluster", like(cluster), wrong(cluster), not_them},
        {"wrong role", like(role), wrong(role), not_them},
        {"operator", like(test::kOperator), wrong(test::kOperator), not_them},
        {"wrong region", like(region), wrong(region), not_them},
        {"wrong name", like(name), wrong(name), not_them},
        {"no identity", none, "no SPIFFE identity", not_them},
        {"two identities", two.value(), "more than one SPIFFE identity", not_them},
    };
  }

  const Authority authority_ = test::make_authority();
  const Authority impostor_ = test::make_authority();  // of the same name, with another key
  const std::shared_ptr<const CredentialSet> good_ =
      test::unchecked_set(test::make_pair(authority_, kOtherGateway), authority_, kOtherGateway);
};

TEST_F(TlsRefusal, BadClientsGetNothingIn) {
  for (const auto& bad : bad_peers()) {
    SCOPED_TRACE(bad.name);
    const auto peer = test::unchecked_set(bad.pair, authority_, kGateway);
    TlsPair pair(peer->client, only(kOtherGateway), good_->server, only(kGateway));
    ASSERT_TRUE(pair.client.write(bytes("let me in")).ok());
    pair.pump();
    ASSERT_FALSE(pair.server_status.ok());
    EXPECT_EQ(pair.server_status.error().code, ErrorCode::refused);
    EXPECT_THAT(pair.server_status.error().message, HasSubstr(bad.said_by_us));
    EXPECT_EQ(pair.server_received, "");
    EXPECT_FALSE(pair.server.established());
    EXPECT_FALSE(pair.server.peer().has_value());
    EXPECT_EQ(pair.server.peer_certificate_der(), "");
    ASSERT_FALSE(pair.client_status.ok());
    EXPECT_EQ(pair.client_status.error().code, ErrorCode::refused);
    EXPECT_THAT(pair.client_status.error().message, HasSubstr("peer refused our certificate: "));
    EXPECT_THAT(pair.client_status.error().message, HasSubstr(bad.said_by_them));
  }
}

TEST_F(TlsRefusal, BadServersAreTalkedToByNobody) {
  for (const auto& bad : bad_peers()) {
    SCOPED_TRACE(bad.name);
    const auto peer = test::unchecked_set(bad.pair, authority_, kGateway);
    TlsPair pair(good_->client, only(kGateway), peer->server, only(kOtherGateway));
    ASSERT_TRUE(pair.client.write(bytes("a secret")).ok());
    ASSERT_TRUE(pair.server.write(bytes("a lie")).ok());
    pair.pump();
    ASSERT_FALSE(pair.client_status.ok());
    EXPECT_EQ(pair.client_status.error().code, ErrorCode::refused);
    EXPECT_THAT(pair.client_status.error().message, HasSubstr(bad.said_by_us));
    EXPECT_EQ(pair.client_received, "");
    EXPECT_EQ(pair.server_received, "");
    EXPECT_FALSE(pair.client.established());
    ASSERT_FALSE(pair.server_status.ok());
    EXPECT_THAT(pair.server_status.error().message, HasSubstr(bad.said_by_them));
  }
}

TEST_F(TlsRefusal, AnAlertAfterTheHandshakeIsNoRefusal) {
  TlsPair pair(good_->client, {}, good_->server, {});
  ASSERT_TRUE(pair.client.write(bytes("pay")).ok());
  pair.pump();
  ASSERT_EQ(pair.server_received, "pay");
  ASSERT_TRUE(pair.client.write(bytes("pay again")).ok());
  std::string broken = pair.client.take_output();
  broken.back() ^= 1;
  ASSERT_FALSE(pair.server.feed(bytes(broken), pair.server_received).ok());
  pair.pump();
  ASSERT_FALSE(pair.client_status.ok());
  EXPECT_THAT(pair.client_status.error().message, HasSubstr("with the alert 'bad record mac'"));
  EXPECT_EQ(pair.client_status.error().code, ErrorCode::unavailable)
      << "the peer has read what was sent before";
}

class TlsRefusalOfOtherClients : public TlsRefusal {
 protected:
  // A TLS client as other software has it: trusts everybody, shows no certificate.
  static std::shared_ptr<SSL_CTX> foreign_context(int highest_version) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_max_proto_version(context.get(), highest_version);
    return context;
  }
};

TEST_F(TlsRefusalOfOtherClients, NoCertificate) {
  TlsPair pair(foreign_context(TLS1_3_VERSION), {}, good_->server, only(kGateway));
  ASSERT_TRUE(pair.client.write(bytes("let me in")).ok());
  pair.pump();
  ASSERT_FALSE(pair.server_status.ok());
  EXPECT_EQ(pair.server_status.error().message, "peer showed no certificate");
  EXPECT_EQ(pair.server_status.error().code, ErrorCode::refused);
  EXPECT_EQ(pair.server_received, "");
  ASSERT_FALSE(pair.client_status.ok());
  EXPECT_THAT(pair.client_status.error().message, HasSubstr("demands a certificate"));
}

TEST_F(TlsRefusalOfOtherClients, OlderTlsVersion) {
  TlsPair pair(foreign_context(TLS1_2_VERSION), {}, good_->server, only(kGateway));
  pair.pump();
  ASSERT_FALSE(pair.server_status.ok());
  EXPECT_THAT(pair.server_status.error().message, HasSubstr("no TLS version"));
  ASSERT_FALSE(pair.client_status.ok());
  EXPECT_THAT(pair.client_status.error().message, HasSubstr("no TLS version"));
}

TEST_F(TlsRefusalOfOtherClients, AnonymousPeerWhereACheckIsAsked) {
  test::TemporaryFolder folder;
  const auto pair_of_service = test::make_pair(authority_, kOtherGateway);
  folder.put("service.crt", pair_of_service.certificate);
  folder.put("service.key", pair_of_service.key);
  const auto shown =
      ServerCertificates::load({{folder.path("service.crt"), folder.path("service.key")}},
                               {"orders", {}, std::make_shared<TicketKeys>(Instant{})});
  ASSERT_TRUE(shown.ok()) << shown.error().message;
  TlsPair pair(foreign_context(TLS1_3_VERSION), {}, (*shown)->context(), only(kGateway));
  ASSERT_TRUE(pair.client.write(bytes("let me in")).ok());
  pair.pump();
  ASSERT_FALSE(pair.server_status.ok());
  EXPECT_EQ(pair.server_received, "");
}

// A key that claims the public half of `shown` and signs with the private half of `held`.
std::shared_ptr<EVP_PKEY> mismatched_key(EVP_PKEY* shown, EVP_PKEY* held) {
  unsigned char point[256];
  std::size_t point_size = 0;
  CHECK(EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &point_size) == 1);
  BIGNUM* secret = nullptr;
  CHECK(EVP_PKEY_get_bn_param(held, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1);
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, point_size);
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret);
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  CHECK(EVP_PKEY_fromdata_init(context) == 1);
  CHECK(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  BN_clear_free(secret);
  return {key, EVP_PKEY_free};
}

// Certificates are public: showing somebody's without having its key must lead nowhere, although
// the identity in it passes the check.
TEST_F(TlsRefusalOfOtherClients, CertificateWithoutItsKey) {
  const auto victim = test::make_pair(authority_, kGateway);
  const auto thief = test::make_pair(impostor_, kGateway);
  const auto key = mismatched_key(test::key_of(victim).get(), test::key_of(thief).get());
  const auto context = foreign_context(TLS1_3_VERSION);
  ASSERT_EQ(SSL_CTX_use_certificate(context.get(), test::certificate_of(victim).get()), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
  int passed = 0;
  TlsPair pair(context, {}, good_->server, [&](const Identity& peer) -> Status {
    EXPECT_EQ(peer, kGateway);
    ++passed;
    return Done{};
  });
  ASSERT_TRUE(pair.client.write(bytes("let me in")).ok());
  pair.pump();
  EXPECT_EQ(passed, 1);
  EXPECT_FALSE(pair.server_status.ok());
  EXPECT_FALSE(pair.server.established());
  EXPECT_FALSE(pair.server.peer().has_value());
  EXPECT_EQ(pair.server.peer_certificate_der(), "");
  EXPECT_EQ(pair.server_received, "");
  ASSERT_FALSE(pair.client_status.ok());
  EXPECT_THAT(pair.client_status.error().message, HasSubstr("did not prove itself"));
}

}  // namespace
}  // namespace regent
