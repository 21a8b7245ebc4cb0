#include "gateway/http2_frame_scan.h"

#include <string>

#include <gtest/gtest.h>

namespace regent {
namespace {

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// On stream 259, with flags 5 and the reserved bit set.
std::string frame(char kind, std::size_t size) {
  const std::string length{static_cast<char>(size >> 16U), static_cast<char>(size >> 8U),
                           static_cast<char>(size)};
  return length + kind + std::string("\x05\x80\x00\x01\x03", 5) + std::string(size, '\x77');
}

std::string kinds(Http2FrameScan& scan, std::string_view bytes) {
  std::string found;
  while (const auto head = scan.next(bytes)) {
    EXPECT_EQ(head->flags, 5);
    EXPECT_EQ(head->stream, 259);
    found += static_cast<char>(head->kind);
  }
  EXPECT_TRUE(bytes.empty());
  return found;
}

TEST(Http2FrameScan, FindsTheFramesHoweverTheyAreCutUp) {
  const std::string bytes = kPreface + frame(4, 0) + frame(1, 300) + frame(0x77, 70'000) +
                            frame(0, 5) + frame(9, 1) + frame(10, 0);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{9}, bytes.size()}) {
    Http2FrameScan scan;
    std::string found;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      found += kinds(scan, std::string_view(bytes).substr(at, piece));
    }
    EXPECT_EQ(found, std::string("\x04\x01\x77\x00\x09\x0a", 6)) << piece;
    EXPECT_EQ(scan.frames(), 6U) << piece;
    EXPECT_FALSE(scan.inside()) << piece;
  }
}

TEST(Http2FrameScan, IsInsideOfAFrameUntilItsEnd) {
  Http2FrameScan scan;
  kinds(scan, "PRI");
  EXPECT_FALSE(scan.inside());
  kinds(scan, kPreface.substr(3));
  EXPECT_FALSE(scan.inside());
  const std::string head = frame(1, 10);
  kinds(scan, head.substr(0, 1));
  EXPECT_TRUE(scan.inside());
  kinds(scan, head.substr(1, head.size() - 2));
  EXPECT_TRUE(scan.inside());
  kinds(scan, head.substr(head.size() - 1));
  EXPECT_FALSE(scan.inside());
  kinds(scan, frame(0, 10).substr(0, 15));
  EXPECT_FALSE(scan.inside());
  EXPECT_EQ(scan.frames(), 2U);
}

}  // namespace
}  // namespace regent
