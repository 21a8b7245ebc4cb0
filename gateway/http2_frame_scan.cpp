#include "gateway/http2_frame_scan.h"

#include <algorithm>

namespace regent {

std::optional<Http2FrameScan::Head> Http2FrameScan::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::size_t passed = std::min(left_, bytes.size());
      left_ -= passed;
      bytes.remove_prefix(passed);
      continue;
    }
    const std::size_t taken = std::min(head_.size() - have_, bytes.size());
    std::copy_n(bytes.begin(), taken, head_.begin() + have_);
    frames_ += have_ == 0 ? 1 : 0;
    have_ += taken;
    bytes.remove_prefix(taken);
    if (have_ < head_.size()) return std::nullopt;
    have_ = 0;
    left_ = std::size_t{head_[0]} << 16U | std::size_t{head_[1]} << 8U | head_[2];
    kind_ = head_[3];
    const std::uint32_t stream = std::uint32_t{head_[5]} << 24U | std::uint32_t{head_[6]} << 16U |
                                 std::uint32_t{head_[7]} << 8U | head_[8];
    return Head{kind_, head_[4], static_cast<std::int32_t>(stream & 0x7fff'ffffU)};
  }
  return std::nullopt;
}

}  // namespace regent
