#include "region/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "region/port_owner.h"
#include "region/resolver.h"
#include "test_cluster.h"

namespace regent {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Listener, NamesTheProcessThatHasThePort) {
  EventLoop loop("test");
  const auto first = Listener::open(loop, *literal_address("127.0.0.1", 0), {});
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto address = (*first)->address();
  const std::string owner = port_owner(address);
  EXPECT_THAT(owner, MatchesRegex("process [^,]+, pid " + std::to_string(::getpid())));
  const auto second = Listener::open(loop, address, {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_EQ(second.error().message,
            "cannot listen on " + address.toString() + ": address already in use by " + owner);
}

TEST(Listener, SaysWhyItCannotListen) {
  EventLoop loop("test");
  const auto listener = Listener::open(loop, *literal_address("192.0.2.1", 7400), {});
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().message,
            "cannot listen on 192.0.2.1:7400: Cannot assign requested address");
}

TEST(Listener, FreesThePortWhenDestroyed) {
  EventLoop loop("test");
  Poco::Net::SocketAddress address;
  {
    const auto first = Listener::open(loop, *literal_address("127.0.0.1", 0), {});
    address = (*first)->address();
  }
  EXPECT_EQ(port_owner(address), "");
  EXPECT_TRUE(Listener::open(loop, address, {}).ok());
}

TEST(Resolver, LiteralsNeedNoLookup) {
  EXPECT_EQ(literal_address("127.0.1.5", 80)->toString(), "127.0.1.5:80");
  EXPECT_EQ(literal_address("::1", 80)->toString(), "[::1]:80");
  EXPECT_FALSE(literal_address("localhost", 80).has_value());
  EventLoop loop("test");
  Resolver resolver(loop);
  bool called = false;
  resolver.find({"127.0.1.5", 80}, [&](const Result<Poco::Net::SocketAddress>& found) {
    called = true;
    EXPECT_EQ(found->toString(), "127.0.1.5:80");
  });
  EXPECT_TRUE(called);
}

TEST(Resolver, LooksNamesUpBesideTheLoop) {
  EventLoop loop("test");
  loop.start();
  test::Awaited awaited;
  bool called = false;
  auto resolver = std::make_unique<Resolver>(loop);
  loop.run_and_wait([&] {
    resolver->find({"localhost", 80}, [&](const Result<Poco::Net::SocketAddress>& found) {
      EXPECT_TRUE(found.ok() && found->port() == 80);
      EXPECT_TRUE(loop.in_loop_thread());
      awaited.update([&] { called = true; });
    });
  });
  EXPECT_TRUE(awaited.wait([&] { return called; }));
  loop.run_and_wait([&] { resolver.reset(); });
}

TEST(Resolver, AnUnknownNameIsAnError) {
  const auto found = resolve({"no-such-host.invalid", 80});
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("cannot find the host 'no-such-host.invalid'"));
}

}  // namespace
}  // namespace regent
