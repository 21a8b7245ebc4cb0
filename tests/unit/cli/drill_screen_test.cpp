#include "gateway/cli/drill_screen.h"

#include <gtest/gtest.h>

namespace regent::cli {
namespace {

TEST(DrillScreenTest, SaysHowThingsStand) {
  GatewaySample silent;
  GatewaySample serving;
  serving.answered = serving.serving = true;
  serving.region = "us-west";
  serving.epoch = 2;
  serving.lease_ms = 1340;
  serving.weight = serving.needed = 2;
  serving.total = 3;
  ProbeAnswer taken;
  taken.code = 201;
  EXPECT_EQ(standing_text({silent, serving}, {taken, {}, taken}),
            "us-west leads in epoch 2, lease 1.3 s; quorum 2/3; 2 writes taken, 1 not");
  EXPECT_EQ(standing_text({silent}, {}), "no primary; 0 writes taken, 0 not");
}

TEST(DrillScreenTest, WritesNoLiveLineWhereNobodyWatches) {
  testing::internal::CaptureStdout();
  {
    DrillScreen screen;
    EXPECT_FALSE(screen.live()) << "standard output is a file here";
    screen.say(1.5, "isolate us-east");
    screen.show(1.7, "primary us-east");
  }
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "   1.50 s  isolate us-east\n");
}

}  // namespace
}  // namespace regent::cli
