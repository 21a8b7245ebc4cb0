#include "region/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <Poco/Net/SocketImpl.h>

#include "quorum/check.h"
#include "region/clock.h"

namespace regent {
namespace {

constexpr Duration kLongestDelay = std::chrono::hours(24 * 365);
constexpr std::size_t kEventsAtOnce = 512;

// What is known of a descriptor that is watched. The kernel hands its address back with each event.
struct Watched {
  SocketHandler* handler = nullptr;  // null: unwatched, in the middle of a batch of events
  int fd = -1;
  bool read = false;
  bool write = false;
  bool parked = false;  // out of the kernel's set until the interest changes

  std::uint32_t events() const {
    return (read ? std::uint32_t{EPOLLIN} : 0U) | (write ? std::uint32_t{EPOLLOUT} : 0U);
  }
};

void drain_counter(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
}

}  // namespace

struct EventLoop::State {
  struct WakeHandler : SocketHandler {
    explicit WakeHandler(State& owner) : state(owner) {}
    void on_readable() override { state.run_tasks(); }
    void on_writable() override {}
    void on_socket_error() override {}
    State& state;
  };
  struct TimerHandler : SocketHandler {
    explicit TimerHandler(State& owner) : state(owner) {}
    void on_readable() override { state.run_timers(); }
    void on_writable() override {}
    void on_socket_error() override {}
    State& state;
  };

  explicit State(std::string thread_name)
      : name(std::move(thread_name)),
        epoll_fd(::epoll_create1(EPOLL_CLOEXEC)),
        wake_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        timer_fd(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
    CHECK(epoll_fd >= 0 && wake_fd >= 0 && timer_fd >= 0);
    set_interest(wake_fd, wake_handler, true, false);
    set_interest(timer_fd, timer_handler, true, false);
  }
  ~State() {
    for (const int fd : {timer_fd, wake_fd, epoll_fd}) ::close(fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void control(int operation, Watched& watched) const {
    epoll_event event{};
    event.events = watched.events();  // errors and hang-ups are always told
    event.data.ptr = &watched;
    CHECK(::epoll_ctl(epoll_fd, operation, watched.fd, &event) == 0);
  }

  void set_interest(int fd, SocketHandler& handler, bool read, bool write) {
    CHECK(fd >= 0);
    const auto index = static_cast<std::size_t>(fd);
    if (index >= sockets.size()) sockets.resize(index + 1);
    std::unique_ptr<Watched>& place = sockets[index];
    const bool fresh = !place;
    if (fresh) place = std::make_unique<Watched>();
    Watched& watched = *place;
    watched.handler = &handler;
    if (!fresh && watched.read == read && watched.write == write) return;
    watched.fd = fd;
    watched.read = read;
    watched.write = write;
    const bool outside = fresh || std::exchange(watched.parked, false);
    control(outside ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, watched);
  }

  void drop(int fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (fd < 0 || index >= sockets.size() || !sockets[index]) return;
    std::unique_ptr<Watched> watched = std::move(sockets[index]);
    if (!watched->parked) control(EPOLL_CTL_DEL, *watched);
    watched->handler = nullptr;
    // An event of the present batch may still point to it.
    if (in_batch) dropped.push_back(std::move(watched));
  }

  void run() noexcept {
    std::array<epoll_event, kEventsAtOnce> events;
    while (!stopping) {
      const int count = ::epoll_wait(epoll_fd, events.data(), kEventsAtOnce, -1);
      CHECK(count >= 0 || errno == EINTR);
      in_batch = true;
      for (int i = 0; i < count && !stopping; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        tell(*static_cast<Watched*>(event.data.ptr), event.events);
      }
      in_batch = false;
      dropped.clear();
    }
  }

  // An error or a hang-up shows in the next read or write, where one is wanted.
  void tell(Watched& watched, std::uint32_t events) {
    if (watched.handler == nullptr) return;
    const bool over = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (!watched.read && !watched.write) {
      if ((events & EPOLLERR) != 0) return watched.handler->on_socket_error();
      // Both directions have ended, which would be told for ever; nobody wants to know now.
      control(EPOLL_CTL_DEL, watched);
      watched.parked = true;
      return;
    }
    if (watched.read && (over || (events & EPOLLIN) != 0)) watched.handler->on_readable();
    if (watched.handler == nullptr) return;
    if (watched.write && (over || (events & EPOLLOUT) != 0)) watched.handler->on_writable();
  }

  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(wake_fd, &one, sizeof one);
  }

  void run_tasks() {
    drain_counter(wake_fd);
    {
      const std::scoped_lock lock(mutex);
      running.swap(queued);
    }
    for (Task& task : running) {
      if (stopping.load(std::memory_order_relaxed)) break;
      task();
    }
    running.clear();
  }

  // The timerfd is only ever moved to an earlier instant; a timer that was cancelled costs one
  // empty wake-up instead of a system call.
  void arm() {
    if (timers.empty()) return;
    const Instant first = timers.begin()->first.first;
    if (armed <= first) return;
    armed = first;
    const auto since_boot = std::max<Duration>(first.time_since_epoch(), Duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    itimerspec when{};
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (since_boot - seconds).count();
    CHECK(::timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
  }

  void run_timers() {
    drain_counter(timer_fd);
    armed = kNever;
    const Instant now = boot_now();
    while (!timers.empty() && timers.begin()->first.first <= now && !stopping) {
      auto due = timers.extract(timers.begin());
      deadlines.erase(due.key().second);
      due.mapped()();
    }
    arm();
  }

  const std::string name;
  std::thread thread;
  std::atomic<std::thread::id> thread_id;
  std::atomic<bool> stopping = false;

  const int epoll_fd;
  const int wake_fd;
  const int timer_fd;
  WakeHandler wake_handler{*this};
  TimerHandler timer_handler{*this};
  std::vector<std::unique_ptr<Watched>> sockets;  // by descriptor
  std::vector<std::unique_ptr<Watched>> dropped;  // in the present batch of events
  bool in_batch = false;

  std::mutex mutex;  // guards queued
  std::vector<Task> queued;
  std::vector<Task> running;

  TimerId last_timer = 0;
  Instant armed = kNever;
  std::map<std::pair<Instant, TimerId>, Task> timers;
  std::unordered_map<TimerId, Instant> deadlines;
};

EventLoop::EventLoop(std::string name) : state_(std::make_unique<State>(std::move(name))) {}

EventLoop::~EventLoop() {
  stop();
}

void EventLoop::start() {
  CHECK(!state_->thread.joinable());
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;
  state_->thread = std::thread([&, state = state_.get()] {
    pthread_setname_np(pthread_self(), state->name.substr(0, 15).c_str());
    state->thread_id = std::this_thread::get_id();
    {
      const std::scoped_lock lock(mutex);
      running = true;
      changed.notify_one();
    }
    state->run();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return running; });
}

void EventLoop::stop() {
  if (!state_->thread.joinable()) return;
  CHECK(!in_loop_thread());
  state_->stopping = true;
  state_->wake();
  state_->thread.join();
  state_->thread_id = std::thread::id();
  std::vector<Task> dropped;  // destroyed without the lock: a task may own anything
  const std::scoped_lock lock(state_->mutex);
  dropped.swap(state_->queued);
}

void EventLoop::post(Task task) {
  bool first = false;
  {
    const std::scoped_lock lock(state_->mutex);
    first = state_->queued.empty();
    state_->queued.push_back(std::move(task));
  }
  if (first) state_->wake();
}

void EventLoop::run_and_wait(const Task& task) {
  if (in_loop_thread() || !state_->thread.joinable()) return task();
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  post([&] {
    task();
    const std::scoped_lock lock(mutex);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
}

bool EventLoop::in_loop_thread() const {
  return state_->thread_id.load() == std::this_thread::get_id();
}

void EventLoop::watch(const Poco::Net::Socket& socket, SocketHandler& handler, bool read,
                      bool write) {
  state_->set_interest(socket.impl()->sockfd(), handler, read, write);
}

void EventLoop::unwatch(const Poco::Net::Socket& socket) {
  state_->drop(socket.impl()->sockfd());
}

EventLoop::TimerId EventLoop::after(Duration delay, Task task) {
  const TimerId id = ++state_->last_timer;
  const Instant when = boot_now() + std::clamp(delay, Duration::zero(), kLongestDelay);
  state_->timers.emplace(std::pair(when, id), std::move(task));
  state_->deadlines.emplace(id, when);
  state_->arm();
  return id;
}

void EventLoop::cancel(TimerId timer) {
  const auto found = state_->deadlines.find(timer);
  if (found == state_->deadlines.end()) return;
  state_->timers.erase(std::pair(found->second, timer));
  state_->deadlines.erase(found);
}

}  // namespace regent
