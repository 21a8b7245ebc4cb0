#include "region/pause.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace regent {
namespace {

constexpr RegionId kEast{0};
constexpr RegionId kWest{1};

TEST(PauseTest, TheHigherVersionCountsAndOfEqualOnesThePause) {
  PauseRecord record;
  EXPECT_TRUE(record.adopt({1, false}));
  EXPECT_TRUE(record.adopt({1, true}));
  EXPECT_FALSE(record.adopt({1, false}));
  EXPECT_FALSE(record.adopt({1, true}));
  EXPECT_FALSE(record.adopt({0, true}));
  EXPECT_TRUE(record.adopt({2, false}));
  EXPECT_EQ(record.pause, (Pause{2, false}));
  EXPECT_EQ(record.ordered(true), (Pause{3, true}));
}

TEST(PauseTest, AVersionNobodyCountsToIsNotBelieved) {
  PauseRecord record;
  EXPECT_FALSE(record.adopt({Pause::kMaxVersion + 1, true}));
  EXPECT_FALSE(record.adopt({~std::uint64_t{0}, true}));
  EXPECT_TRUE(record.adopt({Pause::kMaxVersion, true}));
}

TEST(PauseTest, EveryOrderOfTheSameWordsEndsTheSame) {
  std::vector<Pause> words{{0, false}, {1, true}, {1, false}, {2, false}, {2, true}, {3, false}};
  std::sort(words.begin(), words.end());
  do {
    PauseRecord record;
    for (const Pause& word : words) record.adopt(word);
    ASSERT_EQ(record.pause, (Pause{3, false}));
  } while (std::next_permutation(words.begin(), words.end()));
}

TEST(PauseTest, AReignGivesWayToItsSuccessorAndToLaterReigns) {
  PauseRecord record;
  EXPECT_FALSE(record.last_reign.known());
  EXPECT_TRUE(record.saw({Epoch{4}, false, kEast}));
  EXPECT_FALSE(record.saw({Epoch{3}, true, kWest}));
  EXPECT_TRUE(record.saw({Epoch{4}, true, kWest}));
  EXPECT_FALSE(record.saw({Epoch{4}, false, kEast}));
  EXPECT_EQ(record.last_reign.region, kWest);
  EXPECT_TRUE(record.saw({Epoch{5}, false, kEast}));
  EXPECT_FALSE(record.saw({Epoch{kMaxEpoch.value + 1}, false, kWest}));
  EXPECT_EQ(record.last_reign.region, kEast);
}

}  // namespace
}  // namespace regent
