#include "gateway/drill/drill_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/drill/drill_picture.h"

namespace regent {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

// Writes of two seconds through two regions: east leads in epoch 1, is cut off at 0.5 s, and west
// takes over in epoch 2 at 1.5 s.
class DrillVerdictTest : public ::testing::Test {
 protected:
  DrillVerdictTest() {
    record_.id = "loss-1";
    record_.cluster = "shop";
    record_.started = "2026-11-26 10:15:00 UTC";
    record_.drill.name = "loss";
    record_.drill.about = "a <b>";
    record_.lease = std::chrono::milliseconds(500);
    record_.length = 2;
    record_.drill.expect.gap = std::chrono::milliseconds(1200);
    record_.drill.expect.failed_writes = 0;
    record_.drill.expect.minority_refuses = true;
    record_.events = {{0.5, DrillEvent::Kind::step, "isolate east"}};
    DrillStep cut_off;
    cut_off.kind = DrillStep::Kind::isolate;
    cut_off.region = "east";
    begin_action(record_, cut_off, 0.5, 0.5);
    end_actions(record_, 1.9);
    end_isolations(record_, 1.9);
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
  // Two gateways that say what they see; east holds a lease until 1.0 s.
  void add_samples() {
    const std::vector<RegionSum> whole = {{"east", 1, 3, 2, 3, true}, {"west", 1, 3, 2, 3, true}};
    const auto sample = [&](double at, const char* region, const char* primary, std::uint64_t epoch,
                            double lease_ms, const char* link) {
      const std::string other = region == std::string("east") ? "west.gw1" : "east.gw1";
      GatewaySample out;
      out.at = at;
      out.region = region;
      out.gateway = "gw1";
      out.answered = true;
      out.primary = primary;
      out.serving = out.region == primary;
      out.epoch = epoch;
      out.lease_ms = lease_ms;
      out.links = {{other, link}};
      out.won = true;
      out.sums = whole;
      record_.samples.push_back(out);
    };
    sample(0.3, "east", "east", 1, 500, "up");
    sample(0.4, "west", "east", 1, 400, "up");
    sample(0.7, "east", "east", 1, 300, "up");
    sample(0.8, "west", "east", 1, 200, "down");
    record_.samples.back().sums[0] = {"east", 1, 0, 2, 3, false};
    record_.samples.back().won = false;
    sample(1.7, "east", "west", 2, 400, "up");
    sample(1.72, "west", "west", 2, 400, "up");
    record_.samples.back().sums[0] = {"east", 1, 0, 2, 3, false};
    record_.samples.back().won = false;
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
  EXPECT_NEAR(verdict.usual_write, 0.01, 1e-6);
  EXPECT_EQ(verdict.failed, 0U) << "the one that failed went through the region that was cut off";
  EXPECT_NEAR(verdict.phases.first_write, 1.0, 1e-6);
  EXPECT_NEAR(verdict.phases.voted, 1.0, 1e-6) << "a write of the new epoch was taken by then";
  EXPECT_LT(verdict.phases.published, 0) << "nobody was asked";
}

TEST_F(DrillVerdictTest, CountsNoGapBeforeTheFirstWriteIsTaken) {
  std::erase_if(record_.probes, [](const ProbeAnswer& probe) { return probe.answered < 1.55; });
  EXPECT_NEAR(judge_drill(record_).gap, 0.15, 1e-6) << "from 1.81 s to 1.96 s";
  std::erase_if(record_.probes, [](const ProbeAnswer& probe) { return probe.acknowledged(); });
  EXPECT_NEAR(judge_drill(record_).gap, record_.length, 1e-6) << "nothing was ever taken";
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

TEST_F(DrillVerdictTest, TellsThePhasesOfTheFailover) {
  add_samples();
  const DrillPhases phases = judge_drill(record_).phases;
  EXPECT_NEAR(phases.detected, 0.3, 1e-6);
  EXPECT_NEAR(phases.lease_over, 0.5, 1e-6) << "300 ms left at 0.7 s";
  EXPECT_NEAR(phases.voted, 1.0, 1e-6) << "the first write shows it before any sample does";
  EXPECT_NEAR(phases.published, 1.2, 1e-6);
  EXPECT_NEAR(phases.first_write, 1.0, 1e-6);
  record_.samples[2].answered = false;  // it was killed
  EXPECT_NEAR(judge_drill(record_).phases.lease_over, 0.3, 1e-6) << "500 ms left at 0.3 s";
  std::erase_if(record_.probes, [](const ProbeAnswer& probe) { return probe.epoch > 1; });
  std::erase_if(record_.samples, [](const GatewaySample& sample) { return sample.epoch > 1; });
  const DrillPhases none = judge_drill(record_).phases;
  EXPECT_LT(none.detected, 0) << "a link was down, but nobody took over";
  EXPECT_LT(none.lease_over, 0);
}

TEST_F(DrillVerdictTest, TheReportsHoldIt) {
  add_samples();
  const DrillReport report{record_, judge_drill(record_)};
  const std::string json = report_json(report);
  const auto run = earlier_run(json, "loss");
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->id, "loss-1");
  EXPECT_TRUE(run->passed);
  EXPECT_NEAR(run->gap, 1.09, 1e-6);
  EXPECT_NEAR(run->failover, 1.0, 1e-6);
  EXPECT_FALSE(earlier_run(json, "another").has_value());
  EXPECT_FALSE(earlier_run("no json", "loss").has_value());
  for (const char* part : {R"("outcome":"refused")", R"("east":"3/3")", R"("published_s":1.2)"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(verdict_sentence(report),
            "Passed: west took writes 1.00 s after the drill began to act, writes stopped for at "
            "most 1.09 s, and none of 10 writes failed; all 6 expectations were met.");

  EXPECT_EQ(kept_text(json), "loss-1: cluster shop, 2026-11-26 10:15:00 UTC, took 2.00 s\n" +
                                 verdict_text(report));
  EXPECT_FALSE(kept_text("no json").has_value());
  EXPECT_FALSE(kept_text("{}").has_value());

  record_.aborted = "\"quoted\" & cut";
  const std::string junit = report_junit({record_, judge_drill(record_)});
  EXPECT_NE(junit.find("tests=\"6\" failures=\"1\""), std::string::npos) << junit;
  EXPECT_NE(junit.find("&quot;quoted&quot; &amp; cut"), std::string::npos);
}

TEST_F(DrillVerdictTest, TheTerminalShowsChecksPhasesMarginsAndTheVerdict) {
  add_samples();
  record_.samples[1].margin = 2;
  record_.samples[4].margin = 1;
  const auto text = [&] { return verdict_text({record_, judge_drill(record_)}); };
  for (GatewaySample& sample : record_.samples) sample.margin += 1;
  EXPECT_EQ(text(), R"(  passed  completed: every step is taken: yes
  passed  one primary: at most one at any time: so it was
  passed  primary: await a primary in west: so it was
  passed  gap: at most 1.20 s: 1.09 s
  passed  failed writes: at most 0: 0 of 10
  passed  minority: takes no writes: 0 taken
  phases of the failover, since the drill began to act:
    detect: a link is not up        0.30 s
    lease runs out                  0.50 s
    vote: the next primary leads    1.00 s
    publish: others know it         1.20 s
    first write                     1.00 s
  quorum: at least 1 to spare (east.gw1, 0.30 s); none for a while at west.gw1
drill loss passed: longest time without an acknowledged write 1.09 s, 0 of 10 writes failed
)");
  record_.samples[2].answered = record_.samples[3].answered = false;
  EXPECT_THAT(text(), HasSubstr("detect: a link is not up        not seen\n"));
  record_.samples[5].answered = false;
  EXPECT_THAT(text(), HasSubstr("(east.gw1, 0.30 s)\n")) << "nobody said it was lost";
  record_.samples.clear();
  EXPECT_THAT(text(), Not(HasSubstr("quorum:")));
  record_.actions.clear();
  EXPECT_THAT(text(), HasSubstr("  phases: there was no failover\ndrill loss passed"));
}

TEST_F(DrillVerdictTest, ThePageShowsItAndNeedsNothingElse) {
  add_samples();
  DrillReport report{record_, judge_drill(record_)};
  report.earlier = {{"loss-0", "yesterday", false, 3.25, -1, 4}};
  const std::string page = report_page(report);
  for (const char* part :
       {"a &lt;b&gt;", "<svg class=\"lanes\"", "<title id=\"picture-title\">", "<desc", "yesterday",
        "3.25 s", "isolate east", "primary: east", "primary: west", "lease left: west",
        "writes through east.gw1", "link: west.gw1 to east.gw1", "quorum at west.gw1",
        "1 write, refused with 503", "vote: the next primary leads", "Passed: west took writes"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http:"), std::string::npos) << "nothing from elsewhere";
  EXPECT_EQ(page.find("src="), std::string::npos);
}

TEST_F(DrillVerdictTest, NamesCannotBreakOutOfTheReports) {
  const std::string evil = "x\"'><script>&\x01\xff";
  add_samples();
  record_.drill.name = record_.cluster = record_.id = record_.aborted = evil;
  record_.events.push_back({1, DrillEvent::Kind::trouble, evil});
  record_.actions.push_back({evil, 0, 1});
  for (GatewaySample& sample : record_.samples) {
    sample.region = sample.primary = evil;
    sample.sums = {{evil, 1, 1, 1, 1, true}};
  }
  for (ProbeAnswer& probe : record_.probes) probe.region = probe.served_by = evil;
  const DrillReport report{record_, judge_drill(record_), {{evil, evil, true, 1, 1, 0}}};
  for (const std::string& text : {report_page(report), report_junit(report)}) {
    EXPECT_EQ(text.find("<script"), std::string::npos);
    EXPECT_EQ(text.find("x\"'"), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
    EXPECT_EQ(text.find('\x01'), std::string::npos);
    EXPECT_NE(text.find("x&quot;&#39;&gt;&lt;script&gt;&amp; ?"), std::string::npos);
  }
}

TEST_F(DrillVerdictTest, SaysWhoWasPrimaryAndWhatTheSumsWere) {
  add_samples();
  const std::vector<ReignSpan> spans = reigns(record_);
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].region, "east");
  EXPECT_NEAR(spans[0].until, 1.0, 1e-6) << "when its lease ran out";
  EXPECT_EQ(spans[1].epoch, 2U);
  EXPECT_NEAR(spans[1].from, 1.5, 1e-6) << "its first write, before the first sample";

  const std::vector<SumsRow> rows = sums_rows(record_);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].seen_by, "east.gw1, west.gw1") << "one row for what both see";
  EXPECT_TRUE(rows[0].sample->won);
  EXPECT_EQ(rows[1].seen_by, "west.gw1");
  EXPECT_NEAR(rows[1].at, 0.8, 1e-6);
  EXPECT_FALSE(rows[1].sample->won);
}

TEST(RehearsedFiguresTest, NameEachReasonOfAFailureOnce) {
  RehearsedFigures figures;
  EXPECT_EQ(rehearsed_failures_text(figures), "");
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    figures.failed.emplace_back(seed, seed == 2 ? "gap: 5.00 s" : "it did not come");
  }
  EXPECT_EQ(rehearsed_failures_text(figures),
            "\nFAILED in 7 runs, seeds 1, 3, 4, 5, 6, …: it did not come\n"
            "FAILED in 1 run, seed 2: gap: 5.00 s\n");
  for (std::uint64_t seed = 9; seed <= 20; ++seed) {
    figures.failed.emplace_back(seed, "gap: " + std::to_string(seed) + " s");
  }
  const std::string many = rehearsed_failures_text(figures);
  EXPECT_EQ(std::ranges::count(many, '\n'), 12);
  EXPECT_THAT(many, HasSubstr("… and for 4 more reasons\n"));
}

TEST(RehearsedFiguresTest, SayWhereALiveFigureLies) {
  RehearsedFigures figures;
  figures.resolution = 0.1;
  std::vector<RehearsedRun> runs;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const double value = 1 + static_cast<double>(99 - i) / 100;
    runs.push_back({i, value, value, ""});
  }
  runs[7].failure = "gap: too long";
  figures.take(runs);
  EXPECT_NEAR(figures.failover.at(0.5), 1.49, 1e-9);
  EXPECT_NEAR(figures.failover.at(0.95), 1.94, 1e-9);
  EXPECT_NEAR(figures.failover.at(1), 1.99, 1e-9);
  EXPECT_EQ(figures.failover.seed_of_max(), 0U);
  EXPECT_EQ(figures.worst_seed(), 7U) << "the one that failed";
  EXPECT_EQ(figures.gap.histogram(4), (std::vector<std::size_t>{25, 25, 25, 25}));

  const auto placed = [&](double failover) {
    DrillVerdict live;
    live.gap = 1.5;
    live.phases.first_write = failover;
    return place_figures(live, figures).front();
  };
  EXPECT_TRUE(placed(1.25).inside);
  EXPECT_NE(placed(1.25).text.find("25 % of them were shorter"), std::string::npos);
  EXPECT_TRUE(placed(2.08).inside) << "to within the time between two writes";
  EXPECT_EQ(placed(2.08).text.find("lies within"), std::string::npos) << placed(2.08).text;
  EXPECT_FALSE(placed(2.1).inside);
  EXPECT_EQ(placed(2.1).text.rfind("OUTSIDE: 2.10 s is longer", 0), 0U) << placed(2.1).text;
  EXPECT_FALSE(placed(0.8).inside);
  DrillVerdict slow;
  slow.gap = 2.2;
  EXPECT_FALSE(place_figures(slow, figures).back().inside);
  slow.usual_write = 0.15;
  EXPECT_TRUE(place_figures(slow, figures).back().inside) << "each write takes so long anyway";
  EXPECT_FALSE(placed(-1).inside) << "every rehearsal had a failover";
  figures.take({{1, 0.1, -1, ""}});
  EXPECT_TRUE(placed(-1).inside);
  EXPECT_FALSE(placed(1.2).inside) << "no rehearsal had one";
}

}  // namespace
}  // namespace regent
