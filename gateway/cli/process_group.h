#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"

// Child processes that live and die together with this one.
namespace regent::cli {

struct ChildSpec {
  std::string name;                    // us-east.n1: what its lines and its end are told under
  std::vector<std::string> arguments;  // after the program
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

  // Passes on what the children write, and SIGHUP to them, and tells when one ends, until SIGTERM
  // or SIGINT comes or none is left. Then stops the rest: SIGTERM, again when asked again, and
  // SIGKILL for those that have not ended within `patience`. Returns whether a signal was the
  // reason and all ended by themselves. Signals of a terminal reach the children only by us.
  bool run();

  std::size_t alive() const;

 private:
  struct Child {
    std::string name;
    pid_t pid = -1;    // -1: ended
    int output = -1;   // read end of its pipe; -1: closed
    std::string line;  // not yet complete
  };
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
};

}  // namespace regent::cli
