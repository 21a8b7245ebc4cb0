#include "gateway/http2_open_streams.h"

#include <algorithm>

namespace regent {

Http2OpenStreams::Verdict Http2OpenStreams::frame(std::int32_t stream, bool headers, bool ends) {
  if (stream > last_) {
    // Other frames on an idle stream are nghttp2's matter.
    if (headers) open(stream, ends);
    return Verdict::passes;
  }
  if (std::ranges::binary_search(open_, stream)) {
    if (ends) reset(stream);
    return Verdict::passes;
  }
  if (stream <= forgotten_) return Verdict::passes;
  return headers && left_out(stream) ? Verdict::unexpected : Verdict::closed;
}

void Http2OpenStreams::open(std::int32_t stream, bool ends) {
  if (stream > last_ + 2 && gaps_.size() < kMost) gaps_.emplace_back(last_ + 2, stream - 2);
  last_ = stream;
  if (ends) return;
  open_.push_back(stream);
  if (open_.size() <= kMost) return;
  forgotten_ = open_.front();
  open_.pop_front();
}

void Http2OpenStreams::reset(std::int32_t stream) {
  const auto found = std::ranges::lower_bound(open_, stream);
  if (found != open_.end() && *found == stream) open_.erase(found);
}

bool Http2OpenStreams::left_out(std::int32_t stream) const {
  return std::ranges::any_of(
      gaps_, [stream](const auto& gap) { return gap.first <= stream && stream <= gap.second; });
}

}  // namespace regent
