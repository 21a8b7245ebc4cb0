#include "gateway/http2_open_streams.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using Verdict = Http2OpenStreams::Verdict;

TEST(Http2OpenStreams, AStreamTakesFramesUntilTheClientEndsOrResetsIt) {
  Http2OpenStreams streams;
  EXPECT_EQ(streams.frame(1, true, false), Verdict::passes);
  EXPECT_EQ(streams.frame(1, false, false), Verdict::passes);
  EXPECT_EQ(streams.frame(3, true, true), Verdict::passes);
  EXPECT_EQ(streams.frame(1, true, true), Verdict::passes);  // its trailers
  EXPECT_EQ(streams.frame(1, false, false), Verdict::closed);
  EXPECT_EQ(streams.frame(1, true, true), Verdict::closed);
  EXPECT_EQ(streams.frame(3, false, true), Verdict::closed);
  EXPECT_EQ(streams.frame(5, true, false), Verdict::passes);
  streams.reset(5);
  EXPECT_EQ(streams.frame(5, true, false), Verdict::closed);
  streams.reset(5);  // again, as if one crossed the other
  EXPECT_EQ(streams.frame(7, false, false), Verdict::passes);  // idle, and still so
  EXPECT_EQ(streams.frame(7, true, true), Verdict::passes);
}

TEST(Http2OpenStreams, StreamsThatWereLeftOutStayOut) {
  Http2OpenStreams streams;
  EXPECT_EQ(streams.frame(5, true, false), Verdict::passes);
  EXPECT_EQ(streams.frame(7, true, true), Verdict::passes);
  EXPECT_EQ(streams.frame(99, true, true), Verdict::passes);
  for (const std::int32_t stream : {1, 3, 9, 97}) {
    EXPECT_EQ(streams.frame(stream, true, true), Verdict::unexpected) << stream;
    EXPECT_EQ(streams.frame(stream, false, true), Verdict::closed) << stream;
  }
  EXPECT_EQ(streams.frame(7, true, true), Verdict::closed);
  EXPECT_EQ(streams.frame(5, true, true), Verdict::passes);
}

TEST(Http2OpenStreams, TheOldestAreForgottenAndLetPass) {
  Http2OpenStreams streams;
  const auto last = static_cast<std::int32_t>(2 * Http2OpenStreams::kMost + 3);
  for (std::int32_t stream = 1; stream <= last; stream += 2) {
    ASSERT_EQ(streams.frame(stream, true, false), Verdict::passes);
  }
  // 1 and 3 are forgotten, though not ended; nobody knows any more whether they were.
  streams.reset(1);
  EXPECT_EQ(streams.frame(1, false, false), Verdict::passes);
  streams.reset(5);
  EXPECT_EQ(streams.frame(5, false, false), Verdict::closed);
}

}  // namespace
}  // namespace regent
