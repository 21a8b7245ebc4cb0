#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "quorum/result.h"
#include "region/pause_store.h"

namespace regent {

// Writes the pause switch to the gateway's disk without keeping the control thread waiting: a slow
// disk must not cost a lease. What is older than the file holds is never written. Any thread.
class PauseKeeper {
 public:
  explicit PauseKeeper(std::unique_ptr<PauseStore> store);
  // Writes what waits, then ends.
  ~PauseKeeper();
  PauseKeeper(const PauseKeeper&) = delete;
  PauseKeeper& operator=(const PauseKeeper&) = delete;

  // Blocks until the record is on disk, or cannot be brought there.
  Status keep(const PauseRecord& record);

  // Returns at once. A failure is logged; the gateway goes by what it has in memory.
  void keep_later(const PauseRecord& record);

 private:
  void run();

  std::mutex disk_;  // guards store_
  std::unique_ptr<PauseStore> store_;

  std::mutex mutex_;  // guards the two below
  std::optional<PauseRecord> waiting_;
  bool stopped_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace regent
