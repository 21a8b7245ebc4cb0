#include "gateway/http_trailers.h"

#include <string>

#include <gtest/gtest.h>

namespace regent {
namespace {

std::string kept(const std::string& section) {
  TrailerReader reader;
  reader.add(section);
  (void)reader.read();
  std::string names;
  for (const HeaderField& field : reader.fields()) {
    names.append(field.name).append("=").append(field.value).append(" ");
  }
  return names;
}

unsigned problem(const std::string& section) {
  TrailerReader reader;
  reader.add(section);
  return reader.read().status;
}

TEST(HttpTrailers, OrdinaryFieldsAreKept) {
  EXPECT_EQ(kept("Grpc-Status: 0\r\nDigest:\tsha-256=x \r\nServer-Timing:\r\n\r\n"),
            "Grpc-Status=0 Digest=sha-256=x Server-Timing= ");
  EXPECT_EQ(problem("Grpc-Status: 0\r\nETag: \"x\"\r\n\r\n"), 0U);
  EXPECT_EQ(problem("\r\n"), 0U);
  EXPECT_EQ(problem(""), 0U);
}

TEST(HttpTrailers, PiecesAreJoined) {
  TrailerReader reader;
  for (const char* piece : {"A: ", "b\r", "\nC", ": d\r\n", "\r", "\n"}) reader.add(piece);
  EXPECT_FALSE(reader.read());
  ASSERT_EQ(reader.fields().size(), 2U);
  EXPECT_EQ(reader.fields()[1].value, "d");
  reader.clear();
  EXPECT_TRUE(reader.fields().empty());
}

TEST(HttpTrailers, WhatBelongsInTheHeadOnlyIsNotPassedOn) {
  for (const char* name : {"Content-Length",
                           "Transfer-Encoding",
                           "Trailer",
                           "Host",
                           "Connection",
                           "Keep-Alive",
                           "TE",
                           "Upgrade",
                           "Proxy-Connection",
                           "Proxy-Authorization",
                           "Authorization",
                           "Cookie",
                           "Set-Cookie",
                           "content-type",
                           "Content-Encoding",
                           "Content-Anything",
                           "Cache-Control",
                           "Expect",
                           "Range",
                           "If-Match",
                           "Max-Forwards",
                           "Via",
                           "Forwarded",
                           "X-Forwarded-For",
                           "x-forwarded-anything",
                           "Regent-Epoch",
                           "regent_epoch",
                           "Idempotency-Key",
                           "Location",
                           "HTTP2-Settings",
                           "Vary",
                           "Date"}) {
    const std::string section = "A: b\r\n" + std::string(name) + ": 1\r\nC: d\r\n\r\n";
    EXPECT_EQ(problem(section), 400U) << name;
    EXPECT_EQ(kept(section), "A=b C=d ") << name;
  }
}

TEST(HttpTrailers, AMalformedLineSpoilsThemAll) {
  for (const char* line : {"no colon", ": x", "A : b", " folded", "\tfolded", "A(: b", "\x80: b"}) {
    const std::string section = "A: b\r\n" + std::string(line) + "\r\nC: d\r\n\r\n";
    EXPECT_EQ(problem(section), 400U) << line;
    EXPECT_EQ(kept(section), "") << line;
  }
}

TEST(HttpTrailers, TheEndOfABodyIsWrittenWithThem) {
  std::string out;
  append_last_chunk(out, {});
  EXPECT_EQ(out, "0\r\n\r\n");
  out.clear();
  const HeaderField fields[] = {{FieldId::unknown, "A", "b"}, {FieldId::unknown, "C", ""}};
  append_last_chunk(out, fields);
  EXPECT_EQ(out, "0\r\nA: b\r\nC: \r\n\r\n");
}

}  // namespace
}  // namespace regent
