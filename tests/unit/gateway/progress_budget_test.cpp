#include "gateway/progress_budget.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A peer that moves `bytes` every `interval`; returns after how long its budget is spent, at most
// an hour.
Duration lasts(Duration limit, std::uint64_t bytes, Duration interval) {
  ProgressBudget budget;
  const Instant start{seconds(1000)};
  budget.start(start, limit);
  for (Instant now = start; now < start + std::chrono::hours(1); now += milliseconds(10)) {
    if (budget.spent(now)) return now - start;
    if ((now - start) % interval == Duration::zero() && now > start) budget.moved(now, bytes);
  }
  return std::chrono::hours(1);
}

TEST(ProgressBudget, SilenceEndsAfterTheLimit) {
  EXPECT_EQ(lasts(seconds(60), 0, seconds(1)), seconds(60));
}

TEST(ProgressBudget, ATrickleEndsLittleLater) {
  EXPECT_LT(lasts(seconds(60), 1, seconds(1)), seconds(61));
  EXPECT_LT(lasts(seconds(60), 1, seconds(59)), seconds(61));
  EXPECT_LE(lasts(seconds(60), 250, seconds(1)), seconds(120));
}

TEST(ProgressBudget, TheRateGoesOnForEver) {
  EXPECT_EQ(lasts(seconds(60), ProgressBudget::kBytesPerSecond, seconds(1)), std::chrono::hours(1));
  EXPECT_EQ(lasts(seconds(60), 100 * ProgressBudget::kBytesPerSecond, seconds(50)),
            std::chrono::hours(1));
}

TEST(ProgressBudget, ABurstEarnsNoMoreThanTheLimit) {
  ProgressBudget budget;
  const Instant start{seconds(1000)};
  budget.start(start, seconds(60));
  budget.moved(start + seconds(10), std::uint64_t{1} << 62);
  EXPECT_FALSE(budget.spent(start + seconds(69)));
  EXPECT_TRUE(budget.spent(start + seconds(70)));
}

TEST(DrainBudget, CountsWhatWasTakenThoughMoreIsAdded) {
  const Instant start{seconds(1000)};
  DrainBudget budget;
  budget.start(start, seconds(10), 1000);
  // The queue is as long as before, but not of the same bytes.
  budget.added(5000);
  EXPECT_EQ(budget.look(start + seconds(9), 1000), 5000U);
  EXPECT_FALSE(budget.spent(start + seconds(18)));
  EXPECT_EQ(budget.look(start + seconds(18), 1000), 0U);
  EXPECT_TRUE(budget.spent(start + seconds(19)));
}

TEST(DrainBudget, AQueueThatGrowsUntoldIsNoProgress) {
  const Instant start{seconds(1000)};
  DrainBudget budget;
  budget.start(start, seconds(10), 1000);
  EXPECT_EQ(budget.look(start + seconds(5), 4000), 0U);
  EXPECT_TRUE(budget.spent(start + seconds(10)));
}

}  // namespace
}  // namespace regent
