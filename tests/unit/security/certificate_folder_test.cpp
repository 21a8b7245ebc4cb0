#include "security/certificate_folder.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/openssl.h"
#include "tests/unit/security/test_certificates.h"
#include "tests/unit/security/tls_pair.h"

namespace regent {
namespace {

using test::kGateway;
using test::kNode;
using test::kOperator;
using testing::HasSubstr;

class CertificateFolderTest : public testing::Test {
 protected:
  Result<CertificateFolder> create(int days = 30) {
    return create_certificate_folder(
        dir_, "shop", {{kGateway, {"10.0.1.10", "gw1.example"}}, {kNode, {"::1"}}, {kOperator, {}}},
        days);
  }
  void put_authority(const Authority& authority) const {
    std::filesystem::create_directories(dir_);
    std::ofstream(dir_ + "/ca.crt") << authority.certificate_pem();
    std::ofstream(dir_ + "/ca.key") << authority.key_pem();
    std::filesystem::permissions(dir_ + "/ca.key", std::filesystem::perms(0600));
  }
  std::string text(const std::string& name) const {
    std::ifstream in(dir_ + "/" + name);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  unsigned mode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat((dir_ + "/" + name).c_str(), &status), 0) << name;
    return status.st_mode & 07777U;
  }
  std::shared_ptr<const CredentialSet> loaded(const Identity& self) const {
    auto credentials = Credentials::load(credential_files(dir_, self), self);
    EXPECT_TRUE(credentials.ok()) << credentials.error().message;
    return credentials.ok() ? (*credentials)->current() : nullptr;
  }

  const test::TemporaryFolder temporary_;
  const std::string dir_ = temporary_.path("new/certs");
};

TEST_F(CertificateFolderTest, HoldsWhatEachProcessNeeds) {
  const auto folder = create();
  ASSERT_TRUE(folder.ok()) << folder.error().message;
  EXPECT_FALSE(folder->authority_reused);
  EXPECT_EQ(folder->files.size(), 8U);
  for (const Identity& self : {kGateway, kNode, kOperator}) {
    ASSERT_NE(loaded(self), nullptr);
    EXPECT_EQ(mode(std::filesystem::path(credential_files(dir_, self).key).filename()), 0600U);
    EXPECT_EQ(mode(std::filesystem::path(credential_files(dir_, self).cert).filename()), 0644U);
  }
  EXPECT_EQ(mode("ca.key"), 0600U);
  EXPECT_EQ(mode("ca.crt"), 0644U);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) count += entry.exists();
  EXPECT_EQ(count, 8U);  // no temporary files left
  const auto set = loaded(kGateway);
  EXPECT_NEAR(seconds_until_expiry(*set), 30 * 86400, 60);
  EXPECT_LT(not_before_of(set->certificate.get()),
            std::chrono::system_clock::now() - std::chrono::minutes(4));
}

TEST_F(CertificateFolderTest, CertificatesNameTheAddressesAndNothingElse) {
  ASSERT_TRUE(create().ok());
  const auto gateway = loaded(kGateway);
  X509* certificate = gateway->certificate.get();
  EXPECT_EQ(X509_check_ip_asc(certificate, "10.0.1.10", 0), 1);
  EXPECT_EQ(X509_check_host(certificate, "gw1.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 0);
  EXPECT_EQ(X509_check_host(certificate, "localhost", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(loaded(kNode)->certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ca(certificate), 0);
  EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
}

TEST_F(CertificateFolderTest, ProcessesCanTalkWithThem) {
  ASSERT_TRUE(create().ok());
  const auto accept = [](const Identity&) -> Status { return Done{}; };
  test::TlsPair pair(loaded(kGateway)->client, accept, loaded(kNode)->server, accept);
  pair.pump();
  EXPECT_EQ(pair.client.peer(), kNode);
  EXPECT_EQ(pair.server.peer(), kGateway);
}

TEST_F(CertificateFolderTest, RunningAgainRenewsUnderTheSameAuthority) {
  ASSERT_TRUE(create().ok());
  const std::string authority = text("ca.crt");
  const std::string key = text("us-east.gw1.key");
  const auto before = loaded(kGateway);
  const auto again = create(60);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again->authority_reused);
  EXPECT_EQ(text("ca.crt"), authority);
  EXPECT_NE(text("us-east.gw1.key"), key);
  const auto after = loaded(kGateway);
  EXPECT_GT(after->not_after, before->not_after);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(after->certificate.get()),
                             X509_get0_serialNumber(before->certificate.get())),
            0);
  // Renewed and not yet renewed processes trust each other.
  EXPECT_TRUE(verify_certificate(before->certificate.get(), after->authority.get()).ok());
}

TEST_F(CertificateFolderTest, NothingOutlivesTheAuthority) {
  put_authority(Authority::create("shop", Validity::days_from_now(10)).value());
  const auto folder = create(30);
  ASSERT_TRUE(folder.ok()) << folder.error().message;
  EXPECT_TRUE(folder->authority_reused);
  EXPECT_NEAR(seconds_until_expiry(*loaded(kNode)), 10 * 86400, 60);
}

TEST_F(CertificateFolderTest, HalfOrForeignAuthorityIsNotTouched) {
  ASSERT_TRUE(create().ok());
  const std::string key = text("ca.key");
  const std::string own = text("us-east.n1.crt");
  std::filesystem::rename(dir_ + "/ca.key", dir_ + "/aside");
  const auto half = create();
  ASSERT_FALSE(half.ok());
  EXPECT_THAT(half.error().message, HasSubstr("put the key back"));
  std::filesystem::rename(dir_ + "/us-east.n1.key", dir_ + "/ca.key");
  const auto foreign = create();
  ASSERT_FALSE(foreign.ok());
  EXPECT_THAT(foreign.error().message, HasSubstr("does not match"));
  std::ofstream(dir_ + "/ca.key") << "no key";
  EXPECT_FALSE(create().ok());
  EXPECT_EQ(text("us-east.n1.crt"), own);
}

TEST_F(CertificateFolderTest, ExpiredAuthorityIsNamed) {
  put_authority(Authority::create("shop", test::expired()).value());
  const auto folder = create();
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().message, HasSubstr("this authority expired on"));
}

TEST_F(CertificateFolderTest, WrongInputIsRefusedBeforeAnythingIsWritten) {
  for (const int days : {0, -1, kMaxCertificateDays + 1}) EXPECT_FALSE(create(days).ok());
  const Identity clash{"shop", IdentityRole::gateway, "us-east", "n1"};
  const auto doubled = create_certificate_folder(dir_, "shop", {{kNode, {"a"}}, {clash, {"b"}}}, 1);
  ASSERT_FALSE(doubled.ok());
  EXPECT_THAT(doubled.error().message, HasSubstr("certificate of both"));
  const Identity escape{"shop", IdentityRole::node, "..", "/n1"};
  EXPECT_FALSE(create_certificate_folder(dir_, "shop", {{escape, {"a"}}}, 1).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_));
}

TEST_F(CertificateFolderTest, FolderThatCannotBeWrittenIsNamed) {
  temporary_.put("file", "");
  const auto folder = create_certificate_folder(temporary_.path("file"), "shop", {{kNode, {}}}, 1);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, ErrorCode::io);
  EXPECT_THAT(folder.error().message, HasSubstr(temporary_.path("file")));
}

TEST(VerifiedOperator, IsTheOperatorOfThisClusterOnly) {
  const auto authority = test::make_authority();
  const auto ours = test::unchecked_set(test::make_pair(authority, kGateway), authority, kGateway);
  const auto error_for = [&](const CertificatePair& pair) {
    const auto status = verified_operator(test::certificate_of(pair).get(), *ours);
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(error_for(test::make_pair(authority, kOperator)), "");
  EXPECT_THAT(error_for(test::make_pair(authority, kGateway)), HasSubstr("may not do this"));
  const Identity elsewhere{"bank", IdentityRole::operator_, "", ""};
  EXPECT_THAT(error_for(test::make_pair(authority, elsewhere)), HasSubstr("may not do this"));
  EXPECT_THAT(error_for(test::make_pair(authority, kOperator, test::expired())),
              HasSubstr("expired on"));
  EXPECT_THAT(error_for(test::make_pair(authority, kOperator, test::not_yet_valid())),
              HasSubstr("not yet valid"));
  EXPECT_THAT(error_for(test::make_pair(test::make_authority(), kOperator)),
              HasSubstr("not issued by our authority"));
  const auto none = verified_operator(nullptr, *ours);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("no certificate was shown"));
}

}  // namespace
}  // namespace regent
