#include "security/credentials.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/security/test_certificates.h"

namespace regent {
namespace {

using test::kGateway;
using testing::AllOf;
using testing::HasSubstr;

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    folder_.put("ca.crt", authority_.certificate_pem());
    put_pair(test::make_pair(authority_, kGateway));
  }
  void put_pair(const CertificatePair& pair) {
    folder_.put("us-east.gw1.key", pair.key);
    folder_.put("us-east.gw1.crt", pair.certificate);
  }
  Result<std::unique_ptr<Credentials>> load() {
    return Credentials::load(credential_files(folder_.path(), kGateway), kGateway);
  }
  // The error of loading; "" when it worked.
  std::string load_error() {
    const auto loaded = load();
    return loaded.ok() ? "" : loaded.error().message;
  }
  std::string file(const std::string& name) const { return folder_.path(name); }

  const Authority authority_ = test::make_authority();
  const test::TemporaryFolder folder_;
};

TEST_F(CredentialsTest, FilesAreNamedAsDocumented) {
  const auto files = credential_files("/etc/regent", kGateway);
  EXPECT_EQ(files.ca, "/etc/regent/ca.crt");
  EXPECT_EQ(files.cert, "/etc/regent/us-east.gw1.crt");
  EXPECT_EQ(files.key, "/etc/regent/us-east.gw1.key");
  EXPECT_EQ(credential_files("certs", test::kOperator).key, "certs/operator.key");
}

TEST_F(CredentialsTest, GoodFilesLoad) {
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto set = (*loaded)->current();
  EXPECT_EQ(set->identity, kGateway);
  EXPECT_EQ(set->fingerprint.size(), 32U);
  EXPECT_EQ(set->certificate_der, certificate_der(set->certificate.get()));
  EXPECT_NEAR(seconds_until_expiry(*set), 86400, 60);
}

TEST_F(CredentialsTest, EachFileIsMissed) {
  for (const char* name : {"ca.crt", "us-east.gw1.crt", "us-east.gw1.key"}) {
    const auto path = std::filesystem::path(file(name));
    std::filesystem::rename(path, file("aside"));
    EXPECT_THAT(load_error(), AllOf(HasSubstr(file(name)), HasSubstr("does not exist")));
    std::filesystem::create_directory(path);
    EXPECT_THAT(load_error(), AllOf(HasSubstr(file(name)), HasSubstr("not a regular file")));
    std::filesystem::remove(path);
    std::filesystem::rename(file("aside"), path);
  }
  EXPECT_EQ(load_error(), "");
}

TEST_F(CredentialsTest, EachFileIsReadForWhatItIs) {
  const auto pair = test::make_pair(authority_, kGateway);
  const std::string torn = pair.certificate.substr(0, pair.certificate.size() / 2);
  for (const std::string& text : {std::string(), std::string("not PEM"), torn, pair.key}) {
    folder_.put("us-east.gw1.crt", text);
    EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.crt")), HasSubstr("certificate")));
  }
  put_pair(pair);
  for (const std::string& text :
       {std::string(), std::string("not PEM"), pair.certificate, pair.key.substr(0, 80)}) {
    folder_.put("us-east.gw1.key", text);
    EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.key")), HasSubstr("private key")));
  }
  put_pair(pair);
  folder_.put("ca.crt", pair.certificate);
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("ca.crt")), HasSubstr("is not an authority's")));
  folder_.put("ca.crt", "");
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("ca.crt")), HasSubstr("no certificate")));
  folder_.put("ca.crt", std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("ca.crt")), HasSubstr("too large")));
}

TEST_F(CredentialsTest, EncryptedKeyIsRefusedWithoutAsking) {
  const auto key = test::key_of(test::make_pair(authority_, kGateway));
  folder_.put("us-east.gw1.key", test::encrypted_key_pem(key.get()));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.key")), HasSubstr("encrypted")));
}

TEST_F(CredentialsTest, KeyOpenToOthersIsRefused) {
  const auto pair = test::make_pair(authority_, kGateway);
  put_pair(pair);
  for (const unsigned mode : {0640U, 0604U, 0660U, 0601U}) {
    folder_.put("us-east.gw1.key", pair.key, mode);
    EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.key")), HasSubstr("chmod 600")));
  }
  folder_.put("us-east.gw1.key", pair.key, 0400);
  EXPECT_EQ(load_error(), "");
}

TEST_F(CredentialsTest, PairMustBelongTogetherAndToThisProcess) {
  folder_.put("us-east.gw1.key", test::make_pair(authority_, kGateway).key);
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.key")),
                                  HasSubstr("not the key of the certificate")));
  put_pair(test::make_pair(authority_, test::kNode));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.crt")), HasSubstr(test::kNode.uri()),
                                  HasSubstr(kGateway.uri())));
  put_pair(authority_.issue({"x", {}, {}, Validity::days_from_now(1)}).value());
  EXPECT_THAT(load_error(), HasSubstr("no SPIFFE identity"));
}

TEST_F(CredentialsTest, CertificateMustBeValidNowAndOurs) {
  put_pair(test::make_pair(authority_, kGateway, test::expired()));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.crt")), HasSubstr("expired on")));
  put_pair(test::make_pair(authority_, kGateway, test::not_yet_valid()));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.crt")), HasSubstr("not yet valid")));
  put_pair(test::make_pair(test::make_authority(), kGateway));
  EXPECT_THAT(load_error(), AllOf(HasSubstr(file("us-east.gw1.crt")), HasSubstr(file("ca.crt")),
                                  HasSubstr("not issued by our authority")));
}

TEST_F(CredentialsTest, SeveralAuthoritiesMayBeTrustedDuringAChange) {
  const auto next = test::make_authority();
  folder_.put("ca.crt", authority_.certificate_pem() + next.certificate_pem());
  EXPECT_EQ(load_error(), "");
  put_pair(test::make_pair(next, kGateway));
  EXPECT_EQ(load_error(), "");
}

TEST_F(CredentialsTest, ChangedFilesAreTakenUpAndUnchangedOnesLeftAlone) {
  const auto credentials = load().value();
  const auto first = credentials->current();
  EXPECT_FALSE(credentials->reload_if_changed().value());
  EXPECT_EQ(credentials->current(), first);
  put_pair(test::make_pair(authority_, kGateway, Validity::days_from_now(2)));
  EXPECT_TRUE(credentials->reload_if_changed().value());
  const auto second = credentials->current();
  EXPECT_NE(second->fingerprint, first->fingerprint);
  EXPECT_GT(second->not_after, first->not_after);
  EXPECT_FALSE(credentials->reload_if_changed().value());
}

// As `cp -p` over a file leaves it: the same inode, size and modification time.
TEST_F(CredentialsTest, FilesOverwrittenInPlaceAreTakenUp) {
  auto old_pair = test::make_pair(authority_, kGateway);
  auto new_pair = test::make_pair(authority_, kGateway);
  old_pair.certificate.resize(2000, '\n');
  new_pair.certificate.resize(2000, '\n');
  put_pair(old_pair);
  const auto credentials = load().value();
  for (const auto& [name, text] : {std::pair(file("us-east.gw1.key"), new_pair.key),
                                   std::pair(file("us-east.gw1.crt"), new_pair.certificate)}) {
    const auto written = std::filesystem::last_write_time(name);
    std::ofstream(name) << text;
    std::filesystem::last_write_time(name, written);
  }
  EXPECT_TRUE(credentials->reload_if_changed().value());
  EXPECT_EQ(credentials->current()->certificate_der,
            certificate_der(test::certificate_of(new_pair).get()));
}

TEST_F(CredentialsTest, BrokenFilesKeepTheOldSetAndAreReportedOnce) {
  const auto credentials = load().value();
  const auto first = credentials->current();
  const auto next = test::make_pair(authority_, kGateway);
  // The certificate has arrived, its key has not.
  folder_.put("us-east.gw1.crt", next.certificate);
  const auto broken = credentials->reload_if_changed();
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.error().message, HasSubstr("not the key of the certificate"));
  EXPECT_EQ(credentials->current(), first);
  const auto again = credentials->reload_if_changed();
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(*again);
  // Another fault is another report.
  std::filesystem::remove(file("us-east.gw1.key"));
  EXPECT_FALSE(credentials->reload_if_changed().ok());
  EXPECT_EQ(credentials->current(), first);
  folder_.put("us-east.gw1.key", next.key, 0644);
  EXPECT_FALSE(credentials->reload_if_changed().ok());
  EXPECT_EQ(credentials->current(), first);
  std::filesystem::permissions(file("us-east.gw1.key"), std::filesystem::perms(0600));
  EXPECT_TRUE(credentials->reload_if_changed().value());
  EXPECT_NE(credentials->current()->fingerprint, first->fingerprint);
}

TEST_F(CredentialsTest, ConnectionsOutliveTheSetTheyWereMadeWith) {
  const auto credentials = load().value();
  const auto context = credentials->current()->server;
  put_pair(test::make_pair(authority_, kGateway));
  ASSERT_TRUE(credentials->reload_if_changed().value());
  EXPECT_NE(credentials->current()->server, context);
  EXPECT_EQ(SSL_CTX_check_private_key(context.get()), 1);
}

}  // namespace
}  // namespace regent
