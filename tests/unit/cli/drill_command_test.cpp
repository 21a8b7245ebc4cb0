#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "gateway/cli/cli.h"
#include "gateway/cli/drill_reports.h"
#include "quorum/check.h"

namespace regent::cli {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

// A new one, removed in the end.
class Folder {
 public:
  Folder() { CHECK(::mkdtemp(path_.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  void remove(const std::string& name) const { std::filesystem::remove(path_ + "/" + name); }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "regent-drills-XXXXXX";
};

struct Ran {
  int exit_code = kDone;
  std::string complaint;
  std::string printed{};
};

Ran drill(const std::string& arguments) {
  CLI::App app;
  Ran ran;
  add_drill_command(app, ran.exit_code);
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  app.parse("drill " + arguments);
  ran.printed = testing::internal::GetCapturedStdout();
  ran.complaint = testing::internal::GetCapturedStderr();
  return ran;
}

Ran drill_list(const std::string& folder) {
  return drill("list " + folder);
}

TEST(DrillCommandTest, AListOfNothingSaysHowToNameAFolder) {
  const Folder empty;
  for (const std::string& folder : {empty.path(), empty.path() + "/not-there"}) {
    const Ran ran = drill_list(folder);
    EXPECT_EQ(ran.exit_code, kError);
    EXPECT_NE(ran.complaint.find(folder + ": "), std::string::npos) << ran.complaint;
    EXPECT_NE(ran.complaint.find("regent drill list DIR"), std::string::npos) << ran.complaint;
  }
}

TEST(DrillCommandTest, AListSaysInALineEachWhichFilesAreNoDrills) {
  Folder folder;
  folder.write("a.yaml", "cluster: shop\nregions: {}\nservices: {}\n");
  folder.write("b.yaml", "name: loss\nabout: one region\nsteps: [ isolate: eu ]\n");
  folder.write("c.yaml", "name: typo\nsteps:\n  - isolat: eu\n");
  folder.write("d.yaml", "");
  const Ran ran = drill_list(folder.path());
  EXPECT_EQ(ran.exit_code, kBadTopology);
  EXPECT_EQ(ran.printed, folder.path() + "/b.yaml: loss: one region\n");
  EXPECT_THAT(ran.complaint, MatchesRegex(folder.path() +
                                          "/a.yaml:1:1: no valid drill: cluster: [^\n]+ "
                                          "\\(and [0-9]+ more\\)\n" +
                                          folder.path() +
                                          "/c.yaml:3:5: no valid drill: steps\\[0\\].isolat: "
                                          "[^\n]+\n" +
                                          folder.path() +
                                          "/d.yaml:1:1: no valid drill: is empty: a drill needs "
                                          "name, steps and more\n"));
  folder.remove("a.yaml");
  folder.remove("c.yaml");
  folder.remove("d.yaml");
  EXPECT_EQ(drill_list(folder.path()).exit_code, kDone);
}

TEST(DrillCommandTest, WhatTheCommandLineSaysGoesBeforeTheEnvironment) {
  ::setenv("REGENT_TOPOLOGY", "/of-the-environment.yaml", 1);
  for (const std::string verb : {"check x", "run x", "abort"}) {
    EXPECT_THAT(drill(verb).complaint, HasSubstr("/of-the-environment.yaml: ")) << verb;
    EXPECT_THAT(drill(verb + " --topology /given.yaml").complaint, HasSubstr("/given.yaml: "))
        << verb;
  }
  ::unsetenv("REGENT_TOPOLOGY");
}

// As `drill run` leaves it.
DrillReport report_of(const std::string& id) {
  DrillReport report;
  report.record.id = id;
  report.record.cluster = "shop";
  report.record.drill.name = "loss";
  report.verdict = judge_drill(report.record);
  return report;
}

TEST(DrillCommandTest, AReportIsForPeopleUnlessJsonIsAskedFor) {
  Folder folder;
  const std::string id = "loss-20261126T101500Z-3fa2";
  const DrillReport report = report_of(id);
  testing::internal::CaptureStdout();
  ASSERT_TRUE(write_reports(folder.path(), report));
  const std::string where = testing::internal::GetCapturedStdout();
  EXPECT_EQ(where, "report: " + folder.path() + "/" + id + ".html (and .json, .xml)\n");

  const std::string out = " --out " + folder.path();
  const Ran shown = drill("report " + id + out);
  EXPECT_EQ(shown.exit_code, kDone) << shown.complaint;
  EXPECT_EQ(shown.printed, *kept_text(report_json(report)) + where);
  for (const char* suffix : {".html", ".json", ".xml"}) {
    const Ran by_file = drill("report " + folder.path() + "/" + id + suffix);
    EXPECT_EQ(by_file.printed, shown.printed) << suffix << ": " << by_file.complaint;
  }
  const std::string from_here_path = std::filesystem::relative(folder.path()) / id;
  const Ran from_here = drill("report " + from_here_path);
  EXPECT_EQ(from_here.exit_code, kDone) << from_here.complaint;
  EXPECT_EQ(drill("report --json " + id + out).printed, report_json(report));
  EXPECT_EQ(drill("report --format json " + id + out).printed, report_json(report));
  EXPECT_EQ(drill("report --format junit " + id + out).printed, report_junit(report));
  EXPECT_EQ(drill("report --format html " + id + out).printed, report_page(report));

  folder.write(id + ".json", "{}");
  const Ran strange = drill("report " + id + out);
  EXPECT_EQ(strange.exit_code, kError);
  EXPECT_THAT(strange.complaint, HasSubstr(id + ".json is not what"));
}

TEST(DrillCommandTest, AReportThatIsNotThereSaysWhichAre) {
  Folder folder;
  const auto ask = [&] { return drill("report lost --out " + folder.path()); };
  const Ran nothing = ask();
  EXPECT_EQ(nothing.exit_code, kError);
  EXPECT_THAT(nothing.complaint, HasSubstr("there is no " + folder.path() +
                                           "/lost.json, and no "
                                           "other report is in " +
                                           folder.path()));
  folder.write("b-20261126T101501Z-0001.json", "{}");
  folder.write("a-20261126T101502Z-0002.json", "{}");
  EXPECT_THAT(ask().complaint,
              HasSubstr("lost.json; the reports in " + folder.path() +
                        " are:\n  b-20261126T101501Z-0001\n  a-20261126T101502Z-0002\n"));
  for (int i = 10; i < 20; ++i) {
    folder.write("c-20261126T1016" + std::to_string(i) + "Z-0003.json", "{}");
  }
  const Ran many = ask();
  EXPECT_THAT(many.complaint, HasSubstr("; the last 10 of 12 reports in "));
  EXPECT_THAT(many.complaint, Not(HasSubstr("\n  a-")));
}

constexpr const char* kThreeRegions = R"(
cluster: shop
regions:
  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  us-east: { gateways: { gw1: 10.0.1.10 }, nodes: { n1: 10.0.1.11 } }
  us-west: { gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
services:
  orders: { protocol: http, port: 8080, backends: { us-east: [10.0.1.31:9000] } }
)";

Ran checked(const std::string& drill_file) {
  const Folder folder;
  folder.write("topology.yaml", kThreeRegions);
  folder.write("drill.yaml", drill_file);
  return drill("check " + folder.path() + "/drill.yaml --topology " + folder.path() +
               "/topology.yaml");
}

TEST(DrillCommandTest, ACheckSaysWhatTheGatewaysEndByThemselves) {
  const Ran ran = checked(R"(
name: loss
max_length: 60s
steps: [ isolate: $standby, wait: 100ms ]
abort: { no_primary_for: 1500ms, failed_writes: 50 }
)");
  EXPECT_EQ(ran.exit_code, kDone) << ran.complaint;
  EXPECT_NE(ran.printed.find("after 60s, and at once when the quorum is lost, when "
                             "nobody held a lease for 1500ms, or when more than 50 writes of any "
                             "clients have failed."),
            std::string::npos)
      << ran.printed;
}

TEST(DrillCommandTest, ACheckRefusesWhatTheTopologyNeverHas) {
  const std::string drill = "name: x\nsteps: [ isolate: eu ]\nneeds: ";
  EXPECT_EQ(checked(drill + "{ regions: 3, margin: 1 }").exit_code, kDone);
  const Ran regions = checked(drill + "{ regions: 4 }");
  EXPECT_EQ(regions.exit_code, kRefused);
  EXPECT_THAT(regions.complaint, HasSubstr("3 regions are ready to lead, and it needs 4, even"));
  const Ran margin = checked(drill + "{ margin: 2 }");
  EXPECT_EQ(margin.exit_code, kRefused);
  EXPECT_THAT(margin.complaint, HasSubstr("the quorum has 1 to spare, and it needs 2, even"));
}

}  // namespace
}  // namespace regent::cli
