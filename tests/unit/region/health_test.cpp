#include "region/health.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

TEST(Health, TheFirstCheckDecidesAtOnce) {
  HealthState good(2, 3);
  EXPECT_FALSE(good.healthy());
  EXPECT_TRUE(good.passed());
  EXPECT_TRUE(good.healthy());
  HealthState bad(2, 3);
  EXPECT_FALSE(bad.failed());
  EXPECT_FALSE(bad.healthy());
  EXPECT_FALSE(bad.passed());
  EXPECT_TRUE(bad.passed());
}

TEST(Health, FallsAfterFailuresInARow) {
  HealthState state(2, 3);
  state.passed();
  EXPECT_FALSE(state.failed());
  EXPECT_FALSE(state.failed());
  EXPECT_FALSE(state.passed());
  EXPECT_FALSE(state.failed());
  EXPECT_FALSE(state.failed());
  EXPECT_TRUE(state.healthy());
  EXPECT_TRUE(state.failed());
  EXPECT_FALSE(state.healthy());
}

TEST(Health, RisesAfterPassesInARow) {
  HealthState state(2, 1);
  state.passed();
  EXPECT_TRUE(state.failed());
  EXPECT_FALSE(state.passed());
  EXPECT_FALSE(state.failed());
  EXPECT_FALSE(state.passed());
  EXPECT_TRUE(state.passed());
  EXPECT_TRUE(state.healthy());
}

}  // namespace
}  // namespace regent
