#include "region/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "quorum/random.h"
#include "region/listener.h"
#include "region/resolver.h"
#include "test_cluster.h"

namespace regent {
namespace {

using test::Awaited;

// What happened to one end of a connection.
struct End : Stream::Handler {
  explicit End(Awaited& the_awaited) : awaited(the_awaited) {}
  void on_open() override {
    awaited.update([&] { opened = true; });
    if (when_open) when_open();
  }
  void on_data(std::span<const std::byte> data) override {
    const std::string text(reinterpret_cast<const char*>(data.data()), data.size());
    largest = std::max(largest, data.size());
    awaited.update([&] { received += text; });
    if (when_data) when_data(text);
  }
  void on_end() override {
    awaited.update([&] { ended = true; });
    if (when_end) when_end();
  }
  void on_drained() override {
    awaited.update([&] { ++drained; });
  }
  void on_closed(const Error& reason) override {
    awaited.update([&] {
      ++closed;
      why = reason;
    });
  }
  Awaited& awaited;
  std::unique_ptr<Stream> stream;
  std::function<void()> when_open;
  std::function<void(const std::string&)> when_data;
  std::function<void()> when_end;
  std::string received;
  std::size_t largest = 0;
  bool opened = false;
  bool ended = false;
  int drained = 0;
  int closed = 0;
  Error why;
};

// Both ends of a connection over loopback, on one loop; plain or TLS.
class StreamTest : public testing::TestWithParam<bool> {
 protected:
  StreamTest() { loop.start(); }
  ~StreamTest() override {
    loop.stop();
    client.stream.reset();
    server.stream.reset();
  }

  std::optional<Stream::Tls> tls(bool server_side) {
    if (!GetParam()) return std::nullopt;
    Stream::Tls tls;
    const auto set = server_side ? server_credentials->current() : client_credentials->current();
    tls.context = server_side ? set->server : set->client;
    tls.check = [](const Identity&) -> Status { return Done{}; };
    return tls;
  }

  void connect(std::optional<Poco::Net::SocketAddress> source = std::nullopt) {
    loop.run_and_wait([&] {
      auto opened = Listener::open(
          loop, *literal_address("127.0.0.1", 0), [this](Poco::Net::StreamSocket socket) {
            server.stream = Stream::accepted(loop, std::move(socket), tls(true), server);
            awaited.update([&] { accepted = true; });
          });
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      listener = std::move(opened).value();
      client.stream = Stream::connect(loop, listener->address(), source, tls(false), client);
    });
    ASSERT_TRUE(awaited.wait([&] { return accepted && client.opened; }));
  }

  Awaited awaited;
  bool accepted = false;
  Topology topology = test::make_topology();
  test::Certificates certificates{topology};
  std::unique_ptr<Credentials> server_credentials =
      certificates.load({"shop", IdentityRole::gateway, "us-east", "gw1"});
  std::unique_ptr<Credentials> client_credentials =
      certificates.load({"shop", IdentityRole::gateway, "us-west", "gw1"});
  EventLoop loop{"test"};
  std::unique_ptr<Listener> listener;
  End client{awaited};
  End server{awaited};
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  Random random(7);
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

TEST_P(StreamTest, EchoesInBothDirections) {
  server.when_data = [&](const std::string& text) { server.stream->write(text); };
  connect();
  const std::string text = pattern(300'000);
  loop.run_and_wait([&] { client.stream->write(text); });
  ASSERT_TRUE(awaited.wait([&] { return client.received.size() == text.size(); }));
  EXPECT_EQ(client.received, text);
  EXPECT_LE(server.largest, Stream::kReadBytes);
}

TEST_P(StreamTest, SendsWhatWasWrittenBeforeItWasOpenFirst) {
  client.when_open = [&] { client.stream->write("second"); };
  loop.run_and_wait([&] {
    auto opened = Listener::open(
        loop, *literal_address("127.0.0.1", 0), [this](Poco::Net::StreamSocket socket) {
          server.stream = Stream::accepted(loop, std::move(socket), tls(true), server);
        });
    listener = std::move(opened).value();
    client.stream = Stream::connect(loop, listener->address(), std::nullopt, tls(false), client);
    client.stream->write("first ");
    EXPECT_EQ(client.stream->queued_bytes(), 6U);
    EXPECT_FALSE(client.stream->open());
  });
  ASSERT_TRUE(awaited.wait([&] { return server.received.size() == 12; }));
  EXPECT_EQ(server.received, "first second");
  EXPECT_TRUE(awaited.wait([&] { return client.drained == 1; }));
}

TEST_P(StreamTest, QueuesWhatAPausedPeerDoesNotReadAndDrainsLater) {
  connect();
  const std::string text = pattern(20'000'000);
  loop.run_and_wait([&] {
    server.stream->pause_reading();
    client.stream->write(text);
    EXPECT_GT(client.stream->queued_bytes(), 1'000'000U);
  });
  loop.run_and_wait([] {});
  loop.run_and_wait([&] {
    EXPECT_TRUE(server.received.empty());
    EXPECT_EQ(client.drained, 0);
    server.stream->resume_reading();
  });
  ASSERT_TRUE(awaited.wait([&] { return server.received.size() == text.size(); }));
  EXPECT_TRUE(awaited.wait([&] { return client.drained == 1; }));
  EXPECT_EQ(server.received, text);
  loop.run_and_wait([&] { EXPECT_EQ(client.stream->queued_bytes(), 0U); });
}

TEST_P(StreamTest, AReaderThatPausesInTheMiddleLosesNothing) {
  server.when_data = [&](const std::string&) {
    server.stream->pause_reading();
    loop.post([&] { server.stream->resume_reading(); });
  };
  connect();
  const std::string text = pattern(10'000'000);
  loop.run_and_wait([&] {
    client.stream->write(text);
    EXPECT_GT(client.stream->queued_bytes(), 0U);
    client.stream->finish();  // must wait for what is queued
  });
  ASSERT_TRUE(awaited.wait([&] { return server.ended || server.closed > 0; }));
  EXPECT_EQ(server.received, text);
}

TEST_P(StreamTest, HalfCloseLeavesTheOtherDirectionOpen) {
  server.when_end = [&] {
    server.stream->write("answer");
    server.stream->finish();
  };
  connect();
  loop.run_and_wait([&] {
    client.stream->write("question");
    client.stream->finish();
  });
  ASSERT_TRUE(awaited.wait([&] { return client.closed == 1 && server.closed == 1; }));
  EXPECT_EQ(server.received, "question");
  EXPECT_EQ(client.received, "answer");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(client.why.message, "closed");
}

TEST_P(StreamTest, MayBeDestroyedFromEveryCallback) {
  server.when_data = [&](const std::string&) { server.stream.reset(); };
  connect();
  loop.run_and_wait([&] { client.stream->write("x"); });
  ASSERT_TRUE(awaited.wait([&] { return client.ended || client.closed == 1; }));
  EXPECT_EQ(server.closed, 0);

  accepted = false;
  client.opened = false;
  client.when_open = [&] { client.stream.reset(); };
  server.when_data = nullptr;
  connect();
  ASSERT_TRUE(awaited.wait([&] { return server.ended || server.closed == 1; }));
}

TEST_P(StreamTest, ReportsAPeerThatResets) {
  connect();
  loop.run_and_wait([&] {
    // Unread bytes at the time of closing make the kernel send a reset.
    server.stream->pause_reading();
    client.stream->write("never read");
  });
  loop.run_and_wait([&] { server.stream.reset(); });
  ASSERT_TRUE(awaited.wait([&] { return client.closed == 1 || client.ended; }));
}

TEST_P(StreamTest, WritingToALostConnectionIsNoSignalAndIsReportedOnce) {
  connect();
  loop.run_and_wait([&] {
    client.stream->pause_reading();
    server.stream.reset();
  });
  for (int i = 0; i < 100; ++i) {
    loop.run_and_wait([&] { client.stream->write(std::string(100'000, 'x')); });
  }
  ASSERT_TRUE(awaited.wait([&] { return client.closed > 0; }));
  loop.run_and_wait([] {});
  EXPECT_EQ(client.closed, 1);
  EXPECT_NE(client.why.message.find("connection lost"), std::string::npos) << client.why.message;
}

TEST_P(StreamTest, ConnectsFromTheGivenSource) {
  connect(literal_address("127.0.0.9", 0));
  loop.run_and_wait(
      [&] { EXPECT_EQ(server.stream->peer_address().host().toString(), "127.0.0.9"); });
}

TEST_P(StreamTest, SaysWhereAndWhyItCouldNotConnect) {
  Poco::Net::SocketAddress nobody;
  loop.run_and_wait([&] {
    auto closed = Listener::open(loop, *literal_address("127.0.0.1", 0), {});
    nobody = (*closed)->address();
  });
  loop.run_and_wait(
      [&] { client.stream = Stream::connect(loop, nobody, std::nullopt, tls(false), client); });
  ASSERT_TRUE(awaited.wait([&] { return client.closed == 1; }));
  EXPECT_EQ(client.why.message, "connect to " + nobody.toString() + ": Connection refused");
  EXPECT_FALSE(client.opened);
}

TEST_P(StreamTest, WhatIsInAPipeFollowsWhatIsQueuedAndComesBeforeTheEnd) {
  connect();
  int source[2];
  ASSERT_EQ(::pipe(source), 0);
  ASSERT_EQ(::write(source[1], "tail", 4), 4);
  const auto pipe = SplicePipe::create();
  ASSERT_NE(pipe, nullptr);
  ASSERT_EQ(pipe->fill(source[0]), 4);
  const std::string much = pattern(20'000'000);
  std::string expected = much;
  loop.run_and_wait([&] {
    EXPECT_EQ(client.stream->can_splice(), !GetParam());
    server.stream->pause_reading();
    client.stream->write(much);
    const std::size_t queued = client.stream->queued_bytes();
    EXPECT_GT(queued, 0U);
    if (client.stream->can_splice()) {
      client.stream->send_from(*pipe);
      EXPECT_GT(client.stream->queued_bytes(), 4U);  // the kernel may have made room meanwhile
      EXPECT_LE(client.stream->queued_bytes(), queued + 4);
      expected += "tail";
    }
    client.stream->finish();
    server.stream->resume_reading();
  });
  ASSERT_TRUE(awaited.wait([&] { return server.ended; }));
  EXPECT_TRUE(server.received == expected);
  loop.run_and_wait([&] { EXPECT_EQ(client.stream->queued_bytes(), 0U); });
  ::close(source[0]);
  ::close(source[1]);
}

INSTANTIATE_TEST_SUITE_P(Plain, StreamTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, StreamTest, testing::Values(true));

using TlsStreamTest = StreamTest;

TEST_P(TlsStreamTest, KnowsThePeer) {
  connect();
  loop.run_and_wait([&] {
    ASSERT_TRUE(client.stream->peer().has_value());
    EXPECT_EQ(client.stream->peer()->name, "gw1");
    EXPECT_EQ(client.stream->peer()->region, "us-east");
    EXPECT_FALSE(client.stream->peer_certificate_der().empty());
  });
}

TEST_P(TlsStreamTest, AConnectionCutWithoutGoodbyeIsNoEnd) {
  connect();
  loop.run_and_wait([&] { server.stream.reset(); });
  ASSERT_TRUE(awaited.wait([&] { return client.closed == 1; }));
  EXPECT_FALSE(client.ended);
}

TEST_P(TlsStreamTest, BytesThatAreNoTlsCloseIt) {
  loop.run_and_wait([&] {
    auto opened = Listener::open(
        loop, *literal_address("127.0.0.1", 0), [this](Poco::Net::StreamSocket socket) {
          server.stream = Stream::accepted(loop, std::move(socket), tls(true), server);
        });
    listener = std::move(opened).value();
    client.stream = Stream::connect(loop, listener->address(), std::nullopt, std::nullopt, client);
    client.stream->write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  });
  ASSERT_TRUE(awaited.wait([&] { return server.closed == 1; }));
  EXPECT_FALSE(server.opened);
}

INSTANTIATE_TEST_SUITE_P(Tls, TlsStreamTest, testing::Values(true));

}  // namespace
}  // namespace regent
