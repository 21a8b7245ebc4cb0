#include "gateway/pause_keeper.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace regent {
namespace {

class PauseKeeperTest : public testing::Test {
 protected:
  PauseKeeperTest() {
    std::string name = (std::filesystem::temp_directory_path() / "regent-pause-XXXXXX").string();
    dir_ = ::mkdtemp(name.data());
    topology_.cluster = "shop";
  }
  ~PauseKeeperTest() override { std::filesystem::remove_all(dir_); }
  std::unique_ptr<PauseStore> open() const { return PauseStore::open(dir_, topology_).value(); }
  Pause on_disk() const { return open()->stored().pause; }

  std::string dir_;
  Topology topology_;
};

TEST_F(PauseKeeperTest, IsOnDiskWhenItReturns) {
  PauseKeeper keeper(open());
  ASSERT_TRUE(keeper.keep({{1, true}, {}}).ok());
  EXPECT_EQ(on_disk(), (Pause{1, true}));
}

TEST_F(PauseKeeperTest, WritesWhatWaitsBeforeItEnds) {
  {
    PauseKeeper keeper(open());
    for (std::uint64_t version = 1; version <= 100; ++version) {
      keeper.keep_later({{version, version % 2 == 1}, {}});
    }
  }
  EXPECT_EQ(on_disk(), (Pause{100, false}));
}

TEST_F(PauseKeeperTest, NeverGoesBack) {
  PauseKeeper keeper(open());
  ASSERT_TRUE(keeper.keep({{5, true}, {Epoch{3}, false, kNoRegion}}).ok());
  EXPECT_TRUE(keeper.keep({{4, false}, {Epoch{9}, false, kNoRegion}}).ok());
  EXPECT_TRUE(keeper.keep({{5, true}, {Epoch{2}, false, kNoRegion}}).ok());
  EXPECT_EQ(open()->stored(), (PauseRecord{{5, true}, {Epoch{3}, false, kNoRegion}}));
  EXPECT_TRUE(keeper.keep({{5, true}, {Epoch{3}, true, kNoRegion}}).ok());
  EXPECT_TRUE(open()->stored().last_reign.handed_over);
}

TEST_F(PauseKeeperTest, AFullOrBrokenDiskIsReportedAndTriedAgain) {
  PauseKeeper keeper(open());
  std::filesystem::create_directory(dir_ + "/pause.new");
  EXPECT_FALSE(keeper.keep({{1, true}, {}}).ok());
  EXPECT_EQ(on_disk(), Pause{});
  std::filesystem::remove(dir_ + "/pause.new");
  EXPECT_TRUE(keeper.keep({{1, true}, {}}).ok());
  EXPECT_EQ(on_disk(), (Pause{1, true}));
}

}  // namespace
}  // namespace regent
