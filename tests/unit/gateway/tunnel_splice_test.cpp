// Bulk in a tunnel, which goes through pipes of the kernel: nothing but the cost may differ.
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "region/clock.h"
#include "region/splice_pipe.h"
#include "tests/unit/gateway/bulk.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

// What the data planes' threads have used of the processor so far, in ticks of 10 ms.
long plane_ticks() {
  long ticks = 0;
  int threads = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string line;
    std::getline(std::ifstream(task.path() / "stat"), line);
    if (line.find("(data plane") == std::string::npos) continue;
    ++threads;
    // From the third field on; the 14th and 15th are the times as user and in the kernel.
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string field;
    for (int i = 3; i <= 15 && fields >> field; ++i) ticks += i >= 14 ? std::stol(field) : 0;
  }
  EXPECT_GT(threads, 0) << "none has the name";
  return ticks;
}

// The same of a while in which nothing can move.
long ticks_used_in_quiet_time() {
  const long before = plane_ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  return plane_ticks() - before;
}

TEST(TunnelSplice, BulkArrivesUnchangedBothWaysAndBothEndsFollow) {
  const std::string there = numbered(20'000'003);
  const std::string back = numbered(30'000'001);
  World world(tcp);
  Log log;
  const auto backend = world.serve([&](Peer& peer) {
    log.add(peer.read(there.size()) == there ? "the same" : "changed");
    peer.send(back);
    log.add(peer.read_to_end());
    peer.send("bye");
  });
  Client client = world.east().client();
  ASSERT_TRUE(client.send(there));
  EXPECT_TRUE(client.read(back.size()) == back);
  EXPECT_GE(pipe_ends(), 2U);
  client.send("last words");
  client.half_close();
  EXPECT_EQ(client.read_to_end(), "bye");
  EXPECT_EQ(client.error(), 0);
  ASSERT_TRUE(eventually([&] { return log.size() == 2; }));
  EXPECT_EQ(log.all().at(0), "the same");
  EXPECT_EQ(log.all().at(1), "last words");
  CountingObserver& counts = world.east().observer;
  ASSERT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::closed) == 1; }));
  EXPECT_EQ(counts.to_backend, there.size() + 10);
  EXPECT_EQ(counts.to_client, back.size() + 3);
}

TEST(TunnelSplice, SmallDataTakesNoPipe) {
  World world(tcp);
  const auto backend = world.serve([](Peer& peer) {
    for (std::string data = peer.read(100); !data.empty(); data = peer.read(100)) peer.send(data);
  });
  Client client = world.east().client();
  for (int i = 0; i < 100; ++i) {
    client.send(std::string(100, 'x'));
    ASSERT_EQ(client.read(100).size(), 100U);
  }
  EXPECT_EQ(pipe_ends(), 0U);
}

// The data plane is not told of the new route: each send out of a pipe looks at it.
TEST(TunnelSplice, NotAByteOfAPipeAfterTheRight) {
  World world(tcp);
  Log log;
  std::atomic<bool> read_on = false;
  const auto backend = world.serve([&](Peer& peer) {
    peer.send(peer.read(1));
    EXPECT_TRUE(eventually([&] { return read_on.load(); }));
    log.add(std::to_string(peer.read_to_end().size()));
    log.add(std::to_string(peer.error()));
  });
  Client client = world.east().client();
  ASSERT_TRUE(client.send("a"));
  ASSERT_EQ(client.read(1), "a");
  const std::size_t sent = client.send_until_stalled(std::string(64'000'000, 'x'));
  EXPECT_LT(sent, 40'000'000U);
  CountingObserver& counts = world.east().observer;
  Route ended;
  ended.epoch = Epoch{7};
  ended.primary = kEast;
  ended.known_until = kNever;
  ended.serve_until = boot_now();
  world.east().cell.publish(ended);
  read_on = true;
  ASSERT_TRUE(eventually([&] { return log.size() == 2; }));
  EXPECT_LT(std::stoul(log.all().at(0)), sent);
  EXPECT_EQ(log.all().at(1), std::to_string(ECONNRESET));
  EXPECT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::cut) == 1; }));
  EXPECT_LT(counts.to_backend, sent);
}

// What a slow side has not taken stays within a pipe and the sockets, and none of it is lost.
TEST(TunnelSplice, ASlowSideHoldsTheOtherUpAndLosesNothing) {
  const std::string much = numbered(64'000'000);
  World world(tcp);
  std::atomic<std::size_t> taken = 0;
  const auto backend = world.serve([&](Peer& peer) {
    peer.read(1);
    taken = peer.send_until_stalled(much);
    peer.send(much.substr(taken));
  });
  Client client = world.east().client();
  client.send("a");
  ASSERT_TRUE(eventually([&] { return taken > 0; }));
  EXPECT_LT(taken, 40'000'000U);
  EXPECT_LT(ticks_used_in_quiet_time(), 10) << "the source is asked again and again";
  client.half_close();
  EXPECT_TRUE(client.read_to_end() == much);
  EXPECT_EQ(client.error(), 0);
}

// As long as it is there, the process gets no more descriptors.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{3, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

TEST(TunnelSplice, WithoutPipesTheBytesAreCopied) {
  const std::string much = numbered(8'000'003);
  World world(tcp);
  const auto backend = world.serve([&](Peer& peer) {
    peer.send(peer.read(1));
    peer.send(peer.read(much.size()));
    peer.read_to_end();
  });
  Client client = world.east().client();
  client.send("a");
  ASSERT_EQ(client.read(1), "a");
  {
    const NoDescriptors none;
    ASSERT_TRUE(client.send(much));
    EXPECT_TRUE(client.read(much.size()) == much);
  }
  EXPECT_EQ(pipe_ends(), 0U);
}

TEST(SplicePipes, AreBoundedAndOnlyEmptyOnesAreUsedAgain) {
  SplicePipes pipes;
  std::vector<std::unique_ptr<SplicePipe>> taken;
  for (std::size_t i = 0; i < SplicePipes::kMaxPipes; ++i) {
    taken.push_back(pipes.take());
    ASSERT_NE(taken.back(), nullptr);
  }
  EXPECT_EQ(pipes.take(), nullptr);
  pipes.give_back(std::move(taken.back()));
  EXPECT_EQ(pipe_ends(), 2 * SplicePipes::kMaxPipes);
  taken.back() = pipes.take();
  ASSERT_NE(taken.back(), nullptr);
  EXPECT_EQ(pipe_ends(), 2 * SplicePipes::kMaxPipes);

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "left", 4), 4);
  EXPECT_EQ(taken.back()->fill(ends[0]), 4);
  pipes.give_back(std::move(taken.back()));
  EXPECT_EQ(pipe_ends(), 2 * (SplicePipes::kMaxPipes - 1));
  taken.back() = pipes.take();
  ASSERT_NE(taken.back(), nullptr);
  EXPECT_EQ(taken.back()->size(), 0U);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace regent::test
