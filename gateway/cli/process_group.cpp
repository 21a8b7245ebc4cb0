#include "gateway/cli/process_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "region/clock.h"

namespace regent::cli {
namespace {

// A terminal and a script may both tell of one wish to stop.
constexpr Duration kSameWish = std::chrono::seconds(1);

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // nobody reads our standard error any more
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return std::string("was ended by signal ") + std::to_string(signal) + " (" + strsignal(signal) +
           ")";
  }
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* program, char* const* arguments, int output, int inherits,
                         pid_t parent, const sigset_t& mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before prctl
  setpgid(0, 0);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (inherits >= 0) fcntl(inherits, F_SETFD, 0);
  std::signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execv(program, arguments);
  const char message[] = "cannot be executed\n";
  (void)!write(STDERR_FILENO, message, sizeof message - 1);
  _exit(127);
}

}  // namespace

ProcessGroup::ProcessGroup(std::string program, bool prefix_lines, Duration patience)
    : program_(std::move(program)), prefix_lines_(prefix_lines), patience_(patience) {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&caught, signal);
  sigprocmask(SIG_BLOCK, &caught, &old_mask_);
  signals_ = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
}

ProcessGroup::~ProcessGroup() {
  for (Child& child : children_) {
    if (child.pid > 0) {
      kill(child.pid, SIGKILL);
      waitpid(child.pid, nullptr, 0);
    }
    if (child.output >= 0) close(child.output);
  }
  if (signals_ >= 0) close(signals_);
  sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

Status ProcessGroup::start(const ChildSpec& spec) {
  Child child;
  child.spec = spec;
  if (const Status launched = launch(child); !launched.ok()) return launched;
  children_.push_back(std::move(child));
  return Done{};
}

Status ProcessGroup::launch(Child& child) {
  const ChildSpec& spec = child.spec;
  int ends[2];
  if (signals_ < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    return Error{ErrorCode::io, "cannot start " + spec.name + ": " + std::strerror(errno)};
  }
  std::vector<char*> arguments{const_cast<char*>(program_.c_str())};
  for (const std::string& argument : spec.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    become(program_.c_str(), arguments.data(), ends[1], spec.inherits, parent, old_mask_);
  }
  const int problem = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return Error{ErrorCode::io, "cannot start " + spec.name + ": " + std::strerror(problem)};
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  if (child.output >= 0) close(child.output);
  child.output = ends[0];
  child.pid = pid;
  child.paused = child.killed = false;
  return Done{};
}

void ProcessGroup::hold(const std::string& name, State state) {
  for (Child& child : children_) {
    if (child.spec.name != name) continue;
    child.wanted = state;
    follow(child);
  }
}

// Makes the child what it is to be, as far as that can be done at once; reap() does the rest.
void ProcessGroup::follow(Child& child) {
  if (stop_asked_) return;
  if (child.pid > 0 && child.wanted == State::stopped && !child.killed) {
    print_line(child, "is killed for a drill; it comes back");
    child.killed = true;
    kill(child.pid, SIGKILL);
  } else if (child.pid > 0 && !child.killed && child.paused != (child.wanted == State::paused)) {
    child.paused = !child.paused;
    print_line(child, child.paused ? "is paused for a drill" : "goes on after a drill");
    kill(child.pid, child.paused ? SIGSTOP : SIGCONT);
  } else if (child.pid <= 0 && child.killed && child.wanted != State::stopped) {
    print_line(child, "is started again after a drill");
    if (const Status started = launch(child); !started.ok()) {
      print_line(child, started.error().message);
      child.killed = false;
      return;
    }
    if (child.wanted == State::paused) follow(child);
  }
}

void ProcessGroup::attend(int descriptor, std::function<Instant()> turn,
                          std::function<void(const std::string&)> ended) {
  attended_ = descriptor;
  turn_ = std::move(turn);
  ended_ = std::move(ended);
}

std::size_t ProcessGroup::alive() const {
  return static_cast<std::size_t>(std::count_if(children_.begin(), children_.end(),
                                                [](const Child& child) { return child.pid > 0; }));
}

bool ProcessGroup::outputs_open() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.output >= 0; });
}

bool ProcessGroup::any_left() const {
  return std::any_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.pid > 0 || child.killed; });
}

bool ProcessGroup::run() {
  while (!stop_asked_ && any_left()) step(std::chrono::hours(1));
  const bool asked = stop_asked_;
  pass_on(SIGTERM);
  pass_on(SIGCONT);  // to those that are paused; the others do not notice
  const Instant end = boot_now() + patience_;
  while (alive() > 0 && boot_now() < end) step(end - boot_now());
  const bool obedient = alive() == 0;
  for (const Child& child : children_) {
    if (child.pid <= 0) continue;
    print_line(child, "does not end, killed");
    kill(child.pid, SIGKILL);
  }
  while (alive() > 0) step(std::chrono::hours(1));
  // What they wrote last may still be in the pipes; a grandchild could hold one open for ever.
  const Instant last_words = boot_now() + std::chrono::milliseconds(100);
  while (outputs_open() && boot_now() < last_words) step(std::chrono::milliseconds(10));
  return asked && obedient;
}

void ProcessGroup::step(Duration timeout) {
  // A descriptor below 0 is passed over by poll.
  std::vector<pollfd> watched{{signals_, POLLIN, 0}, {stop_asked_ ? -1 : attended_, POLLIN, 0}};
  for (const Child& child : children_) {
    if (child.output >= 0) watched.push_back({child.output, POLLIN, 0});
  }
  if (!stop_asked_ && next_turn_ != kNever) timeout = std::min(timeout, next_turn_ - boot_now());
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  poll(watched.data(), watched.size(), static_cast<int>(std::max<std::int64_t>(wait, 0)));
  for (Child& child : children_) {
    if (child.output >= 0) read_output(child);
  }
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    on_signal(static_cast<int>(info.ssi_signo));
  }
  reap();
  if (!turn_ || stop_asked_) return;
  if (watched[1].revents != 0 || boot_now() >= next_turn_) next_turn_ = turn_();
}

void ProcessGroup::on_signal(int signal) {
  if (signal == SIGCHLD) return;
  if (signal == SIGHUP) return pass_on(SIGHUP);
  const Instant now = boot_now();
  if (stop_asked_ && now - stop_asked_at_ >= kSameWish) pass_on(SIGTERM);
  if (!std::exchange(stop_asked_, true)) stop_asked_at_ = now;
}

void ProcessGroup::pass_on(int signal) const {
  for (const Child& child : children_) {
    if (child.pid > 0) kill(child.pid, signal);
  }
}

void ProcessGroup::read_output(Child& child) {
  char buffer[16 * 1024];
  const ssize_t got = read(child.output, buffer, sizeof buffer);
  if (got < 0) return;  // nothing there
  child.line.append(buffer, static_cast<std::size_t>(got));
  std::size_t begin = 0;
  for (std::size_t end; (end = child.line.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    print_line(child, child.line.substr(begin, end - begin));
  }
  child.line.erase(0, begin);
  if (child.line.size() > kMaxLineBytes || (got == 0 && !child.line.empty())) {
    print_line(child, std::exchange(child.line, ""));
  }
  if (got == 0) {
    close(child.output);
    child.output = -1;
  }
}

void ProcessGroup::reap() {
  for (Child& child : children_) {
    int status = 0;
    if (child.pid <= 0 || waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    child.pid = -1;
    if (child.output >= 0) read_output(child);
    const bool in_order = stop_asked_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!child.killed && !in_order) {
      write_all(STDERR_FILENO,
                "regent local: " + child.spec.name + " " + how_it_ended(status) + "\n");
    }
    if (ended_) ended_(child.spec.name);
    follow(child);
  }
}

void ProcessGroup::print_line(const Child& child, std::string line) const {
  line += '\n';
  write_all(STDERR_FILENO, prefix_lines_ ? child.spec.name + " | " + line : line);
}

}  // namespace regent::cli
