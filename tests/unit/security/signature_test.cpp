#include "security/signature.h"

#include <functional>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/openssl.h"
#include "tests/unit/security/test_certificates.h"

namespace regent {
namespace {

using test::kNode;
using testing::HasSubstr;

// An answer with the names that belong to it.
struct Signed {
  Answer answer{.node = NodeId{3},
                .question = {.kind = QuestionKind::ask,
                             .epoch = Epoch{7},
                             .region = RegionId{1},
                             .incarnation = Incarnation{0x1122334455667788},
                             .lease = std::chrono::milliseconds(1500),
                             .round = RoundId{0xfedcba9876543210}},
                .verdict = Verdict::granted,
                .epoch = Epoch{7},
                .supports = RegionId{1},
                .wait = std::chrono::milliseconds(20)};
  std::string cluster = "shop";
  std::string quorum_hash = "sha256:0011";
  std::string node_region = "us-east";
  std::string node_name = "n1";
  std::string asking_region = "us-west";
  std::string supports = "us-west";

  std::string bytes() const {
    return signed_bytes(answer,
                        {cluster, quorum_hash, node_region, node_name, asking_region, supports});
  }
};

using Change = std::function<void(Signed&)>;

// One for each field, and more where a field has values that could be confused.
std::vector<std::pair<std::string, Change>> changes() {
  return {
      {"cluster", [](Signed& s) { s.cluster = "bank"; }},
      {"quorum hash", [](Signed& s) { s.quorum_hash = "sha256:0012"; }},
      {"node region", [](Signed& s) { s.node_region = "eu"; }},
      {"node name", [](Signed& s) { s.node_name = "n2"; }},
      {"asking region", [](Signed& s) { s.asking_region = "eu"; }},
      {"supports", [](Signed& s) { s.supports = "eu"; }},
      {"supports nobody", [](Signed& s) { s.supports = ""; }},
      {"kind probe", [](Signed& s) { s.answer.question.kind = QuestionKind::probe; }},
      {"kind release", [](Signed& s) { s.answer.question.kind = QuestionKind::release; }},
      {"kind close", [](Signed& s) { s.answer.question.kind = QuestionKind::close; }},
      {"epoch asked", [](Signed& s) { s.answer.question.epoch = Epoch{8}; }},
      {"incarnation", [](Signed& s) { s.answer.question.incarnation.value ^= 1; }},
      {"lease", [](Signed& s) { s.answer.question.lease += Duration(1); }},
      {"round", [](Signed& s) { s.answer.question.round.value ^= 1ULL << 63; }},
      {"verdict", [](Signed& s) { s.answer.verdict = Verdict::promised; }},
      {"verdict failed", [](Signed& s) { s.answer.verdict = Verdict::failed; }},
      {"node's epoch", [](Signed& s) { s.answer.epoch = Epoch{6}; }},
      {"wait", [](Signed& s) { s.answer.wait += Duration(1); }},
      {"bytes moved between fields",
       [](Signed& s) {
         s.node_region = "us-eas";
         s.node_name = "tn1";
       }},
      {"neighbours exchanged",
       [](Signed& s) {
         s.node_region = "n1";
         s.node_name = "us-east";
       }},
  };
}

class SignatureTest : public testing::Test {
 protected:
  std::shared_ptr<const CredentialSet> set_for(
      const Identity& identity, const Validity& validity = Validity::days_from_now(1)) const {
    return test::unchecked_set(test::make_pair(authority_, identity, validity), authority_,
                               identity);
  }
  const Authority authority_ = test::make_authority();
  const std::shared_ptr<const CredentialSet> node_ = set_for(kNode);
  SignatureVerifier verifier_{test::trust(authority_)};
};

TEST_F(SignatureTest, NodesAnswerIsAccepted) {
  EXPECT_FALSE(verifier_.knows(node_->fingerprint));
  const auto learned = verifier_.learn(node_->certificate_der);
  ASSERT_TRUE(learned.ok()) << learned.error().message;
  EXPECT_EQ(*learned, kNode);
  EXPECT_EQ(verifier_.learn(node_->certificate_der).value(), kNode);
  EXPECT_TRUE(verifier_.knows(node_->fingerprint));
  const std::string bytes = Signed().bytes();
  const auto signature = sign(*node_, bytes);
  ASSERT_TRUE(signature.ok());
  const auto verified = verifier_.verify(node_->fingerprint, kNode, bytes, *signature);
  EXPECT_TRUE(verified.ok()) << verified.error().message;
}

TEST_F(SignatureTest, AnyChangedFieldFails) {
  ASSERT_TRUE(verifier_.learn(node_->certificate_der).ok());
  const auto signature = sign(*node_, Signed().bytes()).value();
  std::set<std::string> different{Signed().bytes()};
  for (const auto& [name, change] : changes()) {
    Signed changed;
    change(changed);
    EXPECT_TRUE(different.insert(changed.bytes()).second) << name;
    const auto status = verifier_.verify(node_->fingerprint, kNode, changed.bytes(), signature);
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_EQ(status.error().code, ErrorCode::refused);
    EXPECT_THAT(status.error().message, HasSubstr(kNode.uri()));
  }
}

TEST_F(SignatureTest, BytesAreTheSameOnEveryMachineAndInEveryVersion) {
  Signed answer;
  answer.answer = Answer{};
  answer.answer.question.epoch = Epoch{0x0102};
  answer.cluster = answer.quorum_hash = answer.node_region = answer.node_name = "a";
  answer.asking_region = answer.supports = "";
  const auto number = [](char high, char low) {
    return std::string("\0\0\0\x08\0\0\0\0\0\0", 10) + high + low;
  };
  const std::string a(
      "\0\0\0\x01"
      "a",
      5);
  const std::string empty(4, '\0');
  const std::string zero = number(0, 0);
  EXPECT_EQ(answer.bytes(), std::string("\0\0\0\x10", 4) + "regent answer v1" + a + a + a + a +
                                number(0, 1) + number(1, 2) + empty + zero + zero + zero +
                                number(0, 6) + zero + empty + zero);
}

TEST_F(SignatureTest, DamagedOrMissingSignatureFails) {
  ASSERT_TRUE(verifier_.learn(node_->certificate_der).ok());
  const std::string bytes = Signed().bytes();
  const auto signature = sign(*node_, bytes).value();
  for (std::size_t at = 0; at < signature.size(); ++at) {
    std::string damaged = signature;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    EXPECT_FALSE(verifier_.verify(node_->fingerprint, kNode, bytes, damaged).ok()) << at;
  }
  EXPECT_FALSE(verifier_.verify(node_->fingerprint, kNode, bytes, "").ok());
  EXPECT_FALSE(verifier_.verify(node_->fingerprint, kNode, bytes, signature + "x").ok());
  EXPECT_FALSE(verifier_.verify(node_->fingerprint, kNode, bytes, signature.substr(1)).ok());
}

TEST_F(SignatureTest, OnlyTheNodeItselfCanSignForIt) {
  const Identity other{"shop", IdentityRole::node, "us-east", "n2"};
  const auto other_node = set_for(other);
  ASSERT_TRUE(verifier_.learn(node_->certificate_der).ok());
  ASSERT_TRUE(verifier_.learn(other_node->certificate_der).ok());
  const std::string bytes = Signed().bytes();
  const auto forged = sign(*other_node, bytes).value();
  // Its own certificate, and the node's certificate, which it can show but not sign for.
  const auto own = verifier_.verify(other_node->fingerprint, kNode, bytes, forged);
  ASSERT_FALSE(own.ok());
  EXPECT_THAT(own.error().message, HasSubstr("is signed by " + other.uri()));
  EXPECT_FALSE(verifier_.verify(node_->fingerprint, kNode, bytes, forged).ok());
  const auto unknown = verifier_.verify(std::string(32, 'x'), kNode, bytes, forged);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, HasSubstr("was not shown"));
}

TEST_F(SignatureTest, OnlyGoodCertificatesOfNodesAreLearned) {
  const auto error_of = [&](const std::string& der) {
    const auto learned = verifier_.learn(der);
    return learned.ok() ? "" : learned.error().message;
  };
  EXPECT_THAT(error_of(set_for(test::kGateway)->certificate_der), HasSubstr("is not a node"));
  EXPECT_THAT(error_of(set_for(test::kOperator)->certificate_der), HasSubstr("is not a node"));
  EXPECT_THAT(error_of(set_for(kNode, test::expired())->certificate_der), HasSubstr("expired on"));
  EXPECT_THAT(error_of(set_for(kNode, test::not_yet_valid())->certificate_der),
              HasSubstr("not yet valid"));
  EXPECT_THAT(error_of(""), HasSubstr("not a certificate"));
  EXPECT_THAT(error_of("garbage"), HasSubstr("not a certificate"));
  EXPECT_THAT(error_of(node_->certificate_der + "x"), HasSubstr("not a certificate"));
  const auto impostor = test::make_authority();
  const auto forged = test::unchecked_set(test::make_pair(impostor, kNode), impostor, kNode);
  EXPECT_THAT(error_of(forged->certificate_der), HasSubstr("not issued by our authority"));
  EXPECT_FALSE(verifier_.knows(forged->fingerprint));
}

TEST_F(SignatureTest, CertificateThatExpiresIsUsedNoMore) {
  const auto soon = std::chrono::system_clock::now() + std::chrono::seconds(2);
  const auto node = set_for(kNode, {soon - std::chrono::hours(1), soon});
  ASSERT_TRUE(verifier_.learn(node->certificate_der).ok());
  const std::string bytes = Signed().bytes();
  const auto signature = sign(*node, bytes).value();
  Status status = Done{};
  while ((status = verifier_.verify(node->fingerprint, kNode, bytes, signature)).ok()) {
    ASSERT_LT(std::chrono::system_clock::now(), soon + std::chrono::seconds(30));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(status.error().message, HasSubstr("expired on"));
  EXPECT_FALSE(verifier_.learn(node->certificate_der).ok());
}

TEST_F(SignatureTest, NewAuthorityForgetsCertificates) {
  ASSERT_TRUE(verifier_.learn(node_->certificate_der).ok());
  verifier_.set_authority(test::trust(test::make_authority()));
  EXPECT_FALSE(verifier_.knows(node_->fingerprint));
  EXPECT_FALSE(verifier_.learn(node_->certificate_der).ok());
}

TEST_F(SignatureTest, Ed25519KeysSignToo) {
  const KeyOwner key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  CredentialSet set;
  set.identity = kNode;
  set.key.reset(EVP_PKEY_dup(key.get()), EVP_PKEY_free);
  const auto signature = sign(set, Signed().bytes());
  ASSERT_TRUE(signature.ok()) << signature.error().message;
  EXPECT_EQ(signature->size(), 64U);
}

TEST(SignatureVerifierMemory, IsBounded) {
  const auto authority = test::make_authority();
  SignatureVerifier verifier(test::trust(authority), 3);
  std::vector<std::string> fingerprints;
  for (int i = 0; i < 5; ++i) {
    const auto set = test::unchecked_set(test::make_pair(authority, kNode), authority, kNode);
    ASSERT_TRUE(verifier.learn(set->certificate_der).ok());
    fingerprints.push_back(set->fingerprint);
  }
  const std::vector<bool> expected{false, false, true, true, true};
  for (std::size_t i = 0; i < fingerprints.size(); ++i) {
    EXPECT_EQ(verifier.knows(fingerprints[i]), expected[i]) << i;
  }
}

}  // namespace
}  // namespace regent
