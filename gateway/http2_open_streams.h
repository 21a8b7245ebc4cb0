#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace regent {

// On which streams a client of HTTP/2 may still send, by its own frames alone: what was sent from
// here, and what of that the client has read, plays no part. So what comes late, on a stream that
// was reset from here, is told from what must never come (RFC 9113, 5.1 and 5.1.1); nghttp2 ignores
// both once it has forgotten the stream. One connection's.
class Http2OpenStreams {
 public:
  // Streams, and gaps between them, that are remembered. Beyond it the oldest open ones, which were
  // reset from here and never ended by the client, are forgotten: anything passes on them.
  static constexpr std::size_t kMost = 1000;

  enum class Verdict : std::uint8_t {
    passes,
    closed,      // the client has ended or reset it
    unexpected,  // it was left out: a later one came first
  };
  // A HEADERS or DATA frame on a stream of the client's; ends: it carries END_STREAM.
  Verdict frame(std::int32_t stream, bool headers, bool ends);
  // An RST_STREAM frame.
  void reset(std::int32_t stream);

 private:
  void open(std::int32_t stream, bool ends);
  bool left_out(std::int32_t stream) const;

  std::deque<std::int32_t> open_;                             // ascending
  std::vector<std::pair<std::int32_t, std::int32_t>> gaps_;  // first and last stream of each
  std::int32_t last_ = -1;                                    // that the client has opened
  std::int32_t forgotten_ = 0;                                // up to here anything passes
};

}  // namespace regent
