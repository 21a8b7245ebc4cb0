#include "region/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "test_process.h"

namespace regent {
namespace {

using test::TestProcess;
using testing::HasSubstr;

// A real node and a gateway of its region that asks it.
class NodeTest : public testing::Test {
 protected:
  void start_node() {
    node.reset();
    auto started = Node::start(topology, self, *credentials, data.path("vote"));
    ASSERT_TRUE(started.ok()) << started.error().message;
    node = std::move(started).value();
  }
  void start_gateway(const Topology& its_topology) {
    gateway = std::make_unique<TestProcess>(
        its_topology, Endpoint(test::gateway_id(its_topology, "us-east", "gw1")), certificates);
    ASSERT_TRUE(gateway->started.ok()) << gateway->started.error().message;
  }

  Question question(QuestionKind kind, std::uint64_t epoch, const std::string& region = "us-east") {
    return {.kind = kind,
            .epoch = Epoch{epoch},
            .region = test::region_id(topology, region),
            .incarnation = Incarnation{17},
            .lease = topology.timing.lease,
            .round = RoundId{++rounds}};
  }
  // Puts the question until it is answered: the connection may be lost on the way.
  SignedAnswer ask(const Question& asked, const std::string& hash) {
    EXPECT_TRUE(gateway->wait_connected(self));
    const std::size_t before = gateway->messages().size();
    gateway->network.send(self, RoundMessage{asked, hash});
    EXPECT_TRUE(gateway->wait_messages(before + 1));
    const auto messages = gateway->messages();
    if (messages.size() <= before) return {};
    return std::get<TallyMessage>(messages.at(before).second).answers.at(0);
  }
  Answer ask(const Question& asked) { return ask(asked, topology.quorum_hash).answer; }
  // A new node waits for a lease that it may have promised before it lost its memory.
  Answer ask_when_free(Question asked) {
    while (true) {
      asked.round = RoundId{++rounds};
      const Answer given = ask(asked);
      if (given.verdict != Verdict::promised || testing::Test::HasFailure()) return given;
    }
  }

  Topology topology = [] {
    Topology made = test::make_topology();
    made.timing.lease = std::chrono::milliseconds(100);
    return made;
  }();
  test::Certificates certificates{topology};
  test::TemporaryFolder data;
  NodeId self = test::node_id(topology, "us-east", "n1");
  std::unique_ptr<Credentials> credentials =
      certificates.load({"shop", IdentityRole::node, "us-east", "n1"});
  std::uint64_t rounds = 0;
  std::unique_ptr<Node> node;
  std::unique_ptr<TestProcess> gateway;
};

TEST_F(NodeTest, VotesOnceAnEpochAndKeepsItsVoteAcrossARestart) {
  start_node();
  start_gateway(topology);
  const Answer first = ask_when_free(question(QuestionKind::ask, 1));
  EXPECT_EQ(first.verdict, Verdict::granted);
  EXPECT_EQ(first.epoch, Epoch{1});
  EXPECT_EQ(first.supports, test::region_id(topology, "us-east"));
  EXPECT_EQ(ask(question(QuestionKind::ask, 1, "us-west")).verdict, Verdict::voted);

  node.reset();
  ASSERT_TRUE(gateway->wait_failure(self, "Connection refused"));
  start_node();
  EXPECT_EQ(ask(question(QuestionKind::ask, 1, "us-west")).verdict, Verdict::voted);
  EXPECT_EQ(ask(question(QuestionKind::ask, 1)).verdict, Verdict::granted);
  EXPECT_EQ(ask_when_free(question(QuestionKind::ask, 2, "us-west")).verdict, Verdict::granted);
  EXPECT_EQ(ask(question(QuestionKind::probe, 1)).verdict, Verdict::stale);
}

TEST_F(NodeTest, QuestionsUnderAnotherTopologyAreAnsweredAsSuch) {
  start_node();
  const Topology other = test::make_topology(2);
  ASSERT_NE(other.quorum_hash, topology.quorum_hash);
  start_gateway(other);
  const SignedAnswer given = ask(question(QuestionKind::ask, 1), other.quorum_hash);
  EXPECT_EQ(given.answer.verdict, Verdict::topology);
  EXPECT_EQ(given.answer.epoch, Epoch{});
  EXPECT_EQ(given.quorum_hash, topology.quorum_hash);
}

TEST_F(NodeTest, QuestionsThatBreakARuleAreNotAnswered) {
  testing::internal::CaptureStderr();
  start_node();
  start_gateway(topology);
  ASSERT_TRUE(gateway->wait_connected(self));
  Question greedy = question(QuestionKind::ask, 1);
  greedy.lease = topology.timing.lease + Duration(1);
  gateway->network.send(self, RoundMessage{greedy, topology.quorum_hash});
  const Question witness = question(QuestionKind::ask, 1, "eu");
  gateway->network.send(self, RoundMessage{witness, topology.quorum_hash});
  Question nobody = question(QuestionKind::ask, 1);
  nobody.incarnation = Incarnation{};
  gateway->network.send(self, RoundMessage{nobody, topology.quorum_hash});
  Question nowhere = question(QuestionKind::ask, 1);
  nowhere.region = kNoRegion;
  gateway->network.send(self, RoundMessage{nowhere, topology.quorum_hash});
  const Question fair = question(QuestionKind::probe, 1, "eu");
  gateway->network.send(self, RoundMessage{fair, topology.quorum_hash});
  ASSERT_TRUE(gateway->wait_messages(1));
  const auto messages = gateway->messages();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(std::get<TallyMessage>(messages.at(0).second).round, fair.round);
  node.reset();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("it asks for more than the topology's lease"));
  EXPECT_THAT(log, HasSubstr("the topology does not let this region be primary"));
  EXPECT_THAT(log, HasSubstr("it names no incarnation"));
  EXPECT_THAT(log, HasSubstr("it names no region"));
}

// The limit on file sizes stands in for a full disk. It is this process's, so it is taken back.
TEST_F(NodeTest, AFailedStoreStopsItFromVotingAndNothingIsSaid) {
  start_node();
  start_gateway(topology);
  ASSERT_EQ(ask_when_free(question(QuestionKind::ask, 4)).verdict, Verdict::granted);
  ASSERT_EQ(ask_when_free(question(QuestionKind::probe, 5, "us-west")).verdict, Verdict::granted);

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{1024, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Answer failed = ask(question(QuestionKind::ask, 5, "us-west"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);

  EXPECT_EQ(failed.verdict, Verdict::failed);
  EXPECT_EQ(failed.epoch, Epoch{4});
  EXPECT_EQ(failed.supports, test::region_id(topology, "us-east"));
  EXPECT_EQ(ask(question(QuestionKind::ask, 4)).verdict, Verdict::failed);

  // A restart finds the vote that was saved, and votes again.
  node.reset();
  ASSERT_TRUE(gateway->wait_failure(self, "Connection refused"));
  start_node();
  EXPECT_EQ(ask(question(QuestionKind::probe, 3)).verdict, Verdict::stale);
  EXPECT_EQ(ask_when_free(question(QuestionKind::ask, 5, "us-west")).verdict, Verdict::granted);
}

TEST_F(NodeTest, ATakenPortIsAnErrorThatNamesItsOwner) {
  start_node();
  const auto second = Node::start(topology, self, *credentials, data.path("other"));
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr(", pid " + std::to_string(::getpid())));
}

TEST_F(NodeTest, ADamagedStoreKeepsItFromStarting) {
  start_node();
  node.reset();
  std::filesystem::resize_file(data.path("vote/vote.db"), 100);
  const auto started = Node::start(topology, self, *credentials, data.path("vote"));
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace regent
