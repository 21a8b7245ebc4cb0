#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "quorum/types.h"

namespace regent {

// How long a peer may go on owing bytes: `limit` from the start; each byte that moves earns a
// little more time, but never more than `limit` from then on. Silence ends after `limit`, and so
// does a trickle below kBytesPerSecond, which a limit on silence alone would let go on for ever.
class ProgressBudget {
 public:
  static constexpr std::uint64_t kBytesPerSecond = 500;

  void start(Instant now, Duration limit) {
    limit_ = limit;
    until_ = now + limit;
  }
  void moved(Instant now, std::uint64_t bytes) {
    // What a whole limit is earned by is enough; more would only overflow.
    const std::uint64_t counted = std::min<std::uint64_t>(bytes, kMostBytes);
    until_ = std::min(now + limit_, until_ + Duration(std::chrono::seconds(1)) *
                                                 static_cast<std::int64_t>(counted) /
                                                 static_cast<std::int64_t>(kBytesPerSecond));
  }
  bool spent(Instant now) const { return now >= until_; }

 private:
  static constexpr std::uint64_t kMostBytes = 1 << 20;
  Duration limit_{};
  Instant until_{};
};

// The same for a peer that has to take what is queued for it, by a look at the queue now and then.
class DrainBudget {
 public:
  void start(Instant now, Duration limit, std::size_t queued) {
    budget_.start(now, limit);
    queued_ = queued;
  }
  // More was queued since the last look.
  void added(std::size_t bytes) { queued_ += bytes; }
  // A look. Returns how many bytes the peer has taken since the one before.
  std::size_t look(Instant now, std::size_t queued) {
    const std::size_t taken = queued < queued_ ? queued_ - queued : 0;
    queued_ = queued;
    budget_.moved(now, taken);
    return taken;
  }
  bool spent(Instant now) const { return budget_.spent(now); }

 private:
  ProgressBudget budget_;
  std::size_t queued_ = 0;
};

}  // namespace regent
