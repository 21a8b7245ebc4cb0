#include "region/network.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "region/channel.h"
#include "region/clock.h"
#include "region/codec.h"
#include "region/resolver.h"
#include "security/certificate_folder.h"
#include "test_process.h"

namespace regent {
namespace {

using test::Awaited;
using test::TestProcess;
using testing::AllOf;
using testing::HasSubstr;

class NetworkTest : public testing::Test {
 protected:
  std::unique_ptr<TestProcess> start(const Endpoint& self,
                                     std::optional<Identity> shown = std::nullopt,
                                     TestProcess::Respond respond = {}) {
    auto process = std::make_unique<TestProcess>(topology, self, certificates, std::move(shown),
                                                 std::move(respond));
    EXPECT_TRUE(process->started.ok());
    return process;
  }
  Question question() const {
    return {.kind = QuestionKind::ask,
            .epoch = Epoch{3},
            .region = test::region_id(topology, "us-east"),
            .incarnation = Incarnation{1},
            .lease = std::chrono::milliseconds(500),
            .round = RoundId{77}};
  }

  Topology topology = test::make_topology();
  test::Certificates certificates{topology};
  const Endpoint east1 = test::gateway_id(topology, "us-east", "gw1");
  const Endpoint east2 = test::gateway_id(topology, "us-east", "gw2");
  const Endpoint west = test::gateway_id(topology, "us-west", "gw1");
  const NodeId node = test::node_id(topology, "us-east", "n1");
  const NodeId west_node = test::node_id(topology, "us-west", "n1");
};

TEST_F(NetworkTest, GatewaysTalkAndAnswerOnTheConnectionOfTheRequest) {
  const auto one = start(east1);
  const auto two =
      start(west, std::nullopt, [](Network& network, const From& from, const PeerMessage& message) {
        if (std::holds_alternative<SwitchoverRequest>(message)) {
          network.reply(from.connection,
                        SwitchoverReply{5, SwitchoverOutcome::done, "", Epoch{}, {}});
        }
      });
  ASSERT_TRUE(one->wait_connected(west));
  ASSERT_TRUE(two->wait_connected(east1));
  one->network.send(west, SwitchoverRequest{5, test::region_id(topology, "us-west"), {}});
  ASSERT_TRUE(two->wait_messages(1));
  ASSERT_TRUE(one->wait_messages(1));
  EXPECT_EQ(two->messages().at(0).first.peer, east1);
  EXPECT_EQ(two->messages().at(0).first.region, test::region_id(topology, "us-east"));
  EXPECT_EQ(one->messages().at(0).first.peer, west);
  EXPECT_EQ(std::get<SwitchoverReply>(one->messages().at(0).second).id, 5U);
  EXPECT_EQ(one->network.counters().messages_sent, 1U);
  EXPECT_EQ(one->network.counters().messages_received, 1U);
  EXPECT_GT(one->network.counters().bytes_sent, 0U);
}

TEST_F(NetworkTest, ACutDropsWhatCrossesItInItsDirection) {
  LinkFaults faults(topology);
  TestProcess one(topology, east1, certificates, std::nullopt, {}, &faults);
  const auto two = start(west);
  const Endpoint eu = test::gateway_id(topology, "eu", "gw1");
  const auto three = start(eu);
  ASSERT_TRUE(one.wait_connected(west));
  ASSERT_TRUE(one.wait_connected(eu));
  ASSERT_TRUE(two->wait_connected(east1));
  ASSERT_TRUE(three->wait_connected(east1));
  const RegionId region = test::region_id(topology, "us-west");
  const auto wish = [&](std::uint64_t id) { return SwitchoverRequest{id, region, {}}; };
  const auto last = [](TestProcess& at) {
    return std::get<SwitchoverRequest>(at.messages().back().second).id;
  };
  faults.cut_to(region, boot_now() + std::chrono::minutes(1));
  one.network.send(west, wish(1));
  one.network.send(eu, wish(1));
  ASSERT_TRUE(three->wait_messages(1)) << "what was sent before it has left by then, or never";
  two->network.send(east1, wish(2));
  ASSERT_TRUE(one.wait_messages(1)) << "the other direction is whole";
  faults.heal();
  faults.cut_from(region, boot_now() + std::chrono::minutes(1));
  one.network.send(west, wish(3));
  ASSERT_TRUE(two->wait_messages(1));
  EXPECT_EQ(last(*two), 3U);
  two->network.send(east1, wish(4));
  const Instant limit = boot_now() + std::chrono::seconds(10);
  while (one.network.counters().messages_received < 2 && boot_now() < limit) {
    std::this_thread::yield();
  }
  ASSERT_EQ(one.network.counters().messages_received, 2U) << "it has come";
  // A message is counted first, and looked at after that.
  three->network.send(east1, wish(5));
  ASSERT_TRUE(one.wait_messages(2)) << "what came later is through, so it was dropped";
  EXPECT_EQ(last(one), 5U);
  faults.heal();
  two->network.send(east1, wish(7));
  ASSERT_TRUE(one.wait_messages(3));
  EXPECT_EQ(last(one), 7U);
}

TEST_F(NetworkTest, WhatIsSaidOfTheDrillOutlastsWhatTheDrillBreaks) {
  LinkFaults faults(topology);
  TestProcess one(topology, east1, certificates, std::nullopt, {}, &faults);
  const auto two = start(west);
  ASSERT_TRUE(one.wait_connected(west));
  ASSERT_TRUE(two->wait_connected(east1));
  const RegionId region = test::region_id(topology, "us-west");
  const Instant until = boot_now() + std::chrono::minutes(1);
  faults.cut_to(region, until);
  faults.cut_from(region, until);
  faults.delay_to(region, std::chrono::minutes(1), until);
  one.network.send(west, Drained{Epoch{1}});
  one.network.send(west, DrillNotice{.drill = "loss"});
  ASSERT_TRUE(two->wait_messages(1));
  EXPECT_EQ(std::get<DrillNotice>(two->messages().back().second).drill, "loss");
  two->network.send(east1, Drained{Epoch{1}});
  two->network.send(east1, DrillNotice{.drill = "loss", .ended = "why"});
  ASSERT_TRUE(one.wait_messages(1));
  EXPECT_EQ(std::get<DrillNotice>(one.messages().back().second).ended, "why");
}

TEST_F(NetworkTest, FaultsEndAtTheirInstant) {
  LinkFaults faults(topology);
  const RegionId region = test::region_id(topology, "us-west");
  const RegionId other = test::region_id(topology, "us-east");
  faults.cut_to(region, boot_now() + std::chrono::minutes(1));
  EXPECT_TRUE(faults.drops_to(region));
  EXPECT_FALSE(faults.drops_from(region));
  EXPECT_FALSE(faults.drops_to(other));
  EXPECT_TRUE(faults.cuts(region));
  faults.cut_to(region, boot_now());
  EXPECT_FALSE(faults.drops_to(region)) << "it is over, though nobody has ended it";
  faults.cut_node(node, boot_now() + std::chrono::minutes(1));
  EXPECT_TRUE(faults.drops_node(node));
  EXPECT_FALSE(faults.drops_node(west_node));
  faults.delay_to(other, std::chrono::seconds(1), boot_now() + std::chrono::minutes(1));
  EXPECT_EQ(faults.delay_to(other), std::chrono::seconds(1));
  EXPECT_EQ(faults.delay_to(region), Duration::zero());
  faults.heal();
  EXPECT_FALSE(faults.drops_node(node));
  EXPECT_EQ(faults.delay_to(other), Duration::zero());
}

TEST_F(NetworkTest, ConnectsAgainWhenThePeerWasRestarted) {
  const auto one = start(east1);
  for (int life = 1; life <= 3; ++life) {
    const auto two = start(west);
    ASSERT_TRUE(one->wait_opened(west, life));
    one->network.send(west, Drained{Epoch{1}});
    ASSERT_TRUE(two->wait_messages(1)) << "life " << life;
  }
}

TEST_F(NetworkTest, SaysWhoHasThePort) {
  const auto one = start(east1);
  const TestProcess second(topology, east1, certificates);
  ASSERT_FALSE(second.started.ok());
  EXPECT_THAT(second.started.error().message, HasSubstr("cannot listen on"));
  EXPECT_THAT(second.started.error().message,
              AllOf(HasSubstr("address already in use by process "),
                    HasSubstr(", pid " + std::to_string(::getpid()))));
}

TEST_F(NetworkTest, SaysWhyItCannotConnect) {
  const auto one = start(east1);
  EXPECT_TRUE(one->wait_failure(west, "Connection refused"));
}

TEST_F(NetworkTest, RefusesAPeerThatIsNotTheOneItDialled) {
  const auto impostor = start(east2, Identity{"shop", IdentityRole::gateway, "us-west", "gw1"});
  const auto one = start(east1);
  EXPECT_TRUE(
      one->wait_failure(east2,
                        "spiffe://shop/region/us-west/gateway/gw1 answers where the topology has "
                        "spiffe://shop/region/us-east/gateway/gw2"));
  EXPECT_EQ(one->times_opened(east2), 0);
}

// A client that is not a Network: shows any certificate to any process.
struct Visitor : Channel::Handler {
  Visitor(const Topology& topology, const Endpoint& to, const Credentials& credentials) {
    loop.start();
    loop.run_and_wait([&] {
      const Address address = PeerPolicy(topology, to).address_of(to);
      Stream::Tls tls;
      tls.context = credentials.current()->client;
      tls.check = [](const Identity&) -> Status { return Done{}; };
      channel = Channel::connect(loop, *literal_address(address.host, address.port), std::nullopt,
                                 std::move(tls), *this);
    });
  }
  ~Visitor() override {
    loop.run_and_wait([&] { channel.reset(); });
  }
  void on_open() override {
    awaited.update([&] { opened = true; });
  }
  void on_frame(std::span<const std::byte>) override {}
  void on_closed(const Error& error) override {
    awaited.update([&] {
      closed = true;
      why = error.message;
    });
  }
  bool wait_closed() {
    return awaited.wait([&] { return closed; });
  }

  Awaited awaited;
  bool opened = false;
  bool closed = false;
  std::string why;
  EventLoop loop{"visitor"};
  std::unique_ptr<Channel> channel;
};

class RefusalTest : public NetworkTest {
 protected:
  // What the host logs while a visitor with this identity is sent away.
  std::string log_of_refusal(const Endpoint& host, const Identity& visitor,
                             const test::Certificates& shown) {
    testing::internal::CaptureStderr();
    {
      const auto process = start(host);
      const auto credentials = shown.load(visitor);
      Visitor guest(topology, host, *credentials);
      EXPECT_TRUE(guest.wait_closed());
      // A visitor that refuses the host's certificate is gone before the host knows.
      EXPECT_TRUE(wait_logged("peer refused"));
      EXPECT_TRUE(process->messages().empty());
    }
    return testing::internal::GetCapturedStderr();
  }
  // While standard error is captured, which is into a file.
  static bool wait_logged(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::string log(1024 * 1024, '\0');
    while (std::chrono::steady_clock::now() < end) {
      const ssize_t size = pread(STDERR_FILENO, log.data(), log.size(), 0);
      if (size > 0 && std::string_view(log.data(), size).find(text) != std::string::npos) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
};

TEST_F(RefusalTest, ANodeRefusesGatewaysOfOtherRegions) {
  const std::string log =
      log_of_refusal(node, {"shop", IdentityRole::gateway, "us-west", "gw1"}, certificates);
  EXPECT_THAT(log, HasSubstr("peer refused"));
  EXPECT_THAT(log, HasSubstr("spiffe://shop/region/us-west/gateway/gw1 is of another region"));
}

TEST_F(RefusalTest, AGatewayRefusesNodes) {
  const std::string log =
      log_of_refusal(east1, {"shop", IdentityRole::node, "us-east", "n1"}, certificates);
  EXPECT_THAT(log, HasSubstr("spiffe://shop/region/us-east/node/n1 is no gateway"));
}

TEST_F(RefusalTest, AGatewayRefusesItsOwnIdentity) {
  const std::string log =
      log_of_refusal(east1, {"shop", IdentityRole::gateway, "us-east", "gw1"}, certificates);
  EXPECT_THAT(log, HasSubstr("certificate is in use twice"));
}

TEST_F(RefusalTest, RefusesAGatewayThatIsNotInTheTopology) {
  const Identity ghost{"shop", IdentityRole::gateway, "us-east", "ghost"};
  const auto made = create_certificate_folder(certificates.dir(), "shop", {{ghost, {}}}, 1);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const std::string log = log_of_refusal(east1, ghost, certificates);
  EXPECT_THAT(log, HasSubstr("spiffe://shop/region/us-east/gateway/ghost is not in the topology"));
}

TEST_F(RefusalTest, RefusesACertificateOfAnotherAuthority) {
  const test::Certificates others(topology);
  const std::string log =
      log_of_refusal(east1, {"shop", IdentityRole::gateway, "us-west", "gw1"}, others);
  EXPECT_THAT(log, HasSubstr("peer refused"));
}

class MalformedTest : public NetworkTest {
 protected:
  // What a gateway logs when another one sends these bytes.
  std::string log_of(const std::string& bytes) {
    testing::internal::CaptureStderr();
    {
      const auto process = start(east1);
      const auto credentials = certificates.load({"shop", IdentityRole::gateway, "us-west", "gw1"});
      Visitor guest(topology, east1, *credentials);
      EXPECT_TRUE(guest.awaited.wait([&] { return guest.opened; }));
      guest.loop.run_and_wait([&] { guest.channel->stream().write(bytes); });
      EXPECT_TRUE(guest.wait_closed());
      EXPECT_TRUE(process->messages().empty());
    }
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(MalformedTest, AnEmptyFrameClosesTheConnection) {
  const std::string log = log_of(std::string(4, '\0'));
  EXPECT_THAT(log, HasSubstr("gateway us-west/gw1"));
  EXPECT_THAT(log, HasSubstr("a frame of 0 bytes"));
}

TEST_F(MalformedTest, AFrameOverTheLimitClosesTheConnection) {
  EXPECT_THAT(log_of(std::string("\x00\x10\x00\x01", 4)), HasSubstr("a frame of 1048577 bytes"));
}

TEST_F(MalformedTest, AFrameThatIsNoMessageClosesTheConnection) {
  EXPECT_THAT(log_of(std::string("\x00\x00\x00\x04tree", 8)), HasSubstr("malformed message"));
}

TEST_F(NetworkTest, ANodeMayOnlyAnswerAndOnlyBeAsked) {
  testing::internal::CaptureStderr();
  {
    const auto voter =
        start(node, std::nullopt, [](Network& network, const From& from, const PeerMessage&) {
          network.reply(from.connection, HandOver{});
        });
    const auto gateway = start(east1);
    ASSERT_TRUE(gateway->wait_connected(node));
    gateway->network.send(node, RoundMessage{question(), topology.quorum_hash});
    ASSERT_TRUE(gateway->wait_failure(node, "a node may say nothing but answers"));
    ASSERT_TRUE(gateway->wait_connected(node));
    const std::size_t asked = voter->messages().size();
    gateway->network.send(node, Drained{Epoch{1}});
    ASSERT_TRUE(gateway->wait_failure(node, "closed by the peer"));
    EXPECT_EQ(voter->messages().size(), asked);
    EXPECT_TRUE(gateway->messages().empty());
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("a node may be told nothing but questions"));
}

// A node that answers each question with what `answers` makes of it.
TestProcess::Respond answering(
    const std::function<std::vector<SignedAnswer>(const Question&)>& answers) {
  return [answers](Network& network, const From& from, const PeerMessage& message) {
    const Question& asked = std::get<RoundMessage>(message).question;
    network.reply(from.connection, TallyMessage{asked.round, answers(asked)});
  };
}

TEST_F(NetworkTest, OnlyGenuineAnswersOfTheNodeItselfGetThrough) {
  const auto own = certificates.load({"shop", IdentityRole::node, "us-east", "n1"});
  const auto others = certificates.load({"shop", IdentityRole::node, "us-east", "n2"});
  const NodeId other = test::node_id(topology, "us-east", "n2");
  const auto voter =
      start(node, std::nullopt, answering([&](const Question& asked) {
              const SignedAnswer genuine = test::sign_answer(topology, node, *own, asked);
              SignedAnswer altered = genuine;
              altered.answer.verdict = Verdict::voted;
              SignedAnswer replayed = genuine;
              replayed.answer.question.epoch = Epoch{99};
              SignedAnswer elsewhere = genuine;
              elsewhere.quorum_hash = "sha256:" + std::string(64, 'a');
              // Another node's answer, and our answer under another node's name.
              const SignedAnswer foreign = test::sign_answer(topology, other, *others, asked);
              const SignedAnswer usurped = test::sign_answer(topology, other, *own, asked);
              return std::vector{altered, replayed, elsewhere, foreign, usurped, genuine};
            }));
  const auto gateway = start(east1);
  ASSERT_TRUE(gateway->wait_connected(node));
  for (std::size_t round = 1; round <= 2; ++round) {
    gateway->network.send(node, RoundMessage{question(), topology.quorum_hash});
    ASSERT_TRUE(gateway->wait_messages(round));
  }
  for (const auto& [from, message] : gateway->messages()) {
    EXPECT_EQ(from.peer, Endpoint(node));
    const auto& answers = std::get<TallyMessage>(message).answers;
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers.at(0).answer.verdict, Verdict::granted);
    EXPECT_EQ(answers.at(0).answer.question, question());
  }
  // The certificate travels with the first answer only.
  EXPECT_GT(gateway->network.counters().bytes_received, 0U);
}

TEST_F(NetworkTest, AnswersRelayedByAGatewayMustBeOfItsOwnRegion) {
  const auto west_credentials = certificates.load({"shop", IdentityRole::node, "us-west", "n1"});
  const auto voter =
      start(west_node, std::nullopt, answering([&](const Question& asked) {
              return std::vector{test::sign_answer(topology, west_node, *west_credentials, asked)};
            }));
  // us-west's gateway hands questions to its node and the node's answers back.
  std::uint64_t asker = 0;
  const auto relay = start(west, std::nullopt,
                           [&](Network& network, const From& from, const PeerMessage& message) {
                             if (std::holds_alternative<RoundMessage>(message)) {
                               asker = from.connection;
                               network.send(west_node, message);
                             } else {
                               network.reply(asker, message);
                             }
                           });
  const auto gateway = start(east1);
  ASSERT_TRUE(relay->wait_connected(west_node));
  ASSERT_TRUE(gateway->wait_connected(west));
  for (std::size_t round = 1; round <= 3; ++round) {
    gateway->network.send(west, RoundMessage{question(), topology.quorum_hash});
    ASSERT_TRUE(gateway->wait_messages(round));
    const auto message = gateway->messages().back();
    EXPECT_EQ(message.first.peer, west);
    EXPECT_EQ(std::get<TallyMessage>(message.second).answers.at(0).answer.node, west_node);
  }

  // The same answer from a gateway of another region does not count.
  const auto other =
      start(east2, std::nullopt, answering([&](const Question& asked) {
              return std::vector{test::sign_answer(topology, west_node, *west_credentials, asked),
                                 test::sign_answer(topology, west_node, *west_credentials, asked)};
            }));
  ASSERT_TRUE(gateway->wait_connected(east2));
  gateway->network.send(east2, RoundMessage{question(), topology.quorum_hash});
  ASSERT_TRUE(other->wait_messages(1));
  gateway->network.send(west, RoundMessage{question(), topology.quorum_hash});
  ASSERT_TRUE(gateway->wait_messages(4));
  for (const auto& [from, message] : gateway->messages()) EXPECT_EQ(from.peer, west);
}

TEST_F(NetworkTest, TheCertificateTravelsOnceAConnection) {
  const auto own = certificates.load({"shop", IdentityRole::node, "us-east", "n1"});
  const auto voter = start(node, std::nullopt, answering([&](const Question& asked) {
                             return std::vector{test::sign_answer(topology, node, *own, asked)};
                           }));
  const std::size_t certificate = own->current()->certificate_der.size();
  for (int life = 0; life < 2; ++life) {  // a new gateway process has no certificates yet
    const auto gateway = start(east1);
    ASSERT_TRUE(gateway->wait_connected(node));
    std::uint64_t before = 0;
    for (std::size_t round = 1; round <= 3; ++round) {
      gateway->network.send(node, RoundMessage{question(), topology.quorum_hash});
      ASSERT_TRUE(gateway->wait_messages(round));
      const std::uint64_t now = gateway->network.counters().bytes_received;
      if (round == 1) {
        EXPECT_GT(now - before, certificate);
      } else {
        EXPECT_LT(now - before, certificate);
      }
      before = now;
    }
  }
}

TEST_F(NetworkTest, ReconnectOpensTheConnectionAnew) {
  const auto two = start(west);
  const auto one = start(east1);
  ASSERT_TRUE(one->wait_opened(west, 1));
  // Ignored while the connection is young, so it takes a few tries.
  while (one->times_opened(west) < 2) {
    one->network.reconnect(west);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(one->wait_opened(west, 2));
  one->network.send(west, Drained{Epoch{1}});
  EXPECT_TRUE(two->wait_messages(1));
}

}  // namespace
}  // namespace regent
