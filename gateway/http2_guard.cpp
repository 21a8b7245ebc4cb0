#include "gateway/http2_guard.h"

#include <algorithm>

namespace regent {

bool Http2Guard::pass(Kind kind, Instant now) {
  const auto index = static_cast<std::size_t>(kind);
  const Allowance& allowance = kAllowances[index];
  Bucket& bucket = buckets_[index];
  if (bucket.used == 0) bucket.refilled = now;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - bucket.refilled);
  if (seconds.count() > 0) {
    const auto refill = static_cast<std::uint64_t>(seconds.count()) * allowance.per_second;
    bucket.used -= static_cast<std::uint32_t>(std::min<std::uint64_t>(bucket.used, refill));
    bucket.refilled += seconds;
  }
  if (bucket.used >= allowance.burst) return false;
  ++bucket.used;
  return true;
}

void Http2Guard::data_sent() {
  Bucket& bucket = buckets_[static_cast<std::size_t>(Kind::window_update)];
  bucket.used -= std::min(bucket.used, kWindowUpdatesPerFrame);
}

}  // namespace regent
