#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quorum/types.h"

namespace regent {

// Counts what a client of HTTP/2 may send at little cost to itself and much to others: each kind of
// frame has an allowance that fills up again with time. A connection that overdraws one is ended
// with ENHANCE_YOUR_CALM. One connection's; no clock of its own.
class Http2Guard {
 public:
  enum class Kind : std::uint8_t {
    reset,          // a stream that ended early, by RST_STREAM or because it was malformed
    ping,           // each has to be answered
    settings,       // each has to be answered
    empty,          // DATA that carries nothing (or padding alone), nor ends anything
    window_update,  // see data_sent()
    priority,       // long deprecated
    other,          // GOAWAY, PUSH_PROMISE, and kinds of frames that mean nothing here
  };
  struct Allowance {
    std::uint32_t burst = 0;
    std::uint32_t per_second = 0;
  };
  // Streams may be reset twice over at once (a page that is left), then 20 a second. Clients that
  // measure the round trip send a PING for about each.
  static constexpr std::array<Allowance, 7> kAllowances{{
      {200, 20},    // reset
      {1000, 200},  // ping
      {100, 10},    // settings
      {100, 10},    // empty
      {1000, 200},  // window_update
      {1000, 100},  // priority
      {1000, 100},  // other
  }};
  static constexpr std::uint32_t kWindowUpdatesPerFrame = 4;  // of DATA sent to the client

  // One frame of this kind has come. False: it is one too many.
  bool pass(Kind kind, Instant now);
  // A DATA frame was sent: the client has a reason to open windows.
  void data_sent();

 private:
  struct Bucket {
    std::uint32_t used = 0;
    Instant refilled{};
  };
  std::array<Bucket, kAllowances.size()> buckets_;
};

}  // namespace regent
