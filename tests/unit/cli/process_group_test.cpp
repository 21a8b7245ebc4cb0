#include "gateway/cli/process_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>

#include "redis_fixture.h"
#include "region/clock.h"

namespace regent::test {
namespace {

using cli::ProcessGroup;

cli::ChildSpec shell(const std::string& name, const std::string& script) {
  return {name, {"-c", script}};
}

// A process of its own, whose main thread `body` may treat as it likes, and what comes out of its
// standard error.
class OwnProcess {
 public:
  explicit OwnProcess(const std::function<int()>& body) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      _exit(body());
    }
    close(ends[1]);
    reader_ = std::thread([this, end = ends[0]] {
      char buffer[4096];
      for (ssize_t n; (n = read(end, buffer, sizeof buffer)) > 0;) {
        std::scoped_lock lock(mutex_);
        text_.append(buffer, static_cast<std::size_t>(n));
      }
      close(end);
    });
  }
  void signal_after(const std::string& text, int signal) {
    EXPECT_TRUE(eventually([&] {
      std::scoped_lock lock(mutex_);
      return text_.find(text) != std::string::npos;
    }));
    kill(pid_, signal);
  }
  // Sends it again and again once the text is there; whether the process then ends with 0.
  bool signal_until_ended(const std::string& text, int signal) {
    signal_after(text, signal);
    int status = 0;
    const bool ended = eventually([&] {
      kill(pid_, signal);
      return waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (!ended) kill(pid_, SIGKILL);
    reader_.join();
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  // Exit code, or 128 and the number of the signal that ended it.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    reader_.join();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& text() const { return text_; }  // after wait()
  std::string so_far() {
    std::scoped_lock lock(mutex_);
    return text_;
  }
  // Until that text has come so many times.
  bool await(const std::string& text, int times) {
    return eventually([&] {
      const std::string shown = so_far();
      int found = 0;
      for (std::size_t at = 0; (at = shown.find(text, at)) != std::string::npos; ++at) ++found;
      return found >= times;
    });
  }

 private:
  pid_t pid_ = -1;
  std::thread reader_;
  std::mutex mutex_;
  std::string text_;
};

// Runs shell scripts as a group, named "a", "b" and so on.
int run_group(const std::vector<std::string>& scripts, bool prefix) {
  ProcessGroup group("/bin/sh", prefix, std::chrono::milliseconds(500));
  char name = 'a';
  for (const std::string& script : scripts) {
    if (!group.start(shell(std::string(1, name++), script)).ok()) return 99;
  }
  return group.run() ? 0 : 1;
}

TEST(ProcessGroupTest, PassesLinesOnAndTellsHowChildrenEnd) {
  OwnProcess process([] {
    return run_group({"echo one; echo two >&2; exit 3", "printf half; kill -9 $$"}, true);
  });
  EXPECT_EQ(process.wait(), 1);
  for (const std::string line :
       {"a | one\n", "a | two\n", "b | half\n", "regent local: a ended with exit code 3\n",
        "regent local: b was ended by signal 9 (Killed)\n"}) {
    EXPECT_NE(process.text().find(line), std::string::npos) << line << "in\n" << process.text();
  }
  EXPECT_LT(process.text().find("a | one"), process.text().find("a | two"));
}

TEST(ProcessGroupTest, ASignalStopsAllChildren) {
  const std::string script =
      "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.01; done";
  for (const int signal : {SIGTERM, SIGINT}) {
    OwnProcess process([&] { return run_group({script, script}, true); });
    EXPECT_TRUE(process.await(" | up\n", 2));
    process.signal_after("b | up", signal);
    EXPECT_EQ(process.wait(), 0) << process.text();
    EXPECT_NE(process.text().find("a | bye\n"), std::string::npos);
    EXPECT_EQ(process.text().find("ended"), std::string::npos) << process.text();
  }
}

TEST(ProcessGroupTest, PassesOnTheWishToReloadAndASecondOneToStop) {
  const std::string script =
      "trap 'echo again' HUP; trap 'test $asked && exit 0; asked=1; echo asked' TERM; echo up; "
      "while true; do sleep 0.01; done";
  OwnProcess process([&] {
    ProcessGroup group("/bin/sh", true, std::chrono::seconds(30));
    return group.start(shell("a", script)).ok() && group.run() ? 0 : 1;
  });
  process.signal_after("a | up", SIGHUP);
  process.signal_after("a | again", SIGTERM);
  // Within a second of the first it is taken for the same wish.
  EXPECT_TRUE(process.signal_until_ended("a | asked", SIGTERM)) << process.text();
}

TEST(ProcessGroupTest, ChildrenDieWithTheirParent) {
  OwnProcess process(
      [] { return run_group({"trap '' TERM; echo pid $$ up; exec sleep 1000"}, false); });
  process.signal_after(" up\n", SIGKILL);
  process.wait();
  const pid_t child = std::stoi(process.text().substr(process.text().find("pid ") + 4));
  EXPECT_TRUE(eventually([&] { return kill(child, 0) != 0; }));
}

TEST(ProcessGroupTest, AChildThatDoesNotEndIsKilled) {
  OwnProcess process(
      [] { return run_group({"trap '' TERM; echo up; while true; do sleep 0.1; done"}, true); });
  process.signal_after("a | up", SIGTERM);
  EXPECT_EQ(process.wait(), 1);
  EXPECT_NE(process.text().find("a | does not end, killed\n"), std::string::npos) << process.text();
}

// A group of one child "a", on which `acts` are carried out, one each time the pipe is written to.
int run_attended(const std::string& script, int end,
                 std::vector<std::function<void(ProcessGroup&)>> acts) {
  ProcessGroup group("/bin/sh", true, std::chrono::seconds(30));
  std::size_t next = 0;
  group.attend(
      end,
      [&] {
        char byte = 0;
        while (read(end, &byte, 1) == 1) acts.at(next++)(group);
        return kNever;
      },
      [](const std::string&) {});
  return group.start(shell("a", script)).ok() && group.run() ? 0 : 1;
}

TEST(ProcessGroupTest, AStoppedChildComesBackAndAPausedOneGoesOn) {
  using State = ProcessGroup::State;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  OwnProcess process([&] {
    const auto to = [](State state) {
      return [state](ProcessGroup& group) { group.hold("a", state); };
    };
    return run_attended("trap 'echo bye; exit 0' TERM; echo up $$; while true; do sleep 0.01; done",
                        ends[0],
                        {to(State::stopped), to(State::stopped), to(State::running),
                         to(State::paused), to(State::running), to(State::paused)});
  });
  const auto act = [&] { ASSERT_EQ(write(ends[1], "x", 1), 1); };
  ASSERT_TRUE(process.await("a | up", 1));
  act();
  ASSERT_TRUE(process.await("a | is killed for a drill", 1));
  act();  // again the same
  act();
  ASSERT_TRUE(process.await("a | is started again after a drill", 1));
  ASSERT_TRUE(process.await("a | up", 2));
  const std::string shown = process.so_far();
  const pid_t child = std::stoi(shown.substr(shown.rfind("up ") + 3));
  const auto state = [child] {
    std::ifstream file("/proc/" + std::to_string(child) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return text.substr(text.rfind(')') + 2, 1);
  };
  act();
  EXPECT_TRUE(eventually([&] { return state() == "T"; }));
  act();
  EXPECT_TRUE(eventually([&] { return state() != "T"; }));
  act();
  EXPECT_TRUE(eventually([&] { return state() == "T"; }));
  process.signal_after("up", SIGTERM);  // which a paused one has to hear, too
  EXPECT_EQ(process.wait(), 0) << process.text();
  EXPECT_NE(process.text().find("a | bye\n"), std::string::npos);
  EXPECT_EQ(process.text().find("was ended"), std::string::npos) << process.text();
  for (const int end : ends) close(end);
}

TEST(ProcessGroupTest, ALineOfAnyLengthPasses) {
  OwnProcess process(
      [] { return run_group({"head -c 200000 /dev/zero | tr '\\0' x; echo; echo end"}, false); });
  process.wait();
  EXPECT_EQ(std::count(process.text().begin(), process.text().end(), 'x'), 200'000 + 1);  // "exit"
  EXPECT_NE(process.text().find("end\n"), std::string::npos);
}

}  // namespace
}  // namespace regent::test
