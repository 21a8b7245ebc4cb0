#include "region/control_loop.h"

#include <algorithm>

#include "region/clock.h"

namespace regent {

namespace {

// Upper bound of one wait. The condition variable counts on another clock than ours, which stands
// still during suspend.
constexpr Duration kLongestWait = std::chrono::milliseconds(100);

}  // namespace

bool ControlLoop::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_ || waiting_.size() >= kMaxWaiting) return false;
    waiting_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void ControlLoop::run(const std::function<Instant()>& settle) {
  Instant deadline = settle();
  std::deque<Task> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (!stopped_ && waiting_.empty()) {
        const Instant now = boot_now();
        if (now >= deadline) break;
        wake_.wait_for(lock, std::min(deadline - now, kLongestWait));
      }
      if (stopped_) return;
      batch.swap(waiting_);
    }
    for (Task& task : batch) task();
    batch.clear();
    deadline = settle();
  }
}

void ControlLoop::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
}

}  // namespace regent
