#include <Poco/JSON/Array.h>

#include <thread>

#include "admin_fixture.h"

namespace regent::test {
namespace {

using PauseOrder = FakeControl::PauseOrder;

class AdminPauseTest : public AdminTest {
 protected:
  // The switch as us-east.gw1 and the gateways it hears of have it.
  static GatewayStatus with(const Pause& own, const Pause& eu, const Pause& west) {
    GatewayStatus status = primary_status();
    status.pause = own;
    status.links[0].pause = eu;
    status.links[1].pause = west;
    return status;
  }
  HttpAnswer order(const std::string& path, const std::string& body = "") const {
    return ask("POST", path, body, caller("operator"));
  }
};

TEST_F(AdminPauseTest, PausesAndResumesAndSaysWhoKnows) {
  control_.on_set_paused([&](bool paused) {
    const Pause pause{paused ? 3U : 4U, paused};
    control_.show(with(pause, {2, false}, pause));  // eu is down, nobody waits for it
    return PauseOrder{pause, true};
  });
  const HttpAnswer paused = order("/v1/pause");
  EXPECT_EQ(paused.code, 200);
  EXPECT_EQ(paused.body,
            "{\"success\":true,\"paused\":true,\"version\":3,"
            "\"known_to\":[\"us-east.gw1\",\"us-west.gw1\"],\"not_yet\":[\"eu.gw1\"]}\n");
  EXPECT_TRUE(ask("GET", "/v1/status").json->getValue<bool>("paused"));
  const HttpAnswer resumed = order("/v1/resume", "{}");
  EXPECT_EQ(resumed.code, 200);
  EXPECT_FALSE(resumed.json->getValue<bool>("paused"));
  EXPECT_EQ(resumed.json->getValue<int>("version"), 4);
  EXPECT_FALSE(ask("GET", "/v1/status").json->getValue<bool>("paused"));
}

TEST_F(AdminPauseTest, WaitsForTheGatewaysThatCanBeReached) {
  const Pause pause{1, true};
  std::thread west;
  control_.on_set_paused([&](bool) {
    control_.show(with(pause, {}, {}));
    west = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      control_.show(with(pause, {}, pause));
    });
    return PauseOrder{pause, true};
  });
  const HttpAnswer answer = order("/v1/pause");
  west.join();
  EXPECT_EQ(answer.json->getArray("not_yet")->size(), 1U) << answer.body;
}

TEST_F(AdminPauseTest, NamesThoseThatDoNotConfirmInTime) {
  const Pause pause{1, true};
  control_.on_set_paused([&](bool) {
    control_.show(with(pause, {}, {}));
    return PauseOrder{pause, true};
  });
  const HttpAnswer answer = order("/v1/pause");
  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.json->getArray("not_yet")->size(), 2U) << answer.body;
}

TEST_F(AdminPauseTest, SaysWhenItDoesNotSurviveARestart) {
  control_.on_set_paused([&](bool) {
    control_.show(with({1, true}, {1, true}, {1, true}));
    return PauseOrder{{1, true}, false};
  });
  EXPECT_NE(order("/v1/pause").json->getValue<std::string>("note").find("no data folder (--data)"),
            std::string::npos);
}

TEST_F(AdminPauseTest, AFullDiskChangesNothingAndIsExplained) {
  control_.on_set_paused([](bool) -> Result<PauseOrder> {
    return Error{ErrorCode::io, "pause switch /x/pause: No space left on device"};
  });
  const HttpAnswer full = order("/v1/pause");
  EXPECT_EQ(full.code, 500);
  EXPECT_EQ(full.json->getValue<std::string>("error"), "not_stored");
  const auto message = full.json->getValue<std::string>("message");
  EXPECT_NE(message.find("No space left on device; the switch is not changed"), std::string::npos)
      << message;
  control_.on_set_paused([](bool) -> Result<PauseOrder> {
    return Error{ErrorCode::unavailable, "this gateway is stopping"};
  });
  EXPECT_EQ(order("/v1/resume").code, 503);
}

TEST_F(AdminPauseTest, OnlyTheOperatorMayAndOnlyWithoutABody) {
  certs_.issue(certs_.stranger, "forged", {"shop", IdentityRole::operator_, "", ""});
  for (const std::string path : {"/v1/pause", "/v1/resume"}) {
    EXPECT_EQ(ask("POST", path).code, 401);
    for (const std::string who : {"us-east.gw1", "forged"}) {
      EXPECT_EQ(ask("POST", path, "", caller(who)).code, 403) << who;
    }
    EXPECT_EQ(ask("POST", path, "", caller("operator"), {{"Origin", "https://evil.example"}}).code,
              403);
    EXPECT_EQ(order(path, R"({"for":"1h"})").code, 400);
    EXPECT_EQ(ask("GET", path).code, 405);
  }
  EXPECT_EQ(control_.pause_orders(), 0);
}

}  // namespace
}  // namespace regent::test
