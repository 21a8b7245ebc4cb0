#include "gateway/http2_guard.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using Kind = Http2Guard::Kind;

int passed(Http2Guard& guard, Kind kind, Instant now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += guard.pass(kind, now) ? 1 : 0;
  return count;
}

TEST(Http2Guard, LetsABurstPassAndThenSoManyASecond) {
  Http2Guard guard;
  const Instant start{std::chrono::hours(1)};
  EXPECT_EQ(passed(guard, Kind::reset, start, 1000), 200);
  EXPECT_EQ(passed(guard, Kind::reset, start + std::chrono::milliseconds(900), 1000), 0);
  EXPECT_EQ(passed(guard, Kind::reset, start + std::chrono::seconds(3), 1000), 60);
  EXPECT_EQ(passed(guard, Kind::reset, start + std::chrono::hours(5), 1000), 200);
  EXPECT_EQ(passed(guard, Kind::ping, start, 2000), 1000);  // each kind by itself
}

TEST(Http2Guard, SteadyTrickleBelowTheRateGoesOnForEver) {
  Http2Guard guard;
  Instant now{std::chrono::hours(1)};
  for (int i = 0; i < 10'000; ++i) {
    now += std::chrono::milliseconds(51);
    ASSERT_TRUE(guard.pass(Kind::reset, now)) << i;
  }
}

TEST(Http2Guard, WindowsMayBeOpenedAsDataIsSent) {
  Http2Guard guard;
  const Instant now{std::chrono::hours(1)};
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(passed(guard, Kind::window_update, now, 2), 2) << i;
    guard.data_sent();
  }
  EXPECT_LT(passed(guard, Kind::window_update, now, 3000), 1001);
}

}  // namespace
}  // namespace regent
