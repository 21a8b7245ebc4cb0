#include <gtest/gtest.h>

#include <filesystem>

#include "gateway/cli/cli.h"

namespace regent::cli {
namespace {

struct Ran {
  int exit_code = kDone;
  std::string complaint;
};

Ran drill_list(const std::string& folder) {
  CLI::App app;
  Ran ran;
  add_drill_command(app, ran.exit_code);
  testing::internal::CaptureStderr();
  app.parse("drill list " + folder);
  ran.complaint = testing::internal::GetCapturedStderr();
  return ran;
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

}  // namespace
}  // namespace regent::cli
