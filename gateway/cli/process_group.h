#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"

// Child processes that live and die together with this one.
namespace regent::cli {

struct ChildSpec {
  std::string name;                    // us-east.n1: what its lines and its end are told under
  std::vector<std::string> arguments;  // after the program
  int inherits = -1;                   // a descriptor that it gets, under the same number; -1: none
};

// Runs children of one program until a signal says stop. While it lives SIGTERM, SIGINT and SIGCHLD
// are blocked in this thread, which must be the process's main one: the kernel ends the children
// when the thread that started them ends. One thread.
class ProcessGroup {
 public:
  static constexpr Duration kStopTimeout = std::chrono::seconds(5);
  static constexpr std::size_t kMaxLineBytes = 64 * 1024;  // longer ones are broken up

  // `prefix_lines`: put "NAME | " before each line that a child writes. `patience`: how long a
  // child may take to end when told to.
  ProcessGroup(std::string program, bool prefix_lines, Duration patience = kStopTimeout);
  ~ProcessGroup();  // kills what is left
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  // Starts one more. Its standard output and error go to our standard error.
  Status start(const ChildSpec& spec);

  // What a child is to be from now on: running; paused, in whatever it does; or killed, to be
  // started again once it is to run. One that has ended by itself stays as it is.
  enum class State : std::uint8_t { running, paused, stopped };
  void hold(const std::string& name, State state);
  // Has run() call `turn` whenever `descriptor` can be read, and at the instant that `turn`
  // returned last. `ended` hears of each child that ends. Once, before run().
  void attend(int descriptor, std::function<Instant()> turn,
              std::function<void(const std::string& name)> ended);

  // Passes on what the children write, and SIGHUP to them, and tells when one ends, until SIGTERM
  // or SIGINT comes or none is left. Then stops the rest, paused ones, too: SIGTERM, again when
  // asked again, and SIGKILL for those that have not ended within `patience`. Returns whether a
  // signal was the reason and all ended by themselves. Signals of a terminal reach the children
  // only by us.
  bool run();

  std::size_t alive() const;

 private:
  struct Child {
    ChildSpec spec;
    pid_t pid = -1;    // -1: ended
    int output = -1;   // read end of its pipe; -1: closed
    std::string line;  // not yet complete
    State wanted = State::running;
    bool paused = false;
    bool killed = false;  // to be started again
  };
  Status launch(Child& child);
  void follow(Child& child);
  bool any_left() const;
  void step(Duration timeout);
  void read_output(Child& child);
  void reap();
  void on_signal(int signal);
  void pass_on(int signal) const;
  void print_line(const Child& child, std::string line) const;
  bool outputs_open() const;

  const std::string program_;
  const bool prefix_lines_;
  const Duration patience_;
  std::vector<Child> children_;
  int signals_ = -1;
  sigset_t old_mask_{};
  bool stop_asked_ = false;
  Instant stop_asked_at_{};
  int attended_ = -1;
  std::function<Instant()> turn_;
  std::function<void(const std::string&)> ended_;
  Instant next_turn_ = kNever;
};

}  // namespace regent::cli
