#include "region/event_loop.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <atomic>
#include <thread>
#include <vector>

#include "region/clock.h"
#include "test_cluster.h"

namespace regent {
namespace {

using test::Awaited;

// Two connected sockets.
struct Pair {
  Pair() {
    int fds[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    near = Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(fds[0]));
    far = Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(fds[1]));
  }
  Poco::Net::StreamSocket near;
  Poco::Net::StreamSocket far;
};

struct Recorder : SocketHandler {
  void on_readable() override {
    if (readable) readable();
  }
  void on_writable() override {
    if (writable) writable();
  }
  void on_socket_error() override {
    if (error) error();
  }
  std::function<void()> readable;
  std::function<void()> writable;
  std::function<void()> error;
};

TEST(EventLoop, RunsPostedTasksInOrderOnItsThread) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  std::vector<int> seen;
  bool in_loop = true;
  for (int i = 0; i < 1000; ++i) {
    loop.post([&, i] {
      awaited.update([&] {
        seen.push_back(i);
        in_loop = in_loop && loop.in_loop_thread();
      });
    });
  }
  ASSERT_TRUE(awaited.wait([&] { return seen.size() == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(in_loop);
  EXPECT_FALSE(loop.in_loop_thread());
}

TEST(EventLoop, RunsTasksPostedBeforeTheStartAndFromTasks) {
  EventLoop loop("test");
  Awaited awaited;
  int depth = 0;
  std::function<void()> deeper = [&] {
    awaited.update([&] { ++depth; });
    if (depth < 5) loop.post(deeper);
  };
  loop.post(deeper);
  loop.start();
  EXPECT_TRUE(awaited.wait([&] { return depth == 5; }));
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) loop.post([&] { awaited.update([&] { ++count; }); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(awaited.wait([&] { return count == 2000; }));
}

TEST(EventLoop, TimersRunInOrderOfTheirDeadlinesAndNeverEarly) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  std::vector<int> order;
  bool early = false;
  loop.run_and_wait([&] {
    const auto timer = [&](int ms) {
      const Instant due = boot_now() + std::chrono::milliseconds(ms);
      loop.after(std::chrono::milliseconds(ms), [&, ms, due] {
        awaited.update([&] {
          order.push_back(ms);
          early = early || boot_now() < due;
        });
      });
    };
    timer(30);
    timer(10);
    timer(20);
    timer(0);
  });
  ASSERT_TRUE(awaited.wait([&] { return order.size() == 4; }));
  EXPECT_EQ(order, (std::vector<int>{0, 10, 20, 30}));
  EXPECT_FALSE(early);
}

TEST(EventLoop, CancelledTimersDoNotRun) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  int cancelled_ran = 0;
  EventLoop::TimerId second = 0;
  bool last = false;
  loop.run_and_wait([&] {
    const auto first = loop.after(std::chrono::milliseconds(1), [&] { ++cancelled_ran; });
    loop.after(std::chrono::milliseconds(2), [&] { loop.cancel(second); });
    second = loop.after(std::chrono::milliseconds(3), [&] { ++cancelled_ran; });
    loop.after(std::chrono::milliseconds(20), [&] { awaited.update([&] { last = true; }); });
    loop.cancel(first);
    loop.cancel(first);
    loop.cancel(0);
  });
  ASSERT_TRUE(awaited.wait([&] { return last; }));
  loop.run_and_wait([&] { EXPECT_EQ(cancelled_ran, 0); });
}

TEST(EventLoop, ATimerMayBeVeryFarAway) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  bool near = false;
  loop.run_and_wait([&] {
    loop.after(Duration::max(), [] { FAIL(); });
    loop.after(std::chrono::milliseconds(1), [&] { awaited.update([&] { near = true; }); });
  });
  EXPECT_TRUE(awaited.wait([&] { return near; }));
}

TEST(EventLoop, ReportsReadableAndMayBeUnwatchedFromTheCallback) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  Pair pair;
  int calls = 0;
  auto handler = std::make_unique<Recorder>();
  handler->readable = [&] {
    loop.unwatch(pair.near);
    Awaited& outlives = awaited;  // the captures go with the handler
    int& counter = calls;
    handler.reset();
    outlives.update([&counter] { ++counter; });
  };
  loop.run_and_wait([&] { loop.watch(pair.near, *handler, true, false); });
  ASSERT_EQ(::send(pair.far.impl()->sockfd(), "x", 1, 0), 1);
  ASSERT_TRUE(awaited.wait([&] { return calls == 1; }));
  loop.run_and_wait([] {});
  awaited.update([&] { EXPECT_EQ(calls, 1); });
}

TEST(EventLoop, AHandlerMayEndAnotherOneOfTheSameBatch) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  Pair first;
  Pair second;
  int calls = 0;
  Recorder one;
  Recorder two;
  one.readable = [&] {
    loop.unwatch(first.near);
    loop.unwatch(second.near);
    awaited.update([&] { ++calls; });
  };
  two.readable = one.readable;
  loop.run_and_wait([&] {
    loop.watch(first.near, one, true, false);
    loop.watch(second.near, two, true, false);
    ASSERT_EQ(::send(first.far.impl()->sockfd(), "x", 1, 0), 1);
    ASSERT_EQ(::send(second.far.impl()->sockfd(), "x", 1, 0), 1);
  });
  ASSERT_TRUE(awaited.wait([&] { return calls > 0; }));
  loop.run_and_wait([] {});
  awaited.update([&] { EXPECT_EQ(calls, 1); });
}

double thread_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

// What the loop uses of the processor while nothing happens.
double seconds_used_in_quiet_time(EventLoop& loop) {
  Awaited awaited;
  double before = 0;
  double after = -1;
  loop.run_and_wait([&] {
    before = thread_cpu_seconds();
    loop.after(std::chrono::milliseconds(200),
               [&] { awaited.update([&] { after = thread_cpu_seconds(); }); });
  });
  EXPECT_TRUE(awaited.wait([&] { return after >= 0; }));
  return after - before;
}

// Giving up an interest must also stop the wake-ups for it.
TEST(EventLoop, GivingUpWriteInterestStopsTheEvents) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  Pair pair;
  Recorder handler;
  int writable = 0;
  handler.writable = [&] {
    loop.watch(pair.near, handler, true, false);
    awaited.update([&] { ++writable; });
  };
  loop.run_and_wait([&] { loop.watch(pair.near, handler, true, true); });
  ASSERT_TRUE(awaited.wait([&] { return writable == 1; }));
  EXPECT_LT(seconds_used_in_quiet_time(loop), 0.01) << "the loop was busy";
  EXPECT_EQ(writable, 1);
  loop.run_and_wait([&] { loop.unwatch(pair.near); });
}

// The kernel would tell of it for ever.
TEST(EventLoop, AHangUpWithoutInterestIsLeftForLater) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  Pair pair;
  Recorder handler;
  int ends = 0;
  int errors = 0;
  handler.error = [&] { ++errors; };
  handler.readable = [&] {
    loop.unwatch(pair.near);
    awaited.update([&] { ++ends; });
  };
  loop.run_and_wait([&] { loop.watch(pair.near, handler, false, false); });
  pair.far.close();
  EXPECT_LT(seconds_used_in_quiet_time(loop), 0.01) << "the loop was busy";
  loop.run_and_wait([&] { loop.watch(pair.near, handler, true, false); });
  EXPECT_TRUE(awaited.wait([&] { return ends == 1; }));
  EXPECT_EQ(errors, 0);
}

TEST(EventLoop, ReportsAnErrorOnASocketWithoutInterest) {
  EventLoop loop("test");
  loop.start();
  Awaited awaited;
  int errors = 0;
  Recorder handler;
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);  // the write end of a pipe without reader is in error
  Poco::Net::StreamSocket socket(new Poco::Net::StreamSocketImpl(fds[1]));
  handler.error = [&] {
    loop.unwatch(socket);
    awaited.update([&] { ++errors; });
  };
  loop.run_and_wait([&] { loop.watch(socket, handler, false, false); });
  ::close(fds[0]);
  EXPECT_TRUE(awaited.wait([&] { return errors == 1; }));
}

TEST(EventLoop, StopDropsWhatHasNotRun) {
  auto owned = std::make_shared<int>(0);
  {
    EventLoop loop("test");
    loop.start();
    loop.stop();
    loop.post([owned] { ++*owned; });
    loop.after(std::chrono::milliseconds(0), [owned] { ++*owned; });
    loop.stop();
  }
  EXPECT_EQ(*owned, 0);
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace regent
