#pragma once

#include <algorithm>

#include "quorum/random.h"
#include "quorum/types.h"

namespace regent::client {

// How long to wait before the next attempt: twice as long each time up to a limit, and each time up
// to a quarter more or less, so that many clients that lost one server do not come back at once.
class Backoff {
 public:
  static constexpr Duration kShortest = std::chrono::milliseconds(50);
  static constexpr Duration kLongest = std::chrono::seconds(1);

  Duration next(Random& random) {
    const Duration wait = jittered(next_, random);
    next_ = std::min(next_ * 2, kLongest);
    return wait;
  }
  void reset() { next_ = kShortest; }

  // `around`, a quarter more or less.
  static Duration jittered(Duration around, Random& random) {
    const auto spread = static_cast<std::uint64_t>(around.count() / 2);
    return around - around / 4 + Duration(static_cast<Duration::rep>(random.below(spread)));
  }

 private:
  Duration next_ = kShortest;
};

}  // namespace regent::client
