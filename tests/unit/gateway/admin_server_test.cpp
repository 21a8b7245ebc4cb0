#include <Poco/JSON/Array.h>
#include <Poco/Net/StreamSocket.h>

#include <unistd.h>

#include <atomic>
#include <future>

#include "admin_fixture.h"
#include "region/clock.h"
#include "security/certificate.h"

namespace regent::test {
namespace {

const std::string kOrder = R"({"to":"us-west"})";

TEST_F(AdminTest, PrimaryIsTrueOnlyWithALiveLease) {
  EXPECT_EQ(ask("GET", "/primary").code, 200);
  GatewayStatus status = primary_status();
  status.lease_end = boot_now() - std::chrono::nanoseconds(1);
  control_.show(status);
  EXPECT_EQ(ask("GET", "/primary").code, 503);
  status = primary_status();
  status.serving = false;  // a sibling holds it
  control_.show(status);
  EXPECT_EQ(ask("GET", "/primary").code, 503);
}

TEST_F(AdminTest, ALeaseThatRunsOutIsNoticedWithoutANewPicture) {
  GatewayStatus status = primary_status();
  status.lease_end = boot_now() + std::chrono::milliseconds(300);
  control_.show(status);
  while (ask("GET", "/primary").code == 200) {
    ASSERT_LT(boot_now(), status.lease_end + std::chrono::seconds(1));
  }
  EXPECT_GE(boot_now(), status.lease_end);
  EXPECT_EQ(ask("GET", "/v1/route").code, 503);
}

TEST_F(AdminTest, StandbyIsHealthyAndNotPrimary) {
  EXPECT_EQ(ask("GET", "/standby").code, 503);
  GatewayStatus status = primary_status();
  status.role = Role::standby;
  status.serving = false;
  status.primary = "us-west";
  control_.show(status);
  EXPECT_EQ(ask("GET", "/standby").code, 200);
  status.primary = "us-east";  // a sibling serves: the region is primary
  control_.show(status);
  EXPECT_EQ(ask("GET", "/standby").code, 503);
  control_.show(no_primary_status());
  EXPECT_EQ(ask("GET", "/standby").code, 503);
}

TEST_F(AdminTest, QuorumAndReadiness) {
  EXPECT_EQ(ask("GET", "/quorum").code, 200);
  EXPECT_EQ(ask("GET", "/readyz").code, 200);
  const HttpAnswer verbose = ask("GET", "/readyz?verbose");
  EXPECT_NE(verbose.body.find("[+]quorum ok: 2 of 3 present, 2 needed\n"), std::string::npos);
  EXPECT_NE(verbose.body.find("[+]primary ok: us-east in epoch 7\n"), std::string::npos);
  EXPECT_EQ(verbose.body.substr(verbose.body.size() - 6), "ready\n");

  control_.show(no_primary_status());
  EXPECT_EQ(ask("GET", "/quorum").code, 503);
  const HttpAnswer unready = ask("GET", "/readyz?verbose");
  EXPECT_EQ(unready.code, 503);
  EXPECT_NE(unready.body.find("[-]quorum failed: 1 of 3 present, 2 needed\n"), std::string::npos);
  EXPECT_EQ(ask("GET", "/livez").code, 200);
}

TEST_F(AdminTest, AStuckControlThreadIsNotReady) {
  GatewayStatus status = primary_status();
  status.taken = boot_now() - AdminApi::kStaleAfter - std::chrono::seconds(1);
  control_.show(status);
  EXPECT_EQ(ask("GET", "/readyz").code, 503);
  EXPECT_EQ(ask("GET", "/quorum").code, 503);
  EXPECT_EQ(ask("GET", "/livez").code, 200);
}

TEST_F(AdminTest, LosingTheRouteCacheDoesNotMakeItUnready) {
  GatewayStatus status = primary_status();
  status.route_cache_state = "down";
  control_.show(status);
  const HttpAnswer answer = ask("GET", "/readyz?verbose");
  EXPECT_EQ(answer.code, 200);
  EXPECT_NE(answer.body.find("[!]route_cache down"), std::string::npos);
}

TEST_F(AdminTest, HeadAndOptionsAnswerChecksWithoutABody) {
  for (const std::string method : {"HEAD", "OPTIONS"}) {
    for (const std::string path : {"/primary", "/quorum", "/livez", "/readyz"}) {
      const HttpAnswer answer = ask(method, path);
      EXPECT_EQ(answer.code, 200) << method << " " << path;
      EXPECT_EQ(answer.body, "") << method << " " << path;
    }
  }
  control_.show(no_primary_status());
  EXPECT_EQ(ask("HEAD", "/primary").code, 503);
  EXPECT_EQ(ask("OPTIONS", "/primary").code, 503);
  EXPECT_EQ(ask("OPTIONS", "/primary").allow, "GET, HEAD, OPTIONS");
}

TEST_F(AdminTest, RouteWithAndWithoutAPrimary) {
  const HttpAnswer found = ask("GET", "/v1/route");
  EXPECT_EQ(found.code, 200);
  EXPECT_EQ(found.content_type, "application/json");
  EXPECT_EQ(found.json->getValue<std::string>("primary"), "us-east");
  EXPECT_EQ(found.json->getValue<int>("epoch"), 7);
  EXPECT_EQ(found.json->getArray("gateways")->getElement<std::string>(1), "127.0.1.11:8080");
  EXPECT_GT(found.json->getValue<int>("expires_in_ms"), 0);

  control_.show(no_primary_status());
  const HttpAnswer none = ask("GET", "/v1/route");
  EXPECT_EQ(none.code, 503);
  EXPECT_TRUE(none.json->has("primary"));
  EXPECT_TRUE(none.json->isNull("primary"));
}

TEST_F(AdminTest, StatusAndMetrics) {
  const HttpAnswer status = ask("GET", "/v1/status");
  EXPECT_EQ(status.code, 200);
  EXPECT_EQ(status.json->getValue<std::string>("role"), "primary");
  const HttpAnswer metrics = ask("GET", "/metrics");
  EXPECT_EQ(metrics.code, 200);
  EXPECT_EQ(metrics.body, "epoch 7");
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(AdminTest, UnknownPathsListTheKnownOnes) {
  for (const std::string path : {"/", "/v1", "/v1/status/", "/primary2", "/v1/events"}) {
    const HttpAnswer answer = ask("GET", path);
    EXPECT_EQ(answer.code, 404) << path;
    ASSERT_FALSE(answer.json.isNull()) << path;
    EXPECT_EQ(answer.json->getArray("paths")->size(), 12U);
  }
}

TEST_F(AdminTest, WrongMethodsNameTheRightOnes) {
  EXPECT_EQ(ask("POST", "/primary", "{}").code, 405);
  EXPECT_EQ(ask("GET", "/v1/switchover").allow, "POST");
  EXPECT_EQ(ask("DELETE", "/v1/status").allow, "GET, HEAD");
  EXPECT_EQ(ask("ET", "/v1/status").code, 405);
  EXPECT_EQ(ask("OPTIONS", "/v1/switchover").code, 405);
}

TEST_F(AdminTest, OnlyTheOperatorOrdersASwitchover) {
  certs_.issue(certs_.authority, "node", {"shop", IdentityRole::node, "us-east", "n1"});
  certs_.issue(certs_.authority, "elsewhere", {"mall", IdentityRole::operator_, "", ""});
  certs_.issue(certs_.stranger, "forged", {"shop", IdentityRole::operator_, "", ""});
  const auto now = std::chrono::system_clock::now();
  certs_.issue(certs_.authority, "expired", {"shop", IdentityRole::operator_, "", ""},
               {now - std::chrono::hours(48), now - std::chrono::hours(24)});

  const HttpAnswer nobody = ask("POST", "/v1/switchover", kOrder);
  EXPECT_EQ(nobody.code, 401);
  EXPECT_EQ(nobody.json->getValue<std::string>("error"), "unauthorized");
  for (const std::string who : {"us-east.gw1", "node", "elsewhere", "forged", "expired"}) {
    const HttpAnswer refused = ask("POST", "/v1/switchover", kOrder, caller(who));
    EXPECT_EQ(refused.code, 403) << who;
    ASSERT_FALSE(refused.json.isNull()) << who;
    EXPECT_FALSE(refused.json->getValue<std::string>("message").empty()) << who;
  }
  EXPECT_EQ(control_.switchovers(), 0);
  // A bad certificate does not keep anybody from reading.
  EXPECT_EQ(ask("GET", "/primary", "", caller("forged")).code, 200);
}

TEST_F(AdminTest, AnotherSitesPageCannotUseTheOperatorsBrowser) {
  const Caller as = caller("operator");
  EXPECT_EQ(ask("POST", "/v1/switchover", kOrder, as, {{"Origin", "https://evil.example"}}).code,
            403);
  EXPECT_EQ(control_.switchovers(), 0);
  control_.on_switchover([](const std::string&, Duration) {
    return SwitchoverReply{0, SwitchoverOutcome::done, "", Epoch{8}, {}};
  });
  const std::string self = "https://127.0.0.1:" + std::to_string(server_->port());
  EXPECT_EQ(ask("POST", "/v1/switchover", kOrder, as, {{"Origin", self}}).code, 200);
}

TEST_F(AdminTest, ASwitchoverSaysWhatItDid) {
  std::string asked;
  Duration allowed{};
  control_.on_switchover([&](const std::string& to, Duration timeout) {
    asked = to;
    allowed = timeout;
    return SwitchoverReply{0, SwitchoverOutcome::done, "", Epoch{8},
                           std::chrono::microseconds(12'300)};
  });
  const HttpAnswer done =
      ask("POST", "/v1/switchover", R"({"to":"us-west","timeout":"2s"})", caller("operator"));
  EXPECT_EQ(done.code, 200);
  EXPECT_EQ(asked, "us-west");
  EXPECT_EQ(allowed, std::chrono::seconds(2));
  EXPECT_EQ(done.body,
            "{\"success\":true,\"from\":\"us-east\",\"to\":\"us-west\",\"epoch\":8,\"gap_ms\":13,"
            "\"changed\":true}\n");
  EXPECT_EQ(ask("POST", "/v1/switchover", kOrder, caller("operator")).code, 200);
  EXPECT_EQ(allowed, std::chrono::seconds(30));
}

TEST_F(AdminTest, ASwitchoverToThePrimaryItselfSaysThatNothingChanged) {
  control_.on_switchover([&](const std::string&, Duration) {
    return SwitchoverReply{0, SwitchoverOutcome::done, "us-east is primary already", Epoch{7}, {}};
  });
  const HttpAnswer answer =
      ask("POST", "/v1/switchover", R"({"to":"us-east"})", caller("operator"));
  EXPECT_EQ(answer.code, 200);
  EXPECT_FALSE(answer.json->getValue<bool>("changed"));
  EXPECT_EQ(answer.json->getValue<std::string>("message"), "us-east is primary already");
}

TEST_F(AdminTest, EachOutcomeHasItsCode) {
  const std::vector<std::pair<SwitchoverOutcome, int>> outcomes{
      {SwitchoverOutcome::not_possible, 409},
      {SwitchoverOutcome::unsafe, 412},
      {SwitchoverOutcome::timed_out, 504}};
  for (const auto& [outcome, code] : outcomes) {
    control_.on_switchover([outcome = outcome](const std::string&, Duration) {
      return SwitchoverReply{0, outcome, "because", Epoch{}, {}};
    });
    const HttpAnswer answer = ask("POST", "/v1/switchover", kOrder, caller("operator"));
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.json->getValue<std::string>("message"), "because");
    EXPECT_FALSE(answer.json->getValue<bool>("success"));
  }
}

TEST_F(AdminTest, BadOrdersAreExplained) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "not a JSON object"},
      {"{", "not a JSON object"},
      {"[]", "not a JSON object"},
      {std::string(10'000, '['), "not a JSON object"},
      {"{}", "'to' is missing"},
      {R"({"to":7})", "'to' must be a string"},
      {R"({"to":"mars"})", "there is no region 'mars'; there are eu, us-east, us-west"},
      {R"({"to":"us-west","force":"yes"})", "unknown key 'force'"},
      {R"({"to":"us-west","timeout":"30"})", "'30' is not a duration"},
      {R"({"to":"us-west","timeout":"-1s"})", "'-1s' is not a duration"},
      {R"({"to":"us-west","timeout":"0s"})", "'0s' is not a duration"},
      {R"({"to":"us-west","timeout":"99h"})", "'99h' is not a duration"}};
  for (const auto& [body, expected] : cases) {
    const HttpAnswer answer = ask("POST", "/v1/switchover", body, caller("operator"));
    EXPECT_EQ(answer.code, 400) << body;
    ASSERT_FALSE(answer.json.isNull()) << body;
    EXPECT_NE(answer.json->getValue<std::string>("message").find(expected), std::string::npos)
        << answer.body;
  }
  EXPECT_EQ(control_.switchovers(), 0);
}

TEST_F(AdminTest, OneSwitchoverAtATime) {
  std::promise<void> entered;
  std::promise<void> release;
  control_.on_switchover([&](const std::string&, Duration) {
    entered.set_value();
    release.get_future().wait();
    return SwitchoverReply{0, SwitchoverOutcome::done, "", Epoch{8}, {}};
  });
  auto first = std::async(std::launch::async, [&] {
    return ask("POST", "/v1/switchover", kOrder, caller("operator")).code;
  });
  entered.get_future().wait();
  EXPECT_EQ(ask("POST", "/v1/switchover", kOrder, caller("operator")).code, 409);
  EXPECT_EQ(ask("GET", "/livez").code, 200);
  release.set_value();
  EXPECT_EQ(first.get(), 200);
}

TEST_F(AdminTest, ALongBodyIsRefused) {
  const std::string body(AdminServer::kMaxBodyBytes + 1, ' ');
  EXPECT_EQ(ask("POST", "/v1/switchover", body, caller("operator")).code, 413);
  EXPECT_NE(ask_raw("POST /v1/switchover HTTP/1.1\r\nHost: x\r\n"
                    "Content-Length: 99999999999999\r\n\r\n")
                .find("413"),
            std::string::npos);
}

TEST_F(AdminTest, MalformedRequestsEndTheConnectionAndNothingElse) {
  const std::vector<std::string> bad{
      "\r\n\r\n\r\n\r\n",
      "GARBAGE\r\n\r\n",
      "GET /primary HTTP/1.1\r\nno colon here\r\n\r\n",
      "GET /primary HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
      "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
      "GET /primary HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n",
      "POST /v1/switchover HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"};
  std::string many = "GET /primary HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  auto cases = bad;
  cases.push_back(many + "\r\n");
  for (const std::string& bytes : cases) {
    const std::string answer = ask_raw(bytes);
    EXPECT_EQ(answer.find(" 200 "), std::string::npos) << bytes.substr(0, 60);
    EXPECT_EQ(ask("GET", "/livez").code, 200);
  }
}

TEST_F(AdminTest, TwoRequestsOnOneConnection) {
  const std::string both =
      "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /quorum HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answer = ask_raw(both);
  EXPECT_NE(answer.find("\r\n\r\nok\n"), std::string::npos);
  EXPECT_NE(answer.find("sees a quorum"), std::string::npos);
}

// As old load balancers ask.
TEST_F(AdminTest, Http10NeedsNoHost) {
  const std::string answer = ask_raw("GET /primary HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.0 200 ")) << answer;
  EXPECT_NE(answer.find("serves writes in epoch 7"), std::string::npos) << answer;
  control_.show(no_primary_status());
  EXPECT_TRUE(ask_raw("GET /primary HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 503 "));
  EXPECT_TRUE(ask_raw("HEAD /livez HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
}

TEST_F(AdminTest, Http11NeedsHost) {
  const std::string answer = ask_raw("GET /primary HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("Host"), std::string::npos) << answer;
}

// A body that was not asked for must not be read as the next request.
TEST_F(AdminTest, AnUnreadBodyIsNotTheNextRequest) {
  const std::string body = "GET /quorum HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answer =
      ask_raw("GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  EXPECT_NE(answer.find("\r\n\r\nok\n"), std::string::npos);
  EXPECT_EQ(answer.find("quorum"), std::string::npos);
}

TEST_F(AdminTest, SilentAndTricklingClientsAreCutOffAndOthersServed) {
  AdminServer::Limits limits;
  limits.threads = 2;
  limits.request_timeout = std::chrono::milliseconds(500);
  server_.reset();
  server_ = AdminServer::start("127.0.0.1", 0, *credentials_, *api_, limits).value();
  Poco::Net::StreamSocket silent(Poco::Net::SocketAddress("127.0.0.1", server_->port()));
  std::atomic<bool> cut{false};
  auto trickling = std::async(std::launch::async, [&] {
    // A byte well within each read's time-out, for ever.
    EXPECT_THROW(trickle(), Poco::Exception);
    cut = true;
  });
  EXPECT_EQ(ask("GET", "/livez").code, 200);  // waits until a thread is free
  trickling.get();
  EXPECT_TRUE(cut);
}

TEST_F(AdminTest, NewConnectionsShowTheNewCertificate) {
  const std::string before = shown_fingerprint();
  EXPECT_EQ(before, credentials_->current()->fingerprint);
  certs_.issue(certs_.authority, "us-east.gw1", certs_.gateway);
  const auto reloaded = credentials_->reload_if_changed();
  ASSERT_TRUE(reloaded.ok()) << reloaded.error().message;
  ASSERT_TRUE(reloaded.value());
  EXPECT_NE(shown_fingerprint(), before);
  EXPECT_EQ(shown_fingerprint(), credentials_->current()->fingerprint);
}

TEST_F(AdminTest, ATakenPortIsNamed) {
  const auto second = AdminServer::start("127.0.0.1", server_->port(), *credentials_, *api_);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("127.0.0.1:" + std::to_string(server_->port())),
            std::string::npos);
  EXPECT_NE(second.error().message.find(std::to_string(getpid())), std::string::npos)
      << second.error().message;
}

}  // namespace
}  // namespace regent::test
