#include "region/vote_store.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "quorum/random.h"
#include "test_cluster.h"

namespace regent {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

class VoteStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<VoteStore>> open() const {
    return VoteStore::open(folder.path("data"), topology, self);
  }
  VoteRecord record(std::uint64_t epoch, const std::string& region = "us-east") const {
    return {Epoch{epoch}, test::region_id(topology, region), std::chrono::milliseconds(1500)};
  }
  // Makes a store with a vote of epoch 7 in it.
  void make_store() const {
    const auto store = open();
    ASSERT_TRUE(store.ok()) << store.error().message;
    const Status saved = (*store)->save(record(7));
    ASSERT_TRUE(saved.ok()) << saved.error().message;
  }
  std::string file(const std::string& name = "vote.db") const {
    return folder.path("data/" + name);
  }
  void expect_refused(ErrorCode code, const std::string& text) const {
    const auto store = open();
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, code) << store.error().message;
    EXPECT_NE(store.error().message.find(text), std::string::npos) << store.error().message;
    EXPECT_NE(store.error().message.find(folder.path()), std::string::npos)
        << store.error().message;
  }
  // Runs in a child process, where limits and rights can be given up for good; true: all is well.
  static bool in_child(const std::function<bool()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  TemporaryFolder folder;
  Topology topology = test::make_topology();
  NodeId self = test::node_id(topology, "us-east", "n1");
};

TEST_F(VoteStoreTest, IsEmptyAtFirst) {
  const auto store = open();
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_FALSE((*store)->stored().has_value());
}

TEST_F(VoteStoreTest, KeepsTheLastVoteAcrossOpenings) {
  for (const std::uint64_t epoch : {1ULL, 2ULL, 900ULL, ~0ULL}) {
    {
      const auto store = open();
      ASSERT_TRUE(store.ok()) << store.error().message;
      ASSERT_TRUE((*store)->save(record(epoch, "us-west")).ok());
      EXPECT_EQ((*store)->stored(), record(epoch, "us-west"));
    }
    const auto again = open();
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ((*again)->stored(), record(epoch, "us-west"));
  }
}

TEST_F(VoteStoreTest, StaysEmptyWhenOpenedTwiceWithoutAVote) {
  ASSERT_TRUE(open().ok());
  const auto again = open();
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_FALSE((*again)->stored().has_value());
}

// What a power cut at any moment after save() leaves: the files as they are at that moment.
TEST_F(VoteStoreTest, TheVoteIsOnDiskWhenSaveReturns) {
  const auto store = open();
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->save(record(41)).ok());
  ASSERT_TRUE((*store)->save(record(42)).ok());
  fs::copy(folder.path("data"), folder.path("copy"));
  const auto copy = VoteStore::open(folder.path("copy"), topology, self);
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_EQ((*copy)->stored(), record(42));
}

TEST_F(VoteStoreTest, SurvivesAKillOfTheProcess) {
  ASSERT_FALSE(in_child([&] {
    auto store = open();
    if (!store.ok() || !(*store)->save(record(5)).ok()) ::_exit(1);
    ::raise(SIGKILL);
    return true;
  }));
  const auto store = open();
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_EQ((*store)->stored(), record(5));
}

TEST_F(VoteStoreTest, ARegionThatIsGoneReadsAsNoneUnderItsEpoch) {
  make_store();
  Topology renamed = topology;
  RegionId gone = test::region_id(topology, "us-west");
  {
    const auto store = open();
    ASSERT_TRUE((*store)->save(record(8, "us-west")).ok());
  }
  renamed.regions.at(gone.value).name = "us-wild";
  const auto store = VoteStore::open(folder.path("data"), renamed, self);
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_EQ((*store)->stored(), (VoteRecord{Epoch{8}, kNoRegion, std::chrono::milliseconds(1500)}));
}

TEST_F(VoteStoreTest, RefusesASecondUser) {
  const auto store = open();
  ASSERT_TRUE(store.ok());
  expect_refused(ErrorCode::unavailable, "in use by another process");
  EXPECT_TRUE(in_child([&] {
    const auto other = open();
    return !other.ok() && other.error().code == ErrorCode::unavailable;
  }));
  EXPECT_TRUE((*store)->save(record(9)).ok());
}

TEST_F(VoteStoreTest, RefusesAnotherNodesOrClustersStore) {
  make_store();
  const auto other_node =
      VoteStore::open(folder.path("data"), topology, test::node_id(topology, "us-east", "n2"));
  ASSERT_FALSE(other_node.ok());
  EXPECT_EQ(other_node.error().code, ErrorCode::refused);
  EXPECT_NE(other_node.error().message.find("belongs to node us-east/n1"), std::string::npos);
  topology.cluster = "other";
  expect_refused(ErrorCode::refused, "of cluster 'shop'");
}

TEST_F(VoteStoreTest, RefusesAFolderThatIsAFile) {
  std::ofstream(folder.path("data")) << "x";
  expect_refused(ErrorCode::io, "is not a folder");
}

TEST_F(VoteStoreTest, RefusesAFolderItMayNotWriteTo) {
  make_store();
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(folder.path("data").c_str(), 0555), 0);
  EXPECT_TRUE(in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;
    const auto store = open();
    return !store.ok() && store.error().code == ErrorCode::io &&
           store.error().message.find("Permission denied") != std::string::npos;
  }));
  ::chmod(folder.path("data").c_str(), 0755);
}

TEST_F(VoteStoreTest, RefusesAMissingFileWhereAVoteWasKept) {
  make_store();
  fs::remove(file());
  expect_refused(ErrorCode::corrupt, "missing, though a vote was kept");
  fs::remove(file("vote.created"));
  std::ofstream(file("vote.db-wal")) << "left over";
  expect_refused(ErrorCode::corrupt, "missing, though a vote was kept");
}

TEST_F(VoteStoreTest, RefusesAnEmptyFile) {
  make_store();
  fs::resize_file(file(), 0);
  expect_refused(ErrorCode::corrupt, "empty or not a file");
}

TEST_F(VoteStoreTest, RefusesAFileOfAnotherKind) {
  make_store();
  std::ofstream(file(), std::ios::trunc) << std::string(8192, 'x');
  expect_refused(ErrorCode::corrupt, "damaged");
}

TEST_F(VoteStoreTest, NoTruncationGivesAnythingButTheVoteOrAnError) {
  make_store();
  const auto size = fs::file_size(file());
  for (std::uintmax_t left = 0; left < size; left += 509) {
    fs::remove_all(folder.path("copy"));
    fs::copy(folder.path("data"), folder.path("copy"));
    fs::resize_file(folder.path("copy/vote.db"), left);
    const auto store = VoteStore::open(folder.path("copy"), topology, self);
    EXPECT_FALSE(store.ok()) << "truncated to " << left << " of " << size;
  }
}

TEST_F(VoteStoreTest, NoDamageGivesAnythingButTheVoteOrAnError) {
  make_store();
  Random random(5);
  const auto size = fs::file_size(file());
  for (int run = 0; run < 300; ++run) {
    fs::remove_all(folder.path("copy"));
    fs::copy(folder.path("data"), folder.path("copy"));
    {
      std::fstream stream(folder.path("copy/vote.db"),
                          std::ios::in | std::ios::out | std::ios::binary);
      for (int change = 0; change < 8; ++change) {
        stream.seekp(static_cast<std::streamoff>(random.below(size)));
        stream.put(static_cast<char>(random.next()));
      }
    }
    const auto store = VoteStore::open(folder.path("copy"), topology, self);
    if (store.ok()) {
      EXPECT_EQ((*store)->stored(), record(7)) << "run " << run;
    }
  }
}

TEST_F(VoteStoreTest, AFullDiskIsAnErrorAndTheLastVoteStays) {
  make_store();
  EXPECT_TRUE(in_child([&] {
    auto store = open();
    if (!store.ok()) return false;
    // The log may grow no further: writing past the limit fails as on a full disk.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1024, 1024};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const Status saved = (*store)->save(record(8));
    return !saved.ok() && saved.error().code == ErrorCode::io &&
           saved.error().message.find(file()) != std::string::npos &&
           (*store)->stored() == record(7);
  }));
  const auto store = open();
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_EQ((*store)->stored(), record(7));
}

}  // namespace
}  // namespace regent
