#include "gateway/client/route_keeper.h"

#include <gtest/gtest.h>

#include "quorum/random.h"

namespace regent::client {
namespace {

using Verdict = RouteKeeper::Verdict;
using std::chrono::milliseconds;

Instant at(int ms) {
  return Instant(milliseconds(ms));
}

Offer offer(std::uint64_t epoch, const std::string& primary, int asked_ms, int left_ms) {
  return {{Epoch{epoch}, primary, {{"10.0.1.10", 8080}}, {}}, at(asked_ms), milliseconds(left_ms)};
}

class RouteKeeperTest : public ::testing::Test {
 protected:
  Verdict take(std::uint64_t epoch, const std::string& primary, int asked_ms, int left_ms,
               int now_ms) {
    const Offer made = offer(epoch, primary, asked_ms, left_ms);
    const Verdict verdict = keeper_.offer(made, at(now_ms));
    EXPECT_EQ(objection(verdict, made, keeper_).empty(), verdict == Verdict::taken ||
                                                             verdict == Verdict::renewed ||
                                                             verdict == Verdict::known);
    return verdict;
  }
  std::string primary_at(int ms) {
    keeper_.expire(at(ms));
    return keeper_.current() ? keeper_.current()->route.primary : "none";
  }
  RouteKeeper keeper_;
};

TEST_F(RouteKeeperTest, EndsAreCountedFromBeforeTheQuestion) {
  EXPECT_EQ(take(7, "a", 100, 1000, 300), Verdict::taken);
  EXPECT_EQ(primary_at(1099), "a");
  EXPECT_EQ(primary_at(1100), "none");
  EXPECT_EQ(take(7, "a", 100, 1000, 1100), Verdict::over);
  EXPECT_EQ(primary_at(1100), "none");
}

TEST_F(RouteKeeperTest, ALowerEpochIsNeverTakenAgain) {
  take(7, "a", 0, 1000, 0);
  EXPECT_EQ(take(6, "b", 0, 9000, 1), Verdict::lower);
  EXPECT_EQ(primary_at(1000), "none");
  EXPECT_EQ(take(6, "b", 1000, 9000, 1000), Verdict::lower);
  EXPECT_EQ(primary_at(1000), "none");
}

TEST_F(RouteKeeperTest, AHigherEpochReplacesALongerLease) {
  take(7, "a", 0, 9000, 0);
  EXPECT_EQ(take(8, "b", 0, 100, 1), Verdict::taken);
  EXPECT_EQ(primary_at(99), "b");
  EXPECT_EQ(primary_at(100), "none");
}

TEST_F(RouteKeeperTest, EvenOneThatIsOverWhenItIsSeen) {
  take(7, "a", 0, 9000, 0);
  EXPECT_EQ(take(8, "b", 0, 0, 1), Verdict::over);
  EXPECT_EQ(primary_at(1), "none");
  EXPECT_EQ(keeper_.highest(), Epoch{8});
}

TEST_F(RouteKeeperTest, OneEpochHasOnePrimary) {
  take(7, "a", 0, 1000, 0);
  EXPECT_EQ(take(7, "b", 1, 5000, 1), Verdict::conflict);
  EXPECT_EQ(primary_at(1), "a");
  EXPECT_EQ(take(7, "b", 2000, 5000, 2000), Verdict::conflict);
  EXPECT_EQ(primary_at(2000), "none");
}

TEST_F(RouteKeeperTest, TheLatestEndOfAnEpochCounts) {
  take(7, "a", 0, 1000, 0);
  const auto version = keeper_.version();
  EXPECT_EQ(take(7, "a", 200, 700, 210), Verdict::known);
  EXPECT_EQ(take(7, "a", 300, 1200, 310), Verdict::renewed);
  EXPECT_EQ(primary_at(1499), "a");
  EXPECT_EQ(keeper_.version(), version);
  Offer moved = offer(7, "a", 400, 1200);
  moved.route.gateways.push_back({"10.0.1.15", 8080});
  EXPECT_EQ(keeper_.offer(moved, at(410)), Verdict::taken);
  EXPECT_GT(keeper_.version(), version);
}

TEST_F(RouteKeeperTest, AnAnnouncedEpochEndsWhatIsOlder) {
  take(7, "a", 0, 1000, 0);
  keeper_.announce(Epoch{7});
  keeper_.announce(Epoch{6});
  EXPECT_EQ(primary_at(1), "a");
  keeper_.announce(Epoch{8});
  EXPECT_EQ(primary_at(1), "none");
  EXPECT_EQ(take(7, "a", 1, 1000, 1), Verdict::lower);
  EXPECT_EQ(take(8, "b", 1, 1000, 1), Verdict::taken);
}

TEST_F(RouteKeeperTest, CopiesOfWhatWasGivenBackAreNotTaken) {
  take(7, "a", 0, 1000, 0);
  keeper_.give_back(Epoch{7}, at(100));
  EXPECT_EQ(primary_at(100), "none");
  // Another source, which was renewed later, and has not heard of it.
  EXPECT_EQ(take(7, "a", 110, 980, 110), Verdict::given_back);
  EXPECT_EQ(primary_at(110), "none");
  // No copy can be that old.
  EXPECT_EQ(take(7, "a", 1100, 1000, 1100), Verdict::taken);
}

TEST_F(RouteKeeperTest, GivingBackAnOlderEpochChangesNothing) {
  take(7, "a", 0, 1000, 0);
  keeper_.give_back(Epoch{6}, at(1));
  EXPECT_EQ(primary_at(1), "a");
  keeper_.give_back(Epoch{8}, at(1));
  EXPECT_EQ(primary_at(1), "none");
  EXPECT_EQ(take(7, "a", 1, 1000, 1), Verdict::lower);
  EXPECT_EQ(take(8, "b", 2, 1000, 2), Verdict::taken);
}

TEST_F(RouteKeeperTest, TheNextEpochIsNotBarred) {
  take(7, "a", 0, 60'000, 0);
  keeper_.give_back(Epoch{7}, at(1));
  EXPECT_EQ(take(8, "b", 2, 1000, 2), Verdict::taken);
}

// Whatever comes in whatever order: what is in force was shown, is of the highest epoch, and ends
// no later than the latest end that was shown for it.
TEST_F(RouteKeeperTest, HoldsItsPromiseUnderRandomOrders) {
  Random random(1);
  for (int run = 0; run < 500; ++run) {
    keeper_ = RouteKeeper();
    std::vector<Offer> shown;
    Epoch highest;
    for (int now = 0; now < 200; now += static_cast<int>(random.below(10))) {
      const Epoch epoch{1 + random.below(5)};
      const auto what = random.below(8);
      if (what == 0) keeper_.announce(epoch);
      if (what == 1) keeper_.give_back(epoch, at(now));
      if (what > 1) {
        shown.push_back(
            offer(epoch.value, random.below(9) == 0 ? "x" : "abcdef" + std::to_string(epoch.value),
                  now - static_cast<int>(random.below(20)), static_cast<int>(random.below(60))));
        static_cast<void>(keeper_.offer(shown.back(), at(now)));
      }
      highest = std::max(highest, epoch);
      ASSERT_EQ(keeper_.highest(), highest);
      keeper_.expire(at(now));
      const auto& current = keeper_.current();
      if (!current) continue;
      ASSERT_GT(current->ends, at(now));
      ASSERT_EQ(current->route.epoch, highest);
      ASSERT_TRUE(std::any_of(shown.begin(), shown.end(), [&](const Offer& seen) {
        return seen.route == current->route && seen.ends() == current->ends;
      }));
    }
  }
}

}  // namespace
}  // namespace regent::client
