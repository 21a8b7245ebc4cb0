#include "admin_fixture.h"
#include "region/clock.h"

namespace regent::test {
namespace {

class AdminFaultsTest : public AdminTest {
 protected:
  static constexpr const char* kCut = R"({"drop_to":["eu"],"drop_from":["eu"],"for":"10s"})";
  HttpAnswer order(const std::string& body = kCut) const {
    return ask("POST", "/v1/faults", body, caller("operator"));
  }
};

TEST_F(AdminFaultsTest, NeedTheOperatorsCertificate) {
  for (const char* method : {"POST", "DELETE"}) {
    EXPECT_EQ(ask(method, "/v1/faults", kCut).code, 401) << method;
    EXPECT_EQ(ask(method, "/v1/faults", kCut, caller("us-east.gw1")).code, 403) << method;
  }
  EXPECT_EQ(control_.fault_ends(), 0);
}

TEST_F(AdminFaultsTest, SayWhatRunsAndForHowLong) {
  const HttpAnswer answer = order();
  ASSERT_EQ(answer.code, 200) << answer.body;
  const auto faults = answer.json->getObject("faults");
  EXPECT_TRUE(faults->getValue<bool>("running"));
  EXPECT_EQ(faults->getArray("drop_to")->getElement<std::string>(0), "eu");
  EXPECT_GT(faults->getValue<int>("ends_in_ms"), 9000);
  const HttpAnswer ended = ask("DELETE", "/v1/faults", "", caller("operator"));
  EXPECT_EQ(ended.code, 200);
  EXPECT_EQ(control_.fault_ends(), 1);
  EXPECT_EQ(ended.json->getObject("faults")->getValue<std::string>("last_end"), "127.0.0.1")
      << "whose wish it was";
}

TEST_F(AdminFaultsTest, RefusalsKeepTheirCodes) {
  using Kind = FaultReply::Kind;
  Kind outcome{};
  control_.on_faults([&](const FaultOrder&) {
    return FaultReply{outcome, "incident", "this is no time for a drill", {}};
  });
  for (const auto& [given, code] :
       {std::pair(Kind::not_allowed, 403), std::pair(Kind::unfit, 400),
        std::pair(Kind::refused, 412), std::pair(Kind::unavailable, 503)}) {
    outcome = given;
    const HttpAnswer answer = order();
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.json->getValue<std::string>("message"), "this is no time for a drill");
    EXPECT_EQ(answer.json->optValue<std::string>("rule", ""),
              code == 412 || code == 403 ? "incident" : "");
  }
  EXPECT_EQ(order("{}").code, 400);
  EXPECT_EQ(ask("GET", "/v1/faults").code, 405);
}

TEST_F(AdminFaultsTest, StatusShowsThemUntilTheyEnd) {
  GatewayStatus status = primary_status();
  FaultOrder cut;
  cut.drop_to = {"eu"};
  cut.drill = "loss";
  cut.abort = {std::chrono::seconds(15), 50};
  status.faults = {true, true, cut, boot_now() + std::chrono::minutes(1), ""};
  status.faults.failed_writes = 7;
  control_.show(status);
  auto faults = ask("GET", "/v1/status").json->getObject("faults");
  EXPECT_TRUE(faults->getValue<bool>("running"));
  EXPECT_EQ(faults->getValue<std::string>("drill"), "loss");
  EXPECT_EQ(faults->getValue<int>("no_primary_for_ms"), 15'000);
  EXPECT_EQ(faults->getValue<int>("failed_writes"), 50);
  EXPECT_EQ(faults->getValue<int>("failed_writes_so_far"), 7);
  status.faults.until = boot_now();
  control_.show(status);
  faults = ask("GET", "/v1/status").json->getObject("faults");
  EXPECT_FALSE(faults->getValue<bool>("running"));
}

}  // namespace
}  // namespace regent::test
