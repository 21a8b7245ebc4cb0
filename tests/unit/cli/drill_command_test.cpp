#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "gateway/cli/cli.h"

namespace regent::cli {
namespace {

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
  std::string empty = std::filesystem::temp_directory_path() / "regent-drills-XXXXXX";
  ASSERT_NE(::mkdtemp(empty.data()), nullptr);
  for (const std::string& folder : {empty, empty + "/not-there"}) {
    const Ran ran = drill_list(folder);
    EXPECT_EQ(ran.exit_code, kError);
    EXPECT_NE(ran.complaint.find(folder + ": "), std::string::npos) << ran.complaint;
    EXPECT_NE(ran.complaint.find("regent drill list DIR"), std::string::npos) << ran.complaint;
  }
  std::filesystem::remove(empty);
}

TEST(DrillCommandTest, ACheckSaysWhatTheGatewaysEndByThemselves) {
  std::string folder = std::filesystem::temp_directory_path() / "regent-drill-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/topology.yaml") << R"(
cluster: shop
regions:
  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }
  us-east: { gateways: { gw1: 10.0.1.10 }, nodes: { n1: 10.0.1.11 } }
  us-west: { gateways: { gw1: 10.0.2.10 }, nodes: { n1: 10.0.2.11 } }
services:
  orders: { protocol: http, port: 8080, backends: { us-east: [10.0.1.31:9000] } }
)";
  std::ofstream(folder + "/drill.yaml") << R"(
name: loss
max_length: 60s
steps: [ isolate: $standby, wait: 100ms ]
abort: { no_primary_for: 1500ms, failed_writes: 50 }
)";
  const Ran ran = drill("check " + folder + "/drill.yaml --topology " + folder + "/topology.yaml");
  EXPECT_EQ(ran.exit_code, kDone) << ran.complaint;
  EXPECT_NE(
      ran.printed.find("after 60s, and at once when the quorum is lost, when "
                       "nobody held a lease for 1500ms, or when more than 50 writes of any "
                       "clients have failed."),
      std::string::npos)
      << ran.printed;
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace regent::cli
