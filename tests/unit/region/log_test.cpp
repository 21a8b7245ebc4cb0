#include "region/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "region/log_limiter.h"

namespace regent {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { configure_log(LogFormat::text, LogLevel::info); }
  static std::string line(LogFormat format, const std::string& value,
                          LogLevel level = LogLevel::warning) {
    configure_log(format, LogLevel::info);
    testing::internal::CaptureStderr();
    log_event(level, "peer refused", {{"reason", value}, {"count", "3"}});
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, TextLineHasTimeLevelEventAndFields) {
  EXPECT_THAT(line(LogFormat::text, "plain"),
              MatchesRegex("....-..-..T..:..:..\\....Z warning peer refused reason=plain "
                           "count=3\n"));
  EXPECT_THAT(line(LogFormat::text, "two words"), HasSubstr("reason=\"two words\" "));
  EXPECT_THAT(line(LogFormat::text, ""), HasSubstr("reason=\"\" "));
}

TEST_F(LogTest, JsonLineIsOneObject) {
  EXPECT_THAT(line(LogFormat::json, "a \"b\" \\ c"),
              MatchesRegex("\\{\"time\":\"....-..-..T..:..:..\\....Z\",\"level\":\"warning\","
                           "\"event\":\"peer refused\",\"reason\":\"a \\\\\"b\\\\\" \\\\\\\\ c\","
                           "\"count\":\"3\"\\}\n"));
}

TEST_F(LogTest, WhatAPeerSentCannotForgeALineOrBreakTheEncoding) {
  for (const auto format : {LogFormat::text, LogFormat::json}) {
    const std::string forged = line(format, "x\n2026-01-01 error stolen\r\x1b[2J\x7f");
    EXPECT_EQ(std::count(forged.begin(), forged.end(), '\n'), 1);
    EXPECT_THAT(forged, HasSubstr("x\\n2026-01-01 error stolen\\u000d\\u001b[2J\\u007f"));
  }
  EXPECT_THAT(line(LogFormat::json, "caf\xc3\xa9"), HasSubstr("\"caf\xc3\xa9\""));
  for (const char* broken :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_THAT(line(LogFormat::json, std::string("<") + broken + ">"), HasSubstr("<\\ufffd"));
  }
}

TEST_F(LogTest, LeavesOutWhatIsLessThanTheLevel) {
  EXPECT_EQ(line(LogFormat::text, "x", LogLevel::debug), "");
}

TEST(LogLimiter, PassesEachKeyOnceAnInterval) {
  LogLimiter limiter(std::chrono::seconds(10));
  const Instant start{};
  EXPECT_EQ(limiter.pass("a", start), 0U);
  EXPECT_EQ(limiter.pass("b", start), 0U);
  EXPECT_EQ(limiter.pass("a", start + std::chrono::seconds(9)), std::nullopt);
  EXPECT_EQ(limiter.pass("a", start + std::chrono::seconds(9)), std::nullopt);
  EXPECT_EQ(limiter.pass("a", start + std::chrono::seconds(10)), 2U);
  EXPECT_EQ(limiter.pass("a", start + std::chrono::seconds(20)), 0U);
}

TEST(LogLimiter, ForgetsAllRatherThanGrow) {
  LogLimiter limiter(std::chrono::seconds(10));
  const Instant start{};
  for (std::size_t i = 0; i < 3 * LogLimiter::kMaxKeys; ++i) {
    EXPECT_EQ(limiter.pass(std::to_string(i), start), 0U);
  }
  EXPECT_EQ(limiter.pass("0", start), 0U);
}

}  // namespace
}  // namespace regent
