#include "gateway/cli/admin_client.h"

#include <fstream>

#include "admin_fixture.h"
#include "gateway/cli/cli.h"
#include "region/clock.h"

namespace regent::test {
namespace {

using cli::AdminAnswer;
using cli::AdminClient;
using cli::ClientError;
using cli::ClientOptions;

// The client verbs' way to a gateway, against a real server.
class AdminClientTest : public AdminTest {
 protected:
  std::string here() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  AdminClient client(const ClientOptions& options, bool as_operator = false) {
    auto made = AdminClient::make(options, as_operator);
    if (const auto* error = std::get_if<ClientError>(&made)) ADD_FAILURE() << error->message;
    return std::get<AdminClient>(std::move(made));
  }
  ClientOptions to(const std::vector<std::string>& admin) const {
    return {admin, "", certs_.dir()};
  }
};

TEST_F(AdminClientTest, NamesWhoAnswered) {
  auto answer = client(to({here()})).get("/v1/status", cli::shows_primary);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(cli::answered_by(*answer), "us-east.gw1 (" + here() + ")");
  EXPECT_EQ(answer->body->getValue<int>("epoch"), 7);
}

TEST_F(AdminClientTest, TriesAddressesInTurnAndNamesEachFailure) {
  // Nobody listens on port 1.
  auto answer = client(to({"127.0.0.1:1", here()})).get("/v1/route", cli::shows_primary);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->code, 200);
  auto none = client(to({"127.0.0.1:1", "127.0.0.2:1"})).get("/v1/route", cli::shows_primary);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message.find("127.0.0.1:1: "), std::string::npos);
  EXPECT_NE(none.error().message.find("127.0.0.2:1: "), std::string::npos);
}

// A gateway that the command line names is the one that is meant.
TEST_F(AdminClientTest, ListensToTheCommandLineBeforeTheEnvironment) {
  const std::string nobody = "127.0.0.1:1";
  const std::string file = certs_.dir() + "/topology.yaml";
  const auto write = [&](std::uint16_t port) {
    std::ofstream(file) << "cluster: shop\nregions:\n  us-east: { nodes: { n1: 127.0.0.1:9 }, "
                        << "gateways: { gw1: { address: 127.0.0.1, admin: " << port << " } } }\n";
  };
  write(server_->port());
  const auto answers = [&](const std::vector<std::string>& admin, const std::string& topology) {
    return client({admin, topology, certs_.dir()}).get("/v1/route", cli::shows_primary).ok();
  };
  ASSERT_TRUE(answers({nobody}, file));  // both from the command line
  setenv("REGENT_TOPOLOGY", file.c_str(), 1);
  EXPECT_FALSE(answers({nobody}, file));
  EXPECT_TRUE(answers({}, file));
  setenv("REGENT_ADMIN", (nobody + "," + nobody).c_str(), 1);
  EXPECT_TRUE(answers({nobody, nobody}, file));  // both from the environment
  unsetenv("REGENT_TOPOLOGY");
  EXPECT_TRUE(answers({nobody, nobody}, file));
  setenv("REGENT_ADMIN", here().c_str(), 1);
  write(1);
  EXPECT_FALSE(answers({here()}, file));
  unsetenv("REGENT_ADMIN");
}

TEST_F(AdminClientTest, PrefersAGatewayThatKnowsThePrimary) {
  FakeControl lonely;
  lonely.show(no_primary_status());
  AdminApi api(lonely, [](const GatewayStatus&) { return ""; });
  auto isolated = AdminServer::start("127.0.0.1", 0, *credentials_, api).value();
  const std::string there = "127.0.0.1:" + std::to_string(isolated->port());
  EXPECT_EQ(client(to({there, here()})).get("/v1/route", cli::shows_primary)->code, 200);
  EXPECT_EQ(client(to({there})).get("/v1/route", cli::shows_primary)->code, 503);
}

TEST_F(AdminClientTest, BelievesOnlyGatewaysOfItsAuthorityAndCluster) {
  const auto refusal = [&](const Identity& shown, const Authority& by) {
    CertificateFolderFixture other;
    std::ofstream(other.file("ca.crt")) << by.certificate_pem();
    const std::string name = shown.region + "." + shown.name;
    other.issue(by, name, shown);
    auto credentials = Credentials::load(credential_files(other.dir(), shown), shown).value();
    auto server = AdminServer::start("127.0.0.1", 0, *credentials, *api_).value();
    auto answer = client(to({"127.0.0.1:" + std::to_string(server->port())}), true)
                      .get("/v1/route", cli::shows_primary);
    return answer.ok() ? "believed" : answer.error().message;
  };
  EXPECT_NE(refusal({"shop", IdentityRole::node, "us-east", "n1"}, certs_.authority)
                .find("which is no gateway"),
            std::string::npos);
  EXPECT_NE(refusal({"mall", IdentityRole::gateway, "us-east", "gw1"}, certs_.authority)
                .find("not of cluster shop"),
            std::string::npos);
  const std::string forged = refusal(certs_.gateway, certs_.stranger);
  EXPECT_NE(forged.find("spiffe://shop/region/us-east/gateway/gw1"), std::string::npos) << forged;
}

TEST_F(AdminClientTest, OnlyTheOperatorsCertificateOpensTheDoor) {
  const Address address{"127.0.0.1", server_->port()};
  const std::string order = R"({"to":"us-west"})";
  auto reader = client(to({here()}));
  EXPECT_EQ(reader.post(address, "/v1/switchover", order, std::chrono::seconds(5))->code, 401);
  auto master = client(to({here()}), true);
  EXPECT_EQ(master.post(address, "/v1/switchover", order, std::chrono::seconds(5))->code, 409);
}

TEST_F(AdminClientTest, AnAnswerThatDoesNotComeIsATimeOut) {
  control_.on_switchover([](const std::string&, Duration) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return SwitchoverReply{};
  });
  auto answer = client(to({here()}), true)
                    .post({"127.0.0.1", server_->port()}, "/v1/switchover", R"({"to":"us-west"})",
                          std::chrono::milliseconds(50));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::timed_out);
}

TEST_F(AdminClientTest, WrongOptionsHaveTheirExitCodes) {
  const auto code = [](const ClientOptions& options, bool as_operator) {
    auto made = AdminClient::make(options, as_operator);
    const auto* error = std::get_if<ClientError>(&made);
    return error == nullptr ? 0 : error->exit_code;
  };
  EXPECT_EQ(code({{}, "", certs_.dir()}, false), cli::kUsage);
  EXPECT_EQ(code({{"localhost"}, "", certs_.dir()}, false), cli::kUsage);
  EXPECT_EQ(code({{"localhost:99999"}, "", certs_.dir()}, false), cli::kUsage);
  EXPECT_EQ(code({{here()}, "", ""}, false), cli::kUsage);
  EXPECT_EQ(code({{here()}, "", "/nonexistent"}, false), cli::kBadTopology);
  EXPECT_EQ(code({{}, "/nonexistent.yaml", certs_.dir()}, false), cli::kBadTopology);
  std::filesystem::remove(certs_.file("operator.key"));
  EXPECT_EQ(code(to({here()}), true), cli::kBadTopology);
  EXPECT_EQ(code(to({here()}), false), 0);
}

TEST(ParseAddressTest, TakesHostAndPort) {
  EXPECT_EQ(cli::parse_address("10.0.0.1:7480").value(), (Address{"10.0.0.1", 7480}));
  EXPECT_EQ(cli::parse_address("[::1]:1").value(), (Address{"::1", 1}));
  for (const std::string bad :
       {"", ":", "host", "host:", ":1", "host:0", "host:65536", "host:1x"}) {
    EXPECT_FALSE(cli::parse_address(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace regent::test
