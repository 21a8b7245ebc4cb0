#include "region/event_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include <Poco/AbstractObserver.h>
#include <Poco/Net/SocketNotification.h>
#include <Poco/Net/SocketReactor.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include "quorum/check.h"
#include "region/clock.h"

namespace regent {
namespace {

enum class Event : std::uint8_t { readable, writable, error };

const std::type_info& notification_type(Event event) {
  switch (event) {
    case Event::readable:
      return typeid(Poco::Net::ReadableNotification);
    case Event::writable:
      return typeid(Poco::Net::WritableNotification);
    case Event::error:
      break;
  }
  return typeid(Poco::Net::ErrorNotification);
}

// Who is told about a socket. Shared by the copies of the observers that the reactor keeps, so
// that an event already under way finds out that the handler is gone.
struct Target {
  SocketHandler* handler = nullptr;
};

// Lighter than Poco::NObserver, which takes a mutex and casts dynamically for every event.
class Observer : public Poco::AbstractObserver {
 public:
  Observer(std::shared_ptr<Target> target, Event event)
      : target_(std::move(target)), event_(event) {}

  void notify(Poco::Notification* notification) const noexcept override {
    if (target_->handler == nullptr || !accepts(notification, nullptr)) return;
    switch (event_) {
      case Event::readable:
        return target_->handler->on_readable();
      case Event::writable:
        return target_->handler->on_writable();
      case Event::error:
        return target_->handler->on_socket_error();
    }
  }
  bool equals(const Poco::AbstractObserver& other) const override {
    const auto* observer = dynamic_cast<const Observer*>(&other);
    return observer != nullptr && observer->event_ == event_ && observer->target_ == target_;
  }
  bool accepts(Poco::Notification* notification, const char*) const override {
    return typeid(*notification) == notification_type(event_);
  }
  Poco::AbstractObserver* clone() const override { return new Observer(target_, event_); }
  void disable() override {}

 private:
  std::shared_ptr<Target> target_;
  Event event_;
};

// Without the base class's notification of every socket at each timeout.
class Reactor : public Poco::Net::SocketReactor {
 protected:
  void onTimeout() override {}
  void onIdle() override {}
  void onShutdown() override {}
};

constexpr Duration kLongestDelay = std::chrono::hours(24 * 365);

struct Watched {
  std::shared_ptr<Target> target;
  bool read = false;
  bool write = false;
  bool error = false;
};

// A kernel counter (eventfd, timerfd) dressed as a socket, for the reactor has no other way in.
Poco::Net::StreamSocket as_socket(int fd) {
  CHECK(fd >= 0);
  return Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(fd));
}

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
        wake_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        timer_fd(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
        wake_socket(as_socket(wake_fd)),
        timer_socket(as_socket(timer_fd)) {
    reactor.setTimeout(Poco::Timespan(3600, 0));
    set_interest(wake_socket, wake_handler, true, false);
    set_interest(timer_socket, timer_handler, true, false);
  }

  void observe(const Poco::Net::Socket& socket, const Watched& watched, Event event, bool want,
               bool& have) {
    if (want == have) return;
    const Observer observer(watched.target, event);
    if (want) {
      reactor.addEventHandler(socket, observer);
    } else {
      reactor.removeEventHandler(socket, observer);
    }
    have = want;
  }

  void set_interest(const Poco::Net::Socket& socket, SocketHandler& handler, bool read,
                    bool write) {
    Watched& watched = sockets[socket.impl()];
    if (!watched.target) watched.target = std::make_shared<Target>();
    watched.target->handler = &handler;
    // The error event only matters when no other one would bring the error to light.
    const bool error = !read && !write;
    // The reactor of POCO 1.11 keeps polling for an event whose observer was removed as long as
    // the socket has another observer, so giving up one interest means registering anew.
    const bool less =
        (watched.read && !read) || (watched.write && !write) || (watched.error && !error);
    if (less) unobserve(socket, watched);
    observe(socket, watched, Event::readable, read, watched.read);
    observe(socket, watched, Event::writable, write, watched.write);
    observe(socket, watched, Event::error, error, watched.error);
  }

  void unobserve(const Poco::Net::Socket& socket, Watched& watched) {
    observe(socket, watched, Event::readable, false, watched.read);
    observe(socket, watched, Event::writable, false, watched.write);
    observe(socket, watched, Event::error, false, watched.error);
  }

  void drop(const Poco::Net::Socket& socket) {
    const auto found = sockets.find(socket.impl());
    if (found == sockets.end()) return;
    Watched watched = std::move(found->second);
    sockets.erase(found);
    watched.target->handler = nullptr;
    unobserve(socket, watched);
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
  Reactor reactor;
  std::thread thread;
  std::atomic<std::thread::id> thread_id;
  std::atomic<bool> stopping = false;

  const int wake_fd;
  const int timer_fd;
  Poco::Net::StreamSocket wake_socket;  // own the two descriptors
  Poco::Net::StreamSocket timer_socket;
  WakeHandler wake_handler{*this};
  TimerHandler timer_handler{*this};
  std::unordered_map<const Poco::Net::SocketImpl*, Watched> sockets;

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
    state->reactor.run();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return running; });
}

void EventLoop::stop() {
  if (!state_->thread.joinable()) return;
  CHECK(!in_loop_thread());
  state_->stopping = true;
  state_->reactor.stop();
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
  state_->set_interest(socket, handler, read, write);
}

void EventLoop::unwatch(const Poco::Net::Socket& socket) {
  state_->drop(socket);
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
