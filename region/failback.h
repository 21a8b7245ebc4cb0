#pragma once

#include <algorithm>
#include <optional>

#include "quorum/types.h"

namespace regent {

// Going back to a preferred region without being told to: only after it has been fit to lead,
// without a break, for the hold-down. Each time doubles the hold-down, so that a region that keeps
// failing does not drag the primary to and fro. Pure; one thread.
class AutomaticFailback {
 public:
  // The hold-down grows to at most this many times the configured one.
  static constexpr int kMaxGrowth = 16;

  explicit AutomaticFailback(Duration hold_down)
      : hold_down_(hold_down), limit_(hold_down * kMaxGrowth) {}

  // `preferred`: the region of higher priority that is fit to lead now, if there is one and this
  // gateway holds the lease. Returns it when it is time to hand over to it; counts as done then.
  std::optional<RegionId> consider(std::optional<RegionId> preferred, Instant now) {
    if (preferred != candidate_) {
      candidate_ = preferred;
      fit_since_ = now;
    }
    if (!candidate_ || now - fit_since_ < hold_down_) return std::nullopt;
    hold_down_ = std::min(hold_down_ * 2, limit_);
    fit_since_ = now;
    return candidate_;
  }

 private:
  Duration hold_down_;
  Duration limit_;
  std::optional<RegionId> candidate_;
  Instant fit_since_{};
};

}  // namespace regent
