// As with HTTP/1, nobody keeps a connection or a request of HTTP/2 longer than its phase may take,
// however its bytes trickle.
#include <gtest/gtest.h>

#include "region/clock.h"
#include "tests/unit/gateway/http2_world.h"

namespace regent::test {
namespace {

using std::chrono::milliseconds;

const std::string kGet =
    Http2Client::frame(kHeaders, kEndStream | kEndHeaders, 1, request_block());
const std::string kOpenPost =
    Http2Client::frame(kHeaders, kEndHeaders, 1, request_block("/", "POST"));
const std::string kPing = Http2Client::frame(NGHTTP2_PING, 0, 0, "12345678");

std::string number(std::uint32_t value) {
  std::string out;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<char>(value >> shift));
  return out;
}

// Of all streams that begin from now on.
std::string window_of_streams(std::uint32_t bytes) {
  return Http2Client::frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x04", 2) + number(bytes));
}

std::string open_window(std::uint32_t id, std::uint32_t bytes) {
  return Http2Client::frame(NGHTTP2_WINDOW_UPDATE, 0, id, number(bytes));
}

// The beginning of a frame that announces `size` bytes.
std::string frame_begins(std::uint8_t type, std::uint8_t flags, std::size_t size) {
  return Http2Client::frame(type, flags, 1, std::string(size, ' ')).substr(0, 9);
}

// A field whose value goes on for 15,000 bytes (HPACK's integer: 127, then 14,873 in sevens).
const std::string kEndlessField = std::string("\0\1x\x7f\x99\x74", 6);

class Http2Timeouts : public Http2World {
 protected:
  // Everything is allowed an hour but what `adjust` says.
  void serve_within(Backend::Script script, const std::function<void(Timeouts&)>& adjust) {
    const auto hour = std::chrono::hours(1);
    Timeouts& timeouts = world_.topology().services[0].timeouts;
    timeouts = {hour, hour, hour, hour, hour};
    adjust(timeouts);
    serve(std::move(script));
  }
  // Sends the bytes fifty times a second at most until the condition holds; false when it does not
  // within ten seconds.
  static bool trickle(Http2Client& client, const std::string& bytes,
                      const std::function<bool()>& until) {
    const Instant end = boot_now() + std::chrono::seconds(10);
    Instant next{};
    client.run_until([&] {
      if (until()) return true;
      if (boot_now() < next) return false;
      next = boot_now() + milliseconds(20);
      client.send_raw(bytes);
      return boot_now() >= end;
    });
    return until();
  }
  bool gone() { return world_.east().observer.connections == 0; }
  bool done_with(unsigned code) {
    return world_.east().observer.done > 0 && world_.east().observer.last_code == code;
  }
};

// An answer of so many bytes for each request, written as fast as it is taken.
// Made beforehand: the time-out of answers holds for the backend, too.
Backend::Script answer_bytes(std::size_t size) {
  return [answer = answer_with(std::string(size, 'x'))](Peer& peer) {
    while (!peer.read_message().empty()) peer.send(answer);
  };
}

Backend::Script never_answers() {
  return [](Peer& peer) { peer.read_to_end(); };
}

TEST_F(Http2Timeouts, AClientHasToGreet) {
  serve_within(answer_ok(log_), [](Timeouts& t) { t.head = milliseconds(200); });
  Http2Client client(world_.east().host, world_.east().port, {.greets = false});
  client.wait_for_end();
  EXPECT_EQ(client.goaway(), NGHTTP2_SETTINGS_TIMEOUT);
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

TEST_F(Http2Timeouts, AHeadThatTricklesEndsTheConnection) {
  serve_within(answer_ok(log_), [](Timeouts& t) { t.head = milliseconds(800); });
  const std::string block = request_block();
  const auto whole = static_cast<std::uint8_t>(kEndStream | kEndHeaders);
  const std::string in_one = frame_begins(kHeaders, whole, 16'000) + block + kEndlessField;
  const std::string in_two = Http2Client::frame(kHeaders, kEndStream, 1, block) +
                             frame_begins(kContinuation, kEndHeaders, 16'000) + kEndlessField;
  for (const std::string& begun : {in_one, in_two}) {
    const auto client = this->client();
    client->send_raw(begun);
    EXPECT_TRUE(trickle(*client, "a", [&] { return client->ended(); }));
    EXPECT_EQ(client->goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
  EXPECT_EQ(log_.size(), 0U);
}

// Of a stream that was reset from here, so that no request waits for it.
TEST_F(Http2Timeouts, AHeadThatNobodyWantsHasToEndAsWell) {
  serve_within(never_answers(), [](Timeouts& t) { t.head = milliseconds(800); });
  const auto client = this->client();
  client->send_raw(kOpenPost + open_window(1, 0x7fffffff) +
                   Http2Client::frame(kHeaders, kEndStream, 1, literal("x", "y")));
  EXPECT_TRUE(client->wait_for_end());
  EXPECT_EQ(client->goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Timeouts, AFrameOfWhateverKindHasToEnd) {
  serve_within(never_answers(), [](Timeouts& t) { t.head = milliseconds(800); });
  for (const std::uint8_t kind : {std::uint8_t{0x77}, kHeaders}) {
    const auto client = this->client();
    client->send_raw(kOpenPost + open_window(1, 0x7fffffff) +
                     frame_begins(kind, kEndStream | kEndHeaders, 16'000));
    EXPECT_TRUE(trickle(*client, "a", [&] { return client->ended(); }));
    EXPECT_EQ(client->goaway(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

TEST_F(Http2Timeouts, FramesThatAskNothingKeepNoConnection) {
  serve_within(answer_ok(log_), [](Timeouts& t) { t.idle = milliseconds(400); });
  const std::string half_a_frame = frame_begins(0x77, 0, 16'000);
  for (const std::string& begun : {std::string(), half_a_frame}) {
    const auto client = this->client();
    EXPECT_EQ(client->get("/").status, 200U);
    client->send_raw(begun);
    EXPECT_TRUE(trickle(*client, begun.empty() ? kPing : "a", [&] { return client->ended(); }));
    EXPECT_EQ(client->goaway(), NGHTTP2_NO_ERROR);
  }
}

TEST_F(Http2Timeouts, ABodyThatTricklesIsRefused) {
  serve_within(never_answers(), [](Timeouts& t) { t.body = milliseconds(300); });
  const auto client = this->client();
  client->send_raw(kOpenPost + frame_begins(kData, 0, 16'000));
  EXPECT_TRUE(trickle(*client, "a", [&] { return done_with(408); }));
  EXPECT_FALSE(client->ended());
}

TEST_F(Http2Timeouts, ABodyThatDoesNotComeIsRefused) {
  serve_within(never_answers(), [](Timeouts& t) { t.body = milliseconds(300); });
  const auto client = this->client();
  const std::int32_t id = client->begin_with(
      {{":method", "POST"}, {":scheme", "https"}, {":authority", "shop"}, {":path", "/"}}, true);
  EXPECT_EQ(client->wait(id).status, 408U);
}

TEST_F(Http2Timeouts, PaddingIsNoBody) {
  serve_within(never_answers(), [](Timeouts& t) { t.body = milliseconds(300); });
  const auto client = this->client();
  client->send_raw(kOpenPost);
  const std::string padding = Http2Client::frame(kData, NGHTTP2_FLAG_PADDED, 1,
                                                 "\xc8" + std::string(200, '\0'));
  EXPECT_TRUE(trickle(*client, padding, [&] { return done_with(408); }));
}

TEST_F(Http2Timeouts, ABodyThatKeepsMovingMayTakeLonger) {
  serve_within(answer_ok(log_), [](Timeouts& t) { t.body = milliseconds(1000); });
  const auto client = this->client();
  client->send_raw(kOpenPost);
  const Instant end = boot_now() + milliseconds(2500);
  const std::string data = Http2Client::frame(kData, 0, 1, std::string(200, 'x'));
  EXPECT_TRUE(trickle(*client, data, [&] { return boot_now() >= end; }));
  client->send_raw(Http2Client::frame(kData, kEndStream, 1, ""));
  EXPECT_TRUE(client->run_until([&] { return done_with(200); }));
}

TEST_F(Http2Timeouts, TrailersThatTrickleAreRefusedAndTheConnectionEnds) {
  serve_within(never_answers(), [](Timeouts& t) { t.body = t.idle = milliseconds(300); });
  const auto client = this->client();
  const auto whole = static_cast<std::uint8_t>(kEndStream | kEndHeaders);
  client->send_raw(kOpenPost + frame_begins(kHeaders, whole, 16'000) + kEndlessField);
  EXPECT_TRUE(trickle(*client, "a", [&] { return done_with(408); }));
  EXPECT_TRUE(trickle(*client, "a", [&] { return client->ended(); }));
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

// A client that wants `size` bytes and, after `begun`, sends `more` again and again without taking
// what it asked for: the stream is reset, and the connection is still there for others.
class Http2Untaken : public Http2Timeouts {
 protected:
  void expect_cut(std::size_t size, const std::string& begun, const std::string& more) {
    serve_within(answer_bytes(size), [](Timeouts& t) { t.answer = milliseconds(400); });
    const auto client = this->client();
    client->send_raw(begun);
    EXPECT_TRUE(trickle(*client, more, [&] { return client->resets().contains(1); }));
    EXPECT_EQ(client->resets().at(1), NGHTTP2_CANCEL);
    client->send_raw(Http2Client::frame(kHeaders, kEndStream | kEndHeaders, 1001,
                                        request_block("/", "HEAD")));
    EXPECT_TRUE(client->run_until([&] { return client->finished().contains(1001); }));
  }
};

TEST_F(Http2Untaken, AnAnswerThatIsComplete) {
  expect_cut(10'000, window_of_streams(0) + kGet, "");
}

TEST_F(Http2Untaken, AnAnswerWhoseBackendWaits) {
  expect_cut(2'000'000, window_of_streams(0) + kGet, "");
}

TEST_F(Http2Untaken, AWindowOpenedByteByByte) {
  expect_cut(10'000, window_of_streams(0) + kGet, open_window(1, 1));
}

TEST_F(Http2Untaken, AWindowOpenedByteByByteWhileTheBackendWaits) {
  expect_cut(2'000'000, window_of_streams(0) + kGet, open_window(1, 1));
}

TEST_F(Http2Untaken, AConnectionsWindowThatStaysClosed) {
  expect_cut(100'000, window_of_streams(1 << 20) + kGet, "");
}

// So many that each backend has to wait, although little of each answer is there.
TEST_F(Http2Untaken, ManyAnswers) {
  std::string frames = window_of_streams(0) + kGet;
  for (std::uint32_t id = 3; id < 60; id += 2) {
    frames += Http2Client::frame(kHeaders, kEndStream | kEndHeaders, id, request_block());
  }
  expect_cut(100'000, frames, open_window(1, 1));
}

TEST_F(Http2Timeouts, WhatOneStreamTakesKeepsNoOtherOpen) {
  serve_within(answer_bytes(1'000'000), [](Timeouts& t) { t.answer = milliseconds(500); });
  const auto client = this->client({.slow = true});
  const std::int32_t left = client->begin("GET", "/");
  std::int32_t taken = client->begin("GET", "/");
  std::size_t served = 0;
  EXPECT_TRUE(client->run_until([&] {
    client->take(taken);
    if (client->answer(taken).closed) {
      EXPECT_EQ(client->answer(taken).code, NGHTTP2_NO_ERROR);
      ++served;
      taken = client->begin("GET", "/");
    }
    return client->answer(left).closed;
  }));
  EXPECT_EQ(client->answer(left).code, NGHTTP2_CANCEL);
  EXPECT_GT(served, 0U);
}

TEST_F(Http2Timeouts, AnAnswerTakenSlowlyIsServed) {
  serve_within(answer_bytes(20'000), [](Timeouts& t) { t.answer = milliseconds(1000); });
  const auto client = this->client();
  client->send_raw(window_of_streams(0) + kGet);
  const Instant begun = boot_now();
  // At ten kilobytes a second.
  const auto served = [&] { return client->finished().contains(1); };
  EXPECT_TRUE(trickle(*client, open_window(1, 200), served));
  EXPECT_GT(boot_now() - begun, milliseconds(1500));
  EXPECT_TRUE(client->resets().empty());
}

TEST_F(Http2Timeouts, AConnectionThatTakesNothingEnds) {
  serve_within(answer_bytes(64'000'000), [](Timeouts& t) { t.answer = milliseconds(400); });
  const auto client = this->client();
  constexpr std::uint32_t kMost = 0x7fffffff;
  client->send_raw(window_of_streams(kMost) + open_window(0, kMost - 65'535) + kGet);
  EXPECT_TRUE(eventually([&] { return world_.east().observer.connections == 1; }));
  EXPECT_TRUE(eventually([&] { return gone(); }));
}

}  // namespace
}  // namespace regent::test
