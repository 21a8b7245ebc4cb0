#include "gateway/http_body.h"

#include <string>

#include <gtest/gtest.h>

namespace regent {
namespace {

struct Read {
  std::string data;
  std::string trailers;
  std::string rest;
  bool done = false;
  bool bad = false;
};

// Feeds the input in pieces of `piece` bytes.
Read read(BodyReader reader, std::string_view input, std::size_t piece) {
  Read result;
  std::string pending;
  while (!input.empty() || !pending.empty()) {
    pending.append(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    while (!pending.empty()) {
      const BodyReader::Step step = reader.next(pending);
      result.data.append(step.data);
      result.trailers.append(step.trailers);
      pending.erase(0, step.consumed);
      if (step.consumed == 0) break;
    }
    if (reader.done() || reader.bad()) break;
  }
  result.rest = pending + std::string(input);
  result.done = reader.done();
  result.bad = reader.bad();
  return result;
}

TEST(HttpBody, ChunksInPiecesOfAnySize) {
  const std::string input =
      "5\r\nhello\r\n1;a=\"b\"\r\n,\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\nGET / ";
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    const Read result = read(BodyReader::chunked(), input, piece);
    EXPECT_TRUE(result.done) << piece;
    EXPECT_EQ(result.data, "hello,0123456789") << piece;
    EXPECT_EQ(result.trailers, "X-Trailer: y\r\n\r\n") << piece;
    EXPECT_EQ(result.rest, "GET / ") << piece;
  }
}

TEST(HttpBody, ExtensionsOfTheGrammarAreDropped) {
  for (const char* extension : {"", ";a", ";a=b", ";a;b;c=d", "; a = b", ";a=\"\"",
                                ";a=\"x y;=\\\"\\\\\"", ";a=\"b\" ;c", ";\ta\t=\tb"}) {
    const Read result =
        read(BodyReader::chunked(), "2" + std::string(extension) + "\r\nhi\r\n0\r\n\r\n", 1);
    EXPECT_TRUE(result.done) << extension;
    EXPECT_EQ(result.data, "hi") << extension;
  }
}

TEST(HttpBody, MalformedExtensionsAreFound) {
  for (const char* extension :
       {";", " ;a", ";;", ";=", ";a=", ";a= ", ";a ", ";a=b ", ";a=b c", ";a b", ";a=\"b",
        ";a=\"b\"c", ";a=\"b\" ", ";a=b\"c\"", ";a==b", ";a,b", ";a={", ";a=\"\x01\"", ";\x80"}) {
    const std::string input = "2" + std::string(extension) + "\r\nhi\r\n0\r\n\r\n";
    EXPECT_TRUE(read(BodyReader::chunked(), input, 1).bad) << extension;
  }
}

TEST(HttpBody, MalformedChunksAreFound) {
  const std::string long_line = "5;" + std::string(BodyReader::kMaxChunkLineBytes + 1, 'a');
  const std::string long_trailer = "0\r\nA: " + std::string(BodyReader::kMaxTrailerBytes + 1, 'a');
  const std::string cases[] = {"\r\n",
                               "g\r\n",
                               "-1\r\n",
                               " 5\r\nhello",
                               "5 \r\nhello",
                               "0x5\r\nhello",
                               "5\nhello",
                               "5\r\rhello",
                               "5;a\nb\r\n",
                               "5;\x01\r\n",
                               "5\r\nhello5",
                               "5\r\nhello\n",
                               "5\r\nhello\rX",
                               "5\r\nhello\r\n\r\n",
                               "ffffffffffffffff\r\n",
                               "10000000000000005\r\n",
                               "00000000000000005\r\n",
                               "0\r\nX: a\nb\r\n\r\n",
                               "0\r\n\r\r",
                               "0\r\nX: a\rb\r\n\r\n",
                               "0\r\nX: a\x7f\r\n\r\n",
                               "+5\r\nhello\r\n",
                               "5h\r\nhello\r\n",
                               long_line,
                               long_trailer};
  for (const std::string& input : cases) {
    EXPECT_TRUE(read(BodyReader::chunked(), input, input.size()).bad) << input;
    EXPECT_TRUE(read(BodyReader::chunked(), input, 1).bad) << input;
  }
}

TEST(HttpBody, LengthTakesExactlyThatMuch) {
  const Read result = read(BodyReader::with_length(5), "helloGET /", 3);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.data, "hello");
  EXPECT_EQ(result.rest, "GET /");
  EXPECT_TRUE(BodyReader::with_length(0).done());
  EXPECT_TRUE(BodyReader().done());
}

TEST(HttpBody, UntilCloseNeverEndsByItself) {
  const Read result = read(BodyReader::until_close(), "anything", 3);
  EXPECT_FALSE(result.done);
  EXPECT_EQ(result.data, "anything");
}

TEST(HttpBody, ChunksAreWrittenAsTheyAreRead) {
  std::string wire;
  append_chunk(wire, "hello");
  append_chunk(wire, "");  // would end the body
  append_chunk(wire, std::string(300, 'x'));
  wire.append(kLastChunk);
  const Read result = read(BodyReader::chunked(), wire, 7);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.data, "hello" + std::string(300, 'x'));
}

}  // namespace
}  // namespace regent
