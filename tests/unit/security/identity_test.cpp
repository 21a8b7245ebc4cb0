#include "security/identity.h"

#include <gtest/gtest.h>

#include "tests/unit/security/test_certificates.h"

namespace regent {
namespace {

TEST(Identity, FormsAreReadAndWrittenAlike) {
  const struct {
    const char* uri;
    Identity identity;
  } cases[] = {
      {"spiffe://shop/region/us-east/gateway/gw1",
       {"shop", IdentityRole::gateway, "us-east", "gw1"}},
      {"spiffe://shop/region/eu/node/n_3", {"shop", IdentityRole::node, "eu", "n_3"}},
      {"spiffe://a/region/b/node/node", {"a", IdentityRole::node, "b", "node"}},
      {"spiffe://shop/operator", {"shop", IdentityRole::operator_, "", ""}},
  };
  for (const auto& row : cases) {
    const auto parsed = parse_identity(row.uri);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(*parsed, row.identity) << row.uri;
    EXPECT_EQ(row.identity.uri(), row.uri);
  }
}

TEST(Identity, AnythingElseIsRefused) {
  using namespace std::string_view_literals;
  const std::string long_name(64, 'a');
  const std::string too_long = "spiffe://shop/region/eu/node/" + long_name;
  for (const std::string_view uri : {
           ""sv,
           "spiffe://"sv,
           "spiffe://shop"sv,
           "spiffe://shop/"sv,
           "spiffe:///operator"sv,
           "http://shop/operator"sv,
           "SPIFFE://shop/operator"sv,
           "spiffe://shop/operator/"sv,
           "spiffe://shop/operator/x"sv,
           "spiffe://shop/Operator"sv,
           "spiffe://shop/region/eu/node"sv,
           "spiffe://shop/region/eu/node/"sv,
           "spiffe://shop/region//node/n1"sv,
           "spiffe:///region/eu/node/n1"sv,
           "spiffe://shop/region/eu/voter/n1"sv,
           "spiffe://shop/zone/eu/node/n1"sv,
           "spiffe://shop/region/eu/node/n1/"sv,
           "spiffe://shop/region/eu/node/n1/x"sv,
           "spiffe://shop/region/eu/node/../n1"sv,
           "spiffe://shop/region/eu/node/.."sv,
           "spiffe://shop/region/eu/node/n 1"sv,
           "spiffe://shop/region/eu/node/-n"sv,
           "spiffe://shop/region/eu/node/n%31"sv,
           "spiffe://shop/region/eu/node/n1\0"sv,
           "spiffe://shop/region/eu/node/n1?x"sv,
           "spiffe://u@shop/operator"sv,
           "spiffe://shop:1/operator"sv,
           " spiffe://shop/operator"sv,
       }) {
    const auto parsed = parse_identity(uri);
    ASSERT_FALSE(parsed.ok()) << uri;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
  }
  EXPECT_FALSE(parse_identity(too_long).ok());
  EXPECT_TRUE(parse_identity(too_long.substr(0, too_long.size() - 1)).ok());
}

class IdentityOfCertificate : public testing::Test {
 protected:
  Result<Identity> identity_with(const std::vector<std::string>& uris) {
    const auto pair =
        authority_.issue({"somebody", uris, {"n1.example"}, Validity::days_from_now(1)});
    return identity_of(test::certificate_of(pair.value()).get());
  }
  const Authority authority_ = test::make_authority();
};

TEST_F(IdentityOfCertificate, IsItsOneSpiffeUri) {
  const auto identity = identity_with({"https://example.org/", test::kNode.uri()});
  ASSERT_TRUE(identity.ok()) << identity.error().message;
  EXPECT_EQ(*identity, test::kNode);
}

TEST_F(IdentityOfCertificate, IsRefusedWhenMissingDoubleOrMalformed) {
  const auto none = identity_with({});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::refused);
  EXPECT_FALSE(identity_with({"https://shop/operator"}).ok());
  EXPECT_FALSE(identity_with({test::kNode.uri(), test::kOperator.uri()}).ok());
  EXPECT_FALSE(identity_with({test::kNode.uri(), test::kNode.uri()}).ok());
  const auto malformed = identity_with({"spiffe://shop/region/eu"});
  ASSERT_FALSE(malformed.ok());
  EXPECT_EQ(malformed.error().code, ErrorCode::refused);
  // A name with a zero byte in it must not pass as the part before that byte.
  EXPECT_FALSE(identity_with({test::kOperator.uri() + std::string(1, '\0') + ".evil"}).ok());
}

}  // namespace
}  // namespace regent
