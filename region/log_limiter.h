#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "quorum/types.h"

namespace regent {

// Keeps a repeated log line from filling the log: each distinct key passes once per interval.
// Pure; one thread.
class LogLimiter {
 public:
  // Keys remembered at most; beyond that, all are forgotten.
  static constexpr std::size_t kMaxKeys = 1024;

  explicit LogLimiter(Duration interval) : interval_(interval) {}

  // Whether to log now; the number is of those left out since the last time it passed.
  std::optional<std::uint64_t> pass(const std::string& key, Instant now) {
    if (seen_.size() >= kMaxKeys && !seen_.contains(key)) seen_.clear();
    const auto [found, fresh] = seen_.try_emplace(key, Seen{now, 0});
    if (!fresh && now - found->second.last < interval_) {
      ++found->second.suppressed;
      return std::nullopt;
    }
    const std::uint64_t suppressed = found->second.suppressed;
    found->second = {now, 0};
    return suppressed;
  }

 private:
  struct Seen {
    Instant last;
    std::uint64_t suppressed;
  };
  Duration interval_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace regent
