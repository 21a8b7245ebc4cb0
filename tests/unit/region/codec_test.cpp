#include "region/codec.h"

#include <gtest/gtest.h>

#include "quorum/random.h"
#include "test_cluster.h"

namespace regent {
namespace {

using test::gateway_id;
using test::make_topology;
using test::node_id;
using test::region_id;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class CodecTest : public testing::Test {
 protected:
  Question question() const {
    return {.kind = QuestionKind::ask,
            .epoch = Epoch{7},
            .region = region_id(topology, "us-east"),
            .incarnation = Incarnation{0xfedcba9876543210},
            .lease = std::chrono::milliseconds(1500),
            .round = RoundId{0x123456789abcdef0}};
  }

  SignedAnswer answer(const std::string& region, const std::string& name) const {
    SignedAnswer given;
    given.answer = {.node = node_id(topology, region, name),
                    .question = question(),
                    .verdict = Verdict::promised,
                    .epoch = Epoch{6},
                    .supports = region_id(topology, "us-west"),
                    .wait = std::chrono::milliseconds(321)};
    given.signature = "signature";
    given.fingerprint = std::string(32, 'f');
    given.certificate = "certificate";
    given.quorum_hash = topology.quorum_hash;
    return given;
  }

  Heartbeat heartbeat() const {
    return {.sequence = 5,
            .heard_sequence = 4,
            .heard_ago = std::chrono::milliseconds(12),
            .incarnation = Incarnation{99},
            .version = "0.1.0",
            .topology_version = 3,
            .topology_hash = topology.hash,
            .quorum_hash = topology.quorum_hash,
            .region_quorate = true,
            .eligible = true,
            .healthy_backends = 2,
            .epoch = Epoch{8},
            .primary = region_id(topology, "us-west"),
            .serving = true,
            .lease_left = std::chrono::milliseconds(700),
            .draining = true,
            .pause = {.version = 6, .paused = true},
            .last_reign = {.epoch = Epoch{8},
                           .handed_over = true,
                           .region = region_id(topology, "us-east")},
            .drill = "loss-1"};
  }

  static DrillNotice notice() {
    return {.drill = "loss-1",
            .running = true,
            .ended = "eu.gw1 ended it: there was no primary for 5s",
            .serves_for = std::chrono::milliseconds(700),
            .failed_writes = 51,
            .cuts_receiver = true};
  }

  std::vector<PeerMessage> one_of_each() const {
    return {heartbeat(),
            RoundMessage{question(), topology.quorum_hash},
            TallyMessage{RoundId{0x123456789abcdef0},
                         {answer("us-east", "n1"), answer("us-east", "n2")}},
            SwitchoverRequest{11, region_id(topology, "us-west"), std::chrono::seconds(30)},
            SwitchoverReply{11, SwitchoverOutcome::unsafe, "why", Epoch{9},
                            std::chrono::milliseconds(20)},
            DrainRequest{Epoch{7}, region_id(topology, "us-west"), std::chrono::seconds(5)},
            Drained{Epoch{7}},
            HandOver{Epoch{7}, region_id(topology, "us-west")},
            notice()};
  }

  // Every bit of a message that came through shows in the bytes it gives when encoded again.
  void expect_same(const PeerMessage& message) const {
    const std::string bytes = codec.encode(message);
    const auto decoded = codec.decode(bytes_of(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->index(), message.index());
    EXPECT_EQ(codec.encode(*decoded), bytes);
  }

  std::string error_of(const PeerMessage& message) const {
    const std::string bytes = codec.encode(message);
    const auto decoded = codec.decode(bytes_of(bytes));
    return decoded.ok() ? "" : decoded.error().message;
  }

  Topology topology = make_topology();
  Codec codec{topology};
};

TEST_F(CodecTest, EveryMessageComesBackAsItWas) {
  for (const PeerMessage& message : one_of_each()) expect_same(message);
}

TEST_F(CodecTest, HeartbeatKeepsItsFields) {
  const std::string bytes = codec.encode(heartbeat());
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok());
  const auto& back = std::get<Heartbeat>(*decoded);
  const Heartbeat sent = heartbeat();
  EXPECT_EQ(back.sequence, sent.sequence);
  EXPECT_EQ(back.heard_sequence, sent.heard_sequence);
  EXPECT_EQ(back.heard_ago, sent.heard_ago);
  EXPECT_EQ(back.incarnation, sent.incarnation);
  EXPECT_EQ(back.version, sent.version);
  EXPECT_EQ(back.topology_version, sent.topology_version);
  EXPECT_EQ(back.topology_hash, sent.topology_hash);
  EXPECT_EQ(back.quorum_hash, sent.quorum_hash);
  EXPECT_EQ(back.draining, sent.draining);
  EXPECT_EQ(back.drill, sent.drill);
  EXPECT_EQ(back.region_quorate, sent.region_quorate);
  EXPECT_EQ(back.eligible, sent.eligible);
  EXPECT_EQ(back.healthy_backends, sent.healthy_backends);
  EXPECT_EQ(back.epoch, sent.epoch);
  EXPECT_EQ(back.primary, sent.primary);
  EXPECT_EQ(back.serving, sent.serving);
  EXPECT_EQ(back.lease_left, sent.lease_left);
  EXPECT_EQ(back.pause, sent.pause);
  EXPECT_EQ(back.last_reign, sent.last_reign);
}

TEST_F(CodecTest, ADrillNoticeKeepsItsFieldsWithinBounds) {
  const auto arrived = [this](const DrillNotice& sent) {
    const std::string bytes = codec.encode(sent);
    return std::get<DrillNotice>(codec.decode(bytes_of(bytes)).value());
  };
  DrillNotice sent = notice();
  DrillNotice back = arrived(sent);
  EXPECT_EQ(back.drill, sent.drill);
  EXPECT_EQ(back.running, sent.running);
  EXPECT_EQ(back.ended, sent.ended);
  EXPECT_EQ(back.serves_for, sent.serves_for);
  EXPECT_EQ(back.failed_writes, sent.failed_writes);
  EXPECT_EQ(back.cuts_receiver, sent.cuts_receiver);
  sent.drill.assign(5000, 'd');
  sent.ended.assign(5000, 'e');
  sent.serves_for = Duration::max();
  back = arrived(sent);
  EXPECT_EQ(back.drill.size(), Codec::kMaxTextBytes);
  EXPECT_EQ(back.ended.size(), Codec::kMaxTextBytes);
  EXPECT_EQ(back.serves_for, Codec::kLongestLease);
}

TEST_F(CodecTest, RefusesADrillNoticeOutOfBounds) {
  // Field 9 of the envelope; in it a lease of 2^63 ns, a name and a reason of 1025 bytes.
  const std::string long_text = "\x81\x08" + std::string(1025, 'x');
  const std::pair<std::string, const char*> cases[] = {
      {std::string("\x4a\x0b\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "serves"},
      {"\x4a\x84\x08\x0a" + long_text, "drill_notice.drill"},
      {"\x4a\x84\x08\x1a" + long_text, "drill_notice.ended"}};
  for (const auto& [bytes, field] : cases) {
    const auto decoded = codec.decode(bytes_of(bytes));
    ASSERT_FALSE(decoded.ok()) << field;
    EXPECT_NE(decoded.error().message.find(field), std::string::npos) << decoded.error().message;
  }
}

TEST_F(CodecTest, APauseCostsAHeartbeatFewBytes) {
  Heartbeat untouched = heartbeat();
  untouched.pause = {};
  untouched.last_reign = {};
  expect_same(untouched);
  EXPECT_LT(codec.encode(heartbeat()).size(), codec.encode(untouched).size() + 32);
}

TEST_F(CodecTest, EveryQuestionAndVerdictComesBack) {
  for (const auto kind :
       {QuestionKind::ask, QuestionKind::probe, QuestionKind::release, QuestionKind::close}) {
    Question asked = question();
    asked.kind = kind;
    const std::string bytes = codec.encode(RoundMessage{asked, topology.quorum_hash});
    const auto decoded = codec.decode(bytes_of(bytes));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(std::get<RoundMessage>(*decoded).question, asked);
  }
  for (const auto verdict : {Verdict::granted, Verdict::stale, Verdict::voted, Verdict::closed,
                             Verdict::promised, Verdict::topology, Verdict::failed}) {
    SignedAnswer given = answer("eu", "n1");
    given.answer.verdict = verdict;
    const std::string bytes = codec.encode(TallyMessage{question().round, {given}});
    const auto decoded = codec.decode(bytes_of(bytes));
    ASSERT_TRUE(decoded.ok());
    const SignedAnswer& back = std::get<TallyMessage>(*decoded).answers.at(0);
    EXPECT_EQ(back.answer, given.answer);
    EXPECT_EQ(back.signature, given.signature);
    EXPECT_EQ(back.fingerprint, given.fingerprint);
    EXPECT_EQ(back.certificate, given.certificate);
    EXPECT_EQ(back.quorum_hash, given.quorum_hash);
  }
}

TEST_F(CodecTest, AnswersToDifferentQuestionsOfARoundKeepTheirOwn) {
  SignedAnswer other = answer("us-east", "n2");
  other.answer.question.kind = QuestionKind::probe;
  other.answer.question.epoch = Epoch{1};
  const std::string bytes =
      codec.encode(TallyMessage{question().round, {answer("us-east", "n1"), other}});
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok());
  const auto& answers = std::get<TallyMessage>(*decoded).answers;
  EXPECT_EQ(answers.at(0).answer.question, question());
  EXPECT_EQ(answers.at(1).answer.question, other.answer.question);
}

TEST_F(CodecTest, RefusesWhatIsOutOfRange) {
  Question asked = question();
  asked.lease = Codec::kLongestLease + Duration(1);
  EXPECT_NE(error_of(RoundMessage{asked, topology.quorum_hash}).find("question.lease"),
            std::string::npos);

  SignedAnswer given = answer("eu", "n1");
  given.fingerprint = "short";
  EXPECT_NE(error_of(TallyMessage{question().round, {given}}).find("fingerprint"),
            std::string::npos);
  given = answer("eu", "n1");
  given.signature.assign(Codec::kMaxSignatureBytes + 1, 's');
  EXPECT_NE(error_of(TallyMessage{question().round, {given}}).find("signature"), std::string::npos);
  given = answer("eu", "n1");
  given.certificate.assign(Codec::kMaxCertificateBytes + 1, 'c');
  EXPECT_NE(error_of(TallyMessage{question().round, {given}}).find("certificate"),
            std::string::npos);
  EXPECT_NE(error_of(TallyMessage{RoundId{1}, {answer("eu", "n1")}}).find("another round"),
            std::string::npos);
}

TEST_F(CodecTest, RefusesMoreAnswersThanAllowed) {
  // Two full messages of the same kind, one after the other, merge into one in this format.
  TallyMessage full{question().round, {}};
  for (std::size_t i = 0; i < Codec::kMaxAnswers; ++i) full.answers.push_back(answer("eu", "n1"));
  const std::string bytes = codec.encode(full);
  EXPECT_TRUE(codec.decode(bytes_of(bytes)).ok());
  const std::string doubled = bytes + bytes;
  EXPECT_FALSE(codec.decode(bytes_of(doubled)).ok());
}

TEST_F(CodecTest, NegativeSpansTravelAsZeroAndLongTextsAreCut) {
  Heartbeat beat = heartbeat();
  beat.lease_left = -std::chrono::seconds(1);
  beat.heard_ago = Duration::max();
  beat.version.assign(5000, 'v');
  const std::string bytes = codec.encode(beat);
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(std::get<Heartbeat>(*decoded).lease_left, Duration::zero());
  EXPECT_EQ(std::get<Heartbeat>(*decoded).version.size(), Codec::kMaxTextBytes);
}

TEST_F(CodecTest, LongTextsAreCutBetweenCharacters) {
  for (const std::string start : {"", "v", "vv", "vvv"}) {
    SwitchoverReply reply;
    reply.message = start;
    for (int i = 0; i < 1000; ++i) reply.message += "\xe2\x82\xac";  // the euro sign
    const std::string bytes = codec.encode(reply);
    const auto decoded = codec.decode(bytes_of(bytes));
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    const std::string& cut = std::get<SwitchoverReply>(*decoded).message;
    EXPECT_TRUE(reply.message.starts_with(cut));
    EXPECT_GT(cut.size(), Codec::kMaxTextBytes - 3);
  }
}

// The same names, but one region has another name in the other process's topology.
class OtherTopologyTest : public CodecTest {
 protected:
  OtherTopologyTest() {
    other.regions.at(region_id(topology, "us-west").value).name = "us-wild";
    other.quorum_hash = "sha256:" + std::string(64, '0');
  }
  Topology other = make_topology();
  Codec other_codec{other};
};

TEST_F(OtherTopologyTest, HeartbeatIsReadWithoutTheUnknownRegion) {
  Heartbeat beat = heartbeat();
  beat.quorum_hash = other.quorum_hash;
  const std::string bytes = other_codec.encode(beat);
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(std::get<Heartbeat>(*decoded).primary, kNoRegion);
  EXPECT_EQ(std::get<Heartbeat>(*decoded).quorum_hash, other.quorum_hash);
}

TEST_F(OtherTopologyTest, UnknownNamesUnderOurOwnHashAreRefused) {
  const std::string bytes = other_codec.encode(heartbeat());
  EXPECT_FALSE(codec.decode(bytes_of(bytes)).ok());
}

TEST_F(OtherTopologyTest, QuestionOfAnUnknownRegionIsReadAsOfNone) {
  Question asked = question();
  asked.region = region_id(topology, "us-west");
  const std::string bytes = other_codec.encode(RoundMessage{asked, other.quorum_hash});
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(std::get<RoundMessage>(*decoded).question.region, kNoRegion);
}

TEST_F(OtherTopologyTest, AnswersWithUnknownNamesAreLeftOut) {
  SignedAnswer unknown = answer("us-east", "n1");  // supports us-west
  unknown.quorum_hash = other.quorum_hash;
  SignedAnswer known = unknown;
  known.answer.supports = region_id(topology, "us-east");
  const std::string bytes = other_codec.encode(TallyMessage{question().round, {unknown, known}});
  const auto decoded = codec.decode(bytes_of(bytes));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const auto& answers = std::get<TallyMessage>(*decoded).answers;
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers.at(0).quorum_hash, other.quorum_hash);
}

TEST_F(CodecTest, RefusesNothingAndRubbish) {
  EXPECT_FALSE(codec.decode({}).ok());
  EXPECT_FALSE(codec.decode(bytes_of("no message")).ok());
  EXPECT_FALSE(codec.decode(bytes_of(std::string(1000, '\0'))).ok());
}

TEST_F(CodecTest, EveryPrefixIsAMessageOrAnError) {
  for (const PeerMessage& message : one_of_each()) {
    const std::string bytes = codec.encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = codec.decode(bytes_of(bytes).first(size));
      if (decoded.ok()) codec.encode(*decoded);
    }
  }
}

// Whatever is decoded must be sound enough to be encoded again.
TEST_F(CodecTest, MutatedBytesAreAMessageOrAnError) {
  Random random(20240601);
  std::size_t decoded_count = 0;
  for (const PeerMessage& message : one_of_each()) {
    const std::string original = codec.encode(message);
    for (int run = 0; run < 4000; ++run) {
      std::string bytes = original;
      for (std::uint64_t change = 0; change <= random.below(3); ++change) {
        const std::size_t place = random.below(bytes.size());
        switch (random.below(3)) {
          case 0:
            bytes[place] = static_cast<char>(random.next());
            break;
          case 1:
            bytes.erase(place, 1 + random.below(4));
            break;
          default:
            bytes.insert(place, 1, static_cast<char>(random.next()));
        }
        if (bytes.empty()) bytes = "x";
      }
      const auto decoded = codec.decode(bytes_of(bytes));
      if (!decoded.ok()) continue;
      ++decoded_count;
      codec.encode(*decoded);
    }
  }
  EXPECT_GT(decoded_count, 0U);
}

TEST_F(CodecTest, RandomBytesAreAMessageOrAnError) {
  Random random(42);
  for (int run = 0; run < 20'000; ++run) {
    std::string bytes(random.below(200), '\0');
    for (char& c : bytes) c = static_cast<char>(random.next());
    const auto decoded = codec.decode(bytes_of(bytes));
    if (decoded.ok()) codec.encode(*decoded);
  }
}

}  // namespace
}  // namespace regent
