#include "gateway/pause_keeper.h"

#include <utility>

#include "region/log.h"

namespace regent {

PauseKeeper::PauseKeeper(std::unique_ptr<PauseStore> store)
    : store_(std::move(store)), thread_([this] { run(); }) {}

PauseKeeper::~PauseKeeper() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Status PauseKeeper::keep(const PauseRecord& record) {
  const std::scoped_lock lock(disk_);
  const PauseRecord& stored = store_->stored();
  const bool newer =
      record.pause > stored.pause ||
      (record.pause == stored.pause && record.last_reign.later_than(stored.last_reign));
  return newer ? store_->save(record) : Status(Done{});
}

void PauseKeeper::keep_later(const PauseRecord& record) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_ = record;
  }
  wake_.notify_one();
}

void PauseKeeper::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return waiting_ || stopped_; });
    if (!waiting_) return;
    const PauseRecord record = *std::exchange(waiting_, std::nullopt);
    lock.unlock();
    if (const Status kept = keep(record); !kept.ok()) {
      log_event(
          LogLevel::error, "the pause switch is not on disk: a restart may forget it",
          {{"version", std::to_string(record.pause.version)}, {"error", kept.error().message}});
    }
    lock.lock();
  }
}

}  // namespace regent
