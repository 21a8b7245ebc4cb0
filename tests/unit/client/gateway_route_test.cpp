// The client when Redis is of no help: real admin APIs over TLS.

#include <fstream>

#include "admin_fixture.h"
#include "client_fixture.h"
#include "region/clock.h"

namespace regent::client {
namespace {

using std::chrono::seconds;
using test::AdminTest;
using test::RedisServer;

const Address kNobody{"127.0.0.1", 1};

class GatewayRouteTest : public AdminTest {
 protected:
  GatewayRouteTest() { show(7, "us-east", seconds(60)); }

  void show(std::uint64_t epoch, const std::string& primary, Duration left) {
    GatewayStatus status = test::primary_status();
    status.epoch = epoch;
    status.primary = primary;
    status.lease_end = boot_now() + left;
    status.services.push_back({"stock", 1, {}});
    status.primary_gateways = {{"orders", {"10.0.1.10:8080", "10.0.1.15:8080"}},
                               {"stock", {"[fd00::1]:8090"}}};
    control_.show(status);
  }
  std::string here() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  RouteClient::Options to(const std::vector<std::string>& gateways,
                          const std::vector<Address>& redis = {}) const {
    RouteClient::Options options;
    for (const Address& address : redis) options.redis.push_back(address.text());
    options.gateways = gateways;
    options.ca_file = certs_.file("ca.crt");
    return options;
  }
  // Somebody with this certificate in place of a gateway; why the client does not believe him.
  std::string disbelief(const Identity& shown, const Authority& by) {
    test::CertificateFolderFixture other;
    std::ofstream(other.file("ca.crt")) << by.certificate_pem();
    other.issue(by, shown.region + "." + shown.name, shown);
    const auto credentials = Credentials::load(credential_files(other.dir(), shown), shown).value();
    const auto server = AdminServer::start("127.0.0.1", 0, *credentials, *api_).value();
    const auto client = start(to({"127.0.0.1:" + std::to_string(server->port())}));
    test::eventually([&] { return !client->state().problem().empty() || client->route(); });
    return client->route() ? "believed" : client->state().problem();
  }
};

TEST_F(GatewayRouteTest, AnswersWithoutRedis) {
  const auto client = start(to({here()}));
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  EXPECT_EQ(client->state().problem(), "");
}

TEST_F(GatewayRouteTest, AnswersWhenRedisIsDownEmptyOrSilent) {
  RedisServer empty;
  RedisServer silent;
  silent.freeze();
  for (const Address& redis : {kNobody, empty.address(), silent.address()}) {
    const auto client = start(to({here()}, {redis}));
    EXPECT_TRUE(comes_to(*client, route(7, "us-east"))) << redis.text();
  }
  silent.thaw();
}

TEST_F(GatewayRouteTest, IsAskedBeforeTheRouteIsGoneWhenRedisIsLate) {
  RedisServer redis;
  std::atomic<int> changes{0};
  RouteClient::Options options = to({here()}, {redis.address()});
  options.on_change = [&](const RouteView&) { ++changes; };
  write_by_hand(redis, 7, "us-east", seconds(5));  // and nobody renews it
  const auto client = start(std::move(options));
  ASSERT_TRUE(client->wait(seconds(20)).ok());
  ASSERT_TRUE(test::eventually([&] {
    const RouteView view = client->route();
    return view && view.ends() > boot_now() + seconds(20);
  }));
  EXPECT_EQ(changes, 1);
}

TEST_F(GatewayRouteTest, IsLeftAloneWhileRedisHelps) {
  RedisServer redis;
  write_by_hand(redis, 8, "eu", seconds(60));
  const auto client = start(to({here(), "127.0.0.1:1"}, {redis.address()}));
  ASSERT_TRUE(client->wait(seconds(20)).ok());
  EXPECT_EQ(**client->wait(seconds(20)), route(8, "eu"));
  EXPECT_EQ(client->state().problem(), "");
}

TEST_F(GatewayRouteTest, AllAreTriedInTurn) {
  test::FakeControl lonely;
  lonely.show(test::no_primary_status());
  AdminApi api(lonely, [](const GatewayStatus&) { return ""; });
  const auto isolated = AdminServer::start("127.0.0.1", 0, *credentials_, api).value();
  const FakeServer plain("HTTP/1.1 200 OK\r\n\r\n{}");
  const auto client = start(to({kNobody.text(), "127.0.0.1:" + std::to_string(isolated->port()),
                                plain.address().text(), here()}));
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  const auto sources = client->state().sources;
  EXPECT_EQ(sources[0].name, "gateway 127.0.0.1:1");
  EXPECT_EQ(sources[0].problem, "Connection refused");
  EXPECT_NE(sources[1].problem.find("answers 503: no primary is known to gateway us-east.gw1"),
            std::string::npos)
      << sources[1].problem;
  EXPECT_NE(sources[2].problem, "");
  EXPECT_EQ(sources[3].problem, "");
}

TEST_F(GatewayRouteTest, SaysWhatIsWrongEverywhere) {
  control_.show(test::no_primary_status());
  const auto client = start(to({here()}, {kNobody}));
  ASSERT_TRUE(complains(*client, 1, "answers 503"));
  const auto none = client->wait(std::chrono::milliseconds(1));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message.rfind(
                "no route yet: redis 127.0.0.1:1: Connection refused; gateway " + here() + ": ", 0),
            0U)
      << none.error().message;
  show(9, "eu", seconds(60));
  EXPECT_TRUE(comes_to(*client, route(9, "eu")));
}

TEST_F(GatewayRouteTest, ALowerEpochThanRedisShowedIsNotTaken) {
  RedisServer redis;
  write_by_hand(redis, 8, "eu", seconds(1));
  const auto client = start(to({here()}, {redis.address()}));
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
  ASSERT_TRUE(complains(*client, 1, "shows epoch 7, but epoch 8 was seen already"));
  ASSERT_TRUE(comes_to_nothing(*client));
  show(9, "us-east", seconds(60));
  ASSERT_TRUE(comes_to(*client, route(9, "us-east")));
}

TEST_F(GatewayRouteTest, EndsWithTheLease) {
  show(7, "us-east", seconds(1));
  const Instant end = boot_now() + seconds(1);
  const auto client = start(to({here()}));
  const auto found = client->wait(seconds(20));
  // On a busy machine the lease may be over before the first answer.
  if (found.ok()) {
    EXPECT_LE(found->ends(), end);
    EXPECT_GT(found->ends(), end - seconds(1));
  }
  while (boot_now() < end) static_cast<void>(client->route());
  EXPECT_FALSE(client->route());
  EXPECT_TRUE(complains(*client, 0, "answers 503"));
}

TEST_F(GatewayRouteTest, OnlyGatewaysOfTheClusterAreBelieved) {
  EXPECT_NE(disbelief(certs_.gateway, certs_.stranger).find("us-east/gateway/gw1"),
            std::string::npos);
  EXPECT_NE(disbelief({"shop", IdentityRole::node, "us-east", "n1"}, certs_.authority)
                .find("no gateway of cluster shop"),
            std::string::npos);
  EXPECT_NE(disbelief({"mall", IdentityRole::gateway, "us-east", "gw1"}, certs_.authority)
                .find("no gateway of cluster shop"),
            std::string::npos);
  EXPECT_EQ(disbelief(certs_.gateway, certs_.authority), "believed");
}

TEST_F(GatewayRouteTest, AGatewayThatNeverAnswersIsLeft) {
  const FakeServer silent("");
  RouteClient::Options options = to({silent.address().text(), here()});
  options.gateway_timeout = std::chrono::milliseconds(300);
  const auto client = start(std::move(options));
  ASSERT_TRUE(complains(*client, 0, "no answer within 300 ms"));
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
}

TEST(RouteClientOptionsTest, AreChecked) {
  const auto refusal = [](const std::function<void(RouteClient::Options&)>& change) {
    RouteClient::Options options;
    options.cluster = "shop";
    options.redis = {"127.0.0.1:1"};
    change(options);
    const auto started = RouteClient::start(options);
    return started.ok() ? "" : started.error().message;
  };
  EXPECT_EQ(refusal([](auto&) {}), "");
  EXPECT_EQ(refusal([](auto& o) { o.cluster = ""; }), "cluster: must not be empty");
  EXPECT_EQ(refusal([](auto& o) { o.redis = {}; }),
            "redis, gateways: at least one address is needed");
  EXPECT_EQ(refusal([](auto& o) { o.redis = {"nowhere"}; }),
            "redis: 'nowhere' is not HOST:PORT or [IPV6]:PORT");
  EXPECT_EQ(refusal([](auto& o) { o.redis = std::vector<std::string>(65, "a:1"); }),
            "redis: at most 64 addresses");
  EXPECT_EQ(refusal([](auto& o) { o.redis_timeout = {}; }),
            "redis_timeout, gateway_timeout: must be more than nothing, at most a minute");
  EXPECT_EQ(refusal([](auto& o) { o.gateway_timeout = Duration::max(); }),
            "redis_timeout, gateway_timeout: must be more than nothing, at most a minute");
  EXPECT_EQ(refusal([](auto& o) { o.gateways = {"a:1"}; }).substr(0, 8), "ca_file:");
  EXPECT_EQ(refusal([](auto& o) {
              o.gateways = {"a:1"};
              o.ca_file = "/nonexistent";
            }).substr(0, 22),
            "ca_file: /nonexistent:");
}

}  // namespace
}  // namespace regent::client
