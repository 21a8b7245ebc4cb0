#include "region/pause_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "test_cluster.h"

namespace regent {
namespace {

using ::testing::HasSubstr;

class PauseStoreTest : public testing::Test {
 protected:
  std::unique_ptr<PauseStore> open() const {
    auto opened = PauseStore::open(dir(), topology_);
    if (!opened.ok()) ADD_FAILURE() << opened.error().message;
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  Error error_of(const std::string& dir) const {
    const auto opened = PauseStore::open(dir, topology_);
    return opened.ok() ? Error{ErrorCode::invalid, "opened"} : opened.error();
  }
  std::string dir() const { return folder_.path("gw1"); }
  std::string file() const { return dir() + "/pause"; }
  std::string read() const {
    std::stringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }
  void write(const std::string& text) const { std::ofstream(file()) << text; }

  Topology topology_ = test::make_topology();
  const PauseRecord paused_{{3, true}, {Epoch{7}, true, test::region_id(topology_, "us-west")}};
  test::TemporaryFolder folder_;
};

TEST_F(PauseStoreTest, ANewFolderHasHeardOfNoPause) {
  EXPECT_EQ(open()->stored(), PauseRecord{});
}

TEST_F(PauseStoreTest, KeepsWhatWasSavedLast) {
  auto store = open();
  ASSERT_TRUE(store->save({{2, false}, {}}).ok());
  ASSERT_TRUE(store->save(paused_).ok());
  EXPECT_EQ(store->stored(), paused_);
  EXPECT_EQ(open()->stored(), paused_);
  ASSERT_TRUE(store->save({{4, false}, {}}).ok());
  EXPECT_EQ(open()->stored(), (PauseRecord{{4, false}, {}}));
  EXPECT_FALSE(std::filesystem::exists(file() + ".new"));
}

TEST_F(PauseStoreTest, EveryDamageIsSeen) {
  ASSERT_TRUE(open()->save(paused_).ok());
  const std::string whole = read();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 1;
    write(changed);
    const auto opened = PauseStore::open(dir(), topology_);
    ASSERT_FALSE(opened.ok()) << changed;
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt) << changed;
    write(whole.substr(0, i));
    ASSERT_FALSE(PauseStore::open(dir(), topology_).ok()) << whole.substr(0, i);
  }
  EXPECT_THAT(error_of(dir()).message, HasSubstr(file() + ": damaged: "));
  EXPECT_THAT(error_of(dir()).message, HasSubstr("restore the file, or remove it"));
  write(whole + whole);
  EXPECT_FALSE(PauseStore::open(dir(), topology_).ok());
  write(std::string(100'000, 'x'));
  EXPECT_FALSE(PauseStore::open(dir(), topology_).ok());
  write(whole);
  EXPECT_EQ(open()->stored(), paused_);
}

TEST_F(PauseStoreTest, AnotherClustersFileIsRefused) {
  ASSERT_TRUE(open()->save(paused_).ok());
  topology_.cluster = "mall";
  const Error error = error_of(dir());
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_THAT(error.message, HasSubstr("belongs to cluster 'shop', this is cluster 'mall'"));
}

TEST_F(PauseStoreTest, ARegionThatIsGoneLeavesNobodyToHoldFor) {
  topology_.regions[test::region_id(topology_, "us-west").value].name = "us-north";
  ASSERT_TRUE(open()->save(paused_).ok());
  topology_ = test::make_topology();
  EXPECT_EQ(open()->stored().last_reign, (Reign{Epoch{7}, true, kNoRegion}));
}

TEST_F(PauseStoreTest, AFolderThatIsNoneIsNamed) {
  std::ofstream(folder_.path("taken")) << "x";
  const Error error = error_of(folder_.path("taken"));
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr(folder_.path("taken")));
  std::filesystem::create_directories(file());
  EXPECT_EQ(error_of(dir()).code, ErrorCode::corrupt);
}

TEST_F(PauseStoreTest, AFailureLeavesWhatWasThere) {
  auto store = open();
  ASSERT_TRUE(store->save(paused_).ok());
  std::filesystem::create_directory(file() + ".new");  // in the way of the new file
  const Status failed = store->save({{4, false}, {}});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::io);
  EXPECT_THAT(failed.error().message, HasSubstr(file() + ": "));
  EXPECT_EQ(store->stored(), paused_);
  EXPECT_EQ(open()->stored(), paused_);
  std::filesystem::remove(file() + ".new");
  EXPECT_TRUE(store->save({{4, false}, {}}).ok());
}

}  // namespace
}  // namespace regent
