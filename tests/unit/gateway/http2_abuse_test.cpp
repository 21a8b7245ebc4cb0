// What clients of HTTP/2 must not do, and what becomes of them.
#include <gtest/gtest.h>

#include "gateway/http2_session.h"
#include "tests/unit/gateway/http2_world.h"

namespace regent::test {
namespace {

std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

class Http2Abuse : public Http2World {
 protected:
  // The connection is ended with this code, and the gateway serves others on.
  void expect_end(const std::string& frames, std::uint32_t code) {
    const auto client = this->client();
    client->send_raw(frames);
    client->wait_for_end();
    EXPECT_EQ(client->goaway(), code);
    EXPECT_EQ(this->client()->get("/").status, 200U);
    EXPECT_TRUE(eventually([&] { return world_.east().observer.connections == 0; }));
  }
  void expect_calm(const std::string& frames) { expect_end(frames, NGHTTP2_ENHANCE_YOUR_CALM); }
};

TEST_F(Http2Abuse, RapidResetIsEnded) {
  serve_ok();
  std::string frames;
  for (std::uint32_t id = 1; id < 2 * 400; id += 2) {
    frames += Http2Client::frame(kHeaders, kEndStream | kEndHeaders, id, request_block());
    frames += Http2Client::frame(NGHTTP2_RST_STREAM, 0, id, std::string("\0\0\0\x08", 4));
  }
  expect_calm(frames);
  EXPECT_LT(log_.size(), 300U);
}

TEST_F(Http2Abuse, SomeResetsAreNoAbuse) {
  serve_ok();
  const auto client = this->client();
  for (int i = 0; i < 150; ++i) client->reset(client->begin("GET", "/"));
  EXPECT_EQ(client->get("/").status, 200U);
}

TEST_F(Http2Abuse, ResetsThatTheGatewayIsMadeToSendCountTheSame) {
  serve_ok();
  std::string frames;
  for (std::uint32_t id = 1; id < 2 * 400; id += 2) {
    frames += Http2Client::frame(kHeaders, kEndHeaders, id, request_block());
    frames += Http2Client::frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff");
  }
  expect_calm(frames);
}

TEST_F(Http2Abuse, FloodsOfFramesAreEnded) {
  serve_ok();
  const std::string ping = Http2Client::frame(NGHTTP2_PING, 0, 0, "12345678");
  const std::string settings = Http2Client::frame(NGHTTP2_SETTINGS, 0, 0, "");
  const std::string priority =
      Http2Client::frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\x10", 5));
  const std::string window =
      Http2Client::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\x01", 4));
  const std::string unknown = Http2Client::frame(0x77, 0, 0, "what");
  for (const std::string& frame : {ping, settings, priority, window, unknown}) {
    SCOPED_TRACE(static_cast<int>(frame[3]));
    expect_calm(repeat(frame, 3000));
  }
}

TEST_F(Http2Abuse, EmptyDataFramesAreEnded) {
  serve([this](Peer& peer) { answer_ok(log_)(peer); });
  expect_calm(Http2Client::frame(kHeaders, kEndHeaders, 1, request_block()) +
              repeat(Http2Client::frame(kData, 0, 1, ""), 1000));
  const std::string padding = Http2Client::frame(kData, NGHTTP2_FLAG_PADDED, 1, "\x03\1\2\3");
  expect_calm(Http2Client::frame(kHeaders, kEndHeaders, 1, request_block()) +
              repeat(padding, 1000));
}

TEST_F(Http2Abuse, AHeadInTooManyPiecesIsEnded) {
  serve_ok();
  const std::string more = Http2Client::frame(kContinuation, 0, 1, literal("x", "y"));
  expect_calm(Http2Client::frame(kHeaders, kEndStream, 1, request_block()) + repeat(more, 100));
}

TEST_F(Http2Abuse, ALargeHeadIsRefusedAndAHopelessOneEnds) {
  serve_ok();
  auto client = this->client();
  Fields fields;
  const auto grow = [&](int to) {
    for (auto i = static_cast<int>(fields.size()); i < to; ++i) {
      fields.emplace_back("x-" + std::to_string(i), std::string(3000, 'a'));
    }
  };
  grow(20);
  EXPECT_EQ(client->wait(client->begin("GET", "/", fields)).status, 200U);
  grow(23);
  EXPECT_EQ(client->wait(client->begin("GET", "/", fields)).status, 431U);
  EXPECT_EQ(client->get("/").status, 200U);
  EXPECT_EQ(log_.size(), 2U);
  client.reset();
  // A field put into the table once and named again and again, a byte each time.
  const std::string stored = "\x40\x01x\x7f" + std::string("\x81\x1e", 2) + std::string(3968, 'a');
  expect_calm(Http2Client::frame(kHeaders, kEndStream | kEndHeaders, 1,
                                 request_block() + stored + std::string(1000, '\xbe')));
}

TEST_F(Http2Abuse, MoreStreamsThanAllowedAreRefused) {
  std::atomic<bool> go_on = false;
  serve([&](Peer& peer) {
    peer.read_head();
    eventually([&] { return go_on.load(); });
    peer.send(answer_with("ok"));
    peer.read_head();
  });
  const auto client = this->client();
  std::string frames;
  const std::uint32_t last = 2 * Http2Session::kMaxStreams + 1;
  for (std::uint32_t id = 1; id <= last; id += 2) {
    frames += Http2Client::frame(kHeaders, kEndStream | kEndHeaders, id, request_block());
  }
  client->send_raw(frames);  // before the gateway's limit can be known here
  EXPECT_TRUE(client->run_until([&] { return client->resets().contains(last); }));
  EXPECT_EQ(client->resets().at(last), NGHTTP2_REFUSED_STREAM);
  EXPECT_EQ(client->resets().size(), 1U);
  go_on = true;
}

TEST_F(Http2Abuse, ProtocolErrorsEndTheConnection) {
  serve_ok();
  expect_end(Http2Client::frame(kData, 0, 0, "x"), NGHTTP2_PROTOCOL_ERROR);
  expect_end(Http2Client::frame(kHeaders, kEndHeaders, 2, request_block()), NGHTTP2_PROTOCOL_ERROR);
  expect_end(Http2Client::frame(kHeaders, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff"),
             NGHTTP2_COMPRESSION_ERROR);
  expect_end(Http2Client::frame(NGHTTP2_PING, 0, 0, "short"), NGHTTP2_FRAME_SIZE_ERROR);
  expect_end(Http2Client::frame(kData, 0, 1, std::string(20'000, 'x')), NGHTTP2_FRAME_SIZE_ERROR);
}

TEST_F(Http2Abuse, WhatIsNoHttp2IsEnded) {
  serve_ok();
  Http2Client client(world_.east().host, world_.east().port, {.greets = false});
  client.send_raw("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  client.wait_for_end();
  EXPECT_EQ(client.goaway(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(log_.size(), 0U);
}

}  // namespace
}  // namespace regent::test
