#include "gateway/drill/drill_report.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace regent {
namespace {

using std::chrono::seconds;

// Writes of two seconds through two regions: east leads in epoch 1, is cut off at 0.5 s, and west
// takes over in epoch 2 at 1.5 s.
class DrillVerdictTest : public ::testing::Test {
 protected:
  DrillVerdictTest() {
    record_.id = "loss-1";
    record_.cluster = "shop";
    record_.drill.name = "loss";
    record_.drill.about = "a <b>";
    record_.lease = std::chrono::milliseconds(500);
    record_.length = 2;
    record_.drill.expect.gap = std::chrono::milliseconds(1200);
    record_.drill.expect.failed_writes = 0;
    record_.drill.expect.minority_refuses = true;
    record_.events = {{0.5, DrillEvent::Kind::step, "isolate east"}};
    record_.isolations = {{"east", 0.5, 1.9}};
    for (const double at : {0.1, 0.2, 0.3, 0.4}) write(at, at + 0.01, "east", 201, "east", 1);
    write(0.6, 1.8, "east", 503, "", 0);
    write(0.45, 1.5, "west", 201, "west", 2);
    for (const double at : {1.6, 1.7, 1.8, 1.95}) write(at, at + 0.01, "west", 201, "west", 2);
    record_.awaited = {{"await a primary in west", true}};
  }

  void write(double sent, double answered, const std::string& via, int code, const std::string& by,
             std::uint64_t epoch) {
    record_.probes.push_back({sent, answered, via, "gw1", code, by, epoch});
  }
  // The failed checks' names.
  std::vector<std::string> failed() const {
    std::vector<std::string> names;
    for (const DrillCheck& check : judge_drill(record_).checks) {
      if (!check.passed) names.push_back(check.name);
    }
    return names;
  }
  using Names = std::vector<std::string>;

  DrillRecord record_;
};

TEST_F(DrillVerdictTest, PassesAndMeasures) {
  EXPECT_EQ(failed(), Names{});
  const DrillVerdict verdict = judge_drill(record_);
  EXPECT_TRUE(verdict.passed);
  EXPECT_NEAR(verdict.gap, 1.5 - 0.41, 1e-6);
  EXPECT_EQ(verdict.failed, 0U) << "the one that failed went through the region that was cut off";
  EXPECT_NEAR(verdict.phases.first_write, 1.0, 1e-6);
  EXPECT_LT(verdict.phases.voted, 0) << "nobody was asked";
}

TEST_F(DrillVerdictTest, EachExpectationCanFail) {
  const DrillRecord good = record_;
  record_.drill.expect.gap = seconds(1);
  EXPECT_EQ(failed(), Names{"gap"});
  record_ = good;
  write(1.2, 1.3, "west", 503, "", 0);
  EXPECT_EQ(failed(), Names{"failed writes"});
  record_ = good;
  record_.awaited[0].second = false;
  EXPECT_EQ(failed(), Names{"primary"});
  record_ = good;
  record_.aborted = "the operator ended it";
  EXPECT_EQ(failed(), Names{"completed"});
  record_ = good;
  write(1.65, 1.7, "east", 201, "west", 2);
  EXPECT_EQ(failed(), Names{"minority"}) << "more than lease and notice after the cut";
  record_ = good;
  write(1.3, 1.35, "west", 201, "east", 2);
  EXPECT_EQ(failed(), Names{"one primary"}) << "one epoch, two regions";
  record_ = good;
  write(1.55, 1.58, "west", 201, "east", 1);
  EXPECT_EQ(failed(), Names{"one primary"}) << "an older epoch after a newer one";
}

TEST_F(DrillVerdictTest, TheReportsHoldIt) {
  record_.samples = {
      {0.4, "west", "gw1", true, "east", false, 1, 300, 1, 3, 2, true, "", {{"east.gw1", "up"}}},
      {1.0, "west", "gw1", true, "", false, 1, 0, 0, 2, 2, true, "", {{"east.gw1", "down"}}}};
  const DrillVerdict verdict = judge_drill(record_);
  EXPECT_NEAR(verdict.phases.detected, 0.5, 1e-6);
  EXPECT_NEAR(verdict.phases.lease_over, 0.5, 1e-6);
  const std::string json = report_json(record_, verdict);
  const auto run = earlier_run(json, "loss");
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->id, "loss-1");
  EXPECT_TRUE(run->passed);
  EXPECT_NEAR(run->gap, 1.09, 1e-6);
  EXPECT_FALSE(earlier_run(json, "another").has_value());
  EXPECT_FALSE(earlier_run("no json", "loss").has_value());

  const std::string page = report_page(record_, verdict, {*run});
  EXPECT_NE(page.find("a &lt;b&gt;"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_NE(page.find("loss-1"), std::string::npos) << "the earlier run";
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos) << "nothing from elsewhere";

  record_.aborted = "\"quoted\" & cut";
  const std::string junit = report_junit(record_, judge_drill(record_));
  EXPECT_NE(junit.find("tests=\"6\" failures=\"1\""), std::string::npos) << junit;
  EXPECT_NE(junit.find("&quot;quoted&quot; &amp; cut"), std::string::npos);
}

}  // namespace
}  // namespace regent
