#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace regent {

// Follows the frames of a client of HTTP/2 (RFC 9113, 4.1) by their heads alone, for what nghttp2
// does not report: frames of kinds that it does not know or for streams that it has forgotten, and
// frames that do not come to their end. Whether they are well formed is nghttp2's matter. One
// connection's.
class Http2FrameScan {
 public:
  static constexpr std::uint8_t kLastKnown = 9;  // CONTINUATION

  struct Head {
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    std::int32_t stream = 0;
  };
  // `bytes`: as they come, from the connection preface on. Uses them up to the end of the next
  // frame's head, which it returns, or all of them.
  std::optional<Head> next(std::string_view& bytes);
  // Frames that have begun so far.
  std::uint64_t frames() const { return frames_; }
  // Whether a frame has begun and not ended, other than DATA, whose pace is the body's.
  bool inside() const { return have_ > 0 || (left_ > 0 && kind_ != kData); }

 private:
  static constexpr std::size_t kPrefaceBytes = 24;
  static constexpr std::uint8_t kData = 0;
  std::array<std::uint8_t, 9> head_{};
  std::size_t have_ = 0;              // of the head
  std::size_t left_ = kPrefaceBytes;  // of what follows it
  std::uint8_t kind_ = kData;
  std::uint64_t frames_ = 0;
};

}  // namespace regent
