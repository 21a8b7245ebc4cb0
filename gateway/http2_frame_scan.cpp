#include "gateway/http2_frame_scan.h"

#include <algorithm>

namespace regent {

std::size_t Http2FrameScan::feed(std::string_view bytes) {
  std::size_t unknown = 0;
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
    if (have_ < head_.size()) break;
    have_ = 0;
    left_ = std::size_t{head_[0]} << 16U | std::size_t{head_[1]} << 8U | head_[2];
    kind_ = head_[3];
    unknown += kind_ > kLastKnown ? 1 : 0;
  }
  return unknown;
}

}  // namespace regent
