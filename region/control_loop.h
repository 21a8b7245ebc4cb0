#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "quorum/types.h"

namespace regent {

// The one thread of a process that owns its protocol state: tasks from other threads, and a tick
// when a deadline is due. Time is CLOCK_BOOTTIME.
class ControlLoop {
 public:
  using Task = std::function<void()>;
  // Tasks waiting at most; further ones are refused, so that a flood cannot eat the memory.
  static constexpr std::size_t kMaxWaiting = 65'536;

  // Queues a task. False when the queue is full or the loop has stopped. Any thread.
  [[nodiscard]] bool post(Task task);

  // Runs on the calling thread until stop(): waiting tasks, each batch followed by `settle`; and
  // `settle` alone when the instant it returned last has come (kNever: only after tasks).
  void run(const std::function<Instant()>& settle);

  // Ends run() after the batch at hand. Any thread.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> waiting_;
  bool stopped_ = false;
};

}  // namespace regent
