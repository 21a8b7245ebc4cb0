// TCP services through the data plane: where a connection goes, what it carries, when it ends.
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "region/clock.h"
#include "tests/unit/gateway/proxy_world.h"

namespace regent::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kMegabyte = 1'000'000;

void tcp_with_header(Service& service) {
  tcp(service);
  service.proxy_protocol = true;
}

// Sends back what comes, then "bye" once the client has ended its stream.
Backend::Script echo() {
  return [](Peer& peer) {
    for (std::string data = peer.read(1); !data.empty(); data = peer.read(1)) peer.send(data);
    if (peer.error() == 0) peer.send("bye");
  };
}

std::string big_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  while (bytes-- > 0) text.push_back(static_cast<char>(value >> (8 * bytes)));
  return text;
}

// Where the client comes in while east is primary.
enum class Entry { primary, elsewhere };
class TcpFrom : public ::testing::TestWithParam<Entry> {
 protected:
  Plane& entry(World& world) const {
    return GetParam() == Entry::primary ? world.east() : world.west();
  }
};
INSTANTIATE_TEST_SUITE_P(Entries, TcpFrom, ::testing::Values(Entry::primary, Entry::elsewhere),
                         [](const auto& about) {
                           return about.param == Entry::primary ? "Primary" : "Elsewhere";
                         });

TEST_P(TcpFrom, CarriesBytesAndTheEndOfTheClientsStream) {
  World world(tcp);
  const auto backend = world.serve(echo());
  Client client = entry(world).client();
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(client.read(5), "hello");
  ASSERT_TRUE(client.send("again"));
  client.half_close();
  EXPECT_EQ(client.read_to_end(), "againbye");
  EXPECT_EQ(client.error(), 0);
  CountingObserver& counts = entry(world).observer;
  EXPECT_TRUE(eventually([&] { return counts.tunnels_ended(TunnelEnd::closed) == 1; }));
  EXPECT_EQ(counts.to_backend, 10U);
  EXPECT_EQ(counts.to_client, 13U);
  EXPECT_TRUE(eventually([&] { return counts.connections == 0; }));
  EXPECT_TRUE(eventually([&] { return world.east().writes.count() == 0; }));
}

TEST_P(TcpFrom, CarriesTheEndOfTheBackendsStream) {
  World world(tcp);
  Log log;
  const auto backend = world.serve([&log](Peer& peer) {
    peer.send("first " + peer.read(2));
    peer.half_close();
    log.add(peer.read_to_end());
  });
  Client client = entry(world).client();
  ASSERT_TRUE(client.send("go"));
  EXPECT_EQ(client.read_to_end(), "first go");
  EXPECT_EQ(client.error(), 0);
  // This direction is still open.
  ASSERT_TRUE(client.send("more"));
  ASSERT_TRUE(client.send(" and more"));
  client.half_close();
  EXPECT_TRUE(eventually([&] { return log.size() == 1; }));
  EXPECT_EQ(log.all().at(0), "more and more");
  EXPECT_TRUE(
      eventually([&] { return entry(world).observer.tunnels_ended(TunnelEnd::closed) == 1; }));
}

TEST_P(TcpFrom, TellsTheBackendWhoTheClientIs) {
  World world(tcp_with_header);
  Log log;
  Backend backend(host(Host::backends), [&log](Peer& peer) {
    log.add(peer.read(39));
    peer.send("welcome");
    log.add(peer.read_to_end());
  });
  world.add_backend(kEast, backend.port());
  world.start();
  world.primary(kEast, Epoch{9});
  Client client = entry(world).client();
  EXPECT_EQ(client.read(7), "welcome");  // the backend speaks first
  ASSERT_TRUE(client.send("data"));
  client.half_close();
  EXPECT_TRUE(eventually([&] { return log.size() == 2; }));
  const auto octets = [](const std::string& address) {
    const Poco::Net::IPAddress ip(address);
    return std::string(static_cast<const char*>(ip.addr()), 4);
  };
  const std::string header = log.all().at(0);
  EXPECT_EQ(header.substr(0, 16), std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x17", 16));
  EXPECT_EQ(header.substr(16, 4), octets("127.0.0.1"));
  EXPECT_EQ(header.substr(20, 4), octets(entry(world).host));
  EXPECT_EQ(header.substr(24, 2), big_endian(client.local_port(), 2));
  EXPECT_EQ(header.substr(26, 2), big_endian(entry(world).port, 2));
  EXPECT_EQ(header.substr(28), "\xE0" + big_endian(8, 2) + big_endian(9, 8));
  EXPECT_EQ(log.all().at(1), "data");
}

TEST_P(TcpFrom, ASlowClientHoldsTheBackendUp) {
  World world(tcp);
  const std::string much(100 * kMegabyte, 'x');
  std::atomic<std::size_t> taken = 0;
  const auto backend = world.serve([&](Peer& peer) {
    peer.read(1);
    taken = peer.send_until_stalled(much);
    peer.send(much.substr(taken));
  });
  Client client = entry(world).client();
  ASSERT_TRUE(client.send("."));
  ASSERT_TRUE(eventually([&] { return taken > 0; }));
  // What the sockets' own buffers hold, four of them at most, and little more.
  EXPECT_LT(taken, 40 * kMegabyte);
  EXPECT_EQ(client.read(much.size() + 1).size(), much.size());
}

TEST_P(TcpFrom, ASlowBackendHoldsTheClientUp) {
  World world(tcp);
  std::atomic<bool> reads = false;
  std::atomic<std::size_t> got = 0;
  const auto backend = world.serve([&](Peer& peer) {
    eventually([&] { return reads.load(); });
    got = peer.read_to_end().size();
  });
  Client client = entry(world).client();
  const std::string much(100 * kMegabyte, 'x');
  const std::size_t taken = client.send_until_stalled(much);
  EXPECT_LT(taken, 40 * kMegabyte);
  reads = true;
  ASSERT_TRUE(client.send(much.substr(taken)));
  client.half_close();
  EXPECT_TRUE(eventually([&] { return got == much.size(); }));
}

TEST_P(TcpFrom, AResetIsPassedOn) {
  World world(tcp);
  Log log;
  const auto backend = world.serve([&log](Peer& peer) {
    if (peer.read(1) == "r") return peer.reset();
    peer.read_to_end();
    log.add(std::to_string(peer.error()));
  });
  Client gets = entry(world).client();
  ASSERT_TRUE(gets.send("r"));
  EXPECT_EQ(gets.read_to_end(), "");
  EXPECT_EQ(gets.error(), ECONNRESET);
  Client makes = entry(world).client();
  ASSERT_TRUE(makes.send("x"));
  ASSERT_TRUE(eventually([&] { return backend->connections() == 2; }));
  makes.reset();
  EXPECT_TRUE(eventually([&] { return log.size() == 1; }));
  EXPECT_EQ(log.all().at(0), std::to_string(ECONNRESET));
  EXPECT_TRUE(
      eventually([&] { return entry(world).observer.tunnels_ended(TunnelEnd::lost) == 2; }));
}

TEST_P(TcpFrom, WithoutAPrimaryAConnectionIsReset) {
  World world(tcp);
  Backend backend(host(Host::backends), echo());
  world.add_backend(kEast, backend.port());
  world.start();
  world.no_primary();
  Client client = entry(world).client();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_TRUE(
      eventually([&] { return entry(world).observer.tunnels_ended(TunnelEnd::refused) == 1; }));
  EXPECT_EQ(backend.connections(), 0);
}

TEST_P(TcpFrom, ANewPrimaryCutsTheOldConnectionsAndGetsTheNewOnes) {
  World world(tcp);
  Log log;
  Backend old_backend(host(Host::backends), [&log](Peer& peer) {
    peer.send(peer.read(1));
    peer.read_to_end();
    log.add(std::to_string(peer.error()));
  });
  Backend new_backend(host(Host::backends), echo());
  world.add_backend(kEast, old_backend.port());
  world.add_backend(kWest, new_backend.port());
  world.start();
  world.primary(kEast);
  Client before = entry(world).client();
  ASSERT_TRUE(before.send("a"));
  EXPECT_EQ(before.read(1), "a");
  EXPECT_EQ(world.east().writes.count(), 1);
  world.primary(kWest, Epoch{8});
  EXPECT_EQ(before.read_to_end(), "");
  EXPECT_EQ(before.error(), ECONNRESET);
  EXPECT_TRUE(eventually([&] { return log.size() == 1; }));
  EXPECT_EQ(log.all().at(0), std::to_string(ECONNRESET));
  EXPECT_TRUE(eventually([&] { return world.east().observer.tunnels_ended(TunnelEnd::cut) == 1; }));
  EXPECT_EQ(world.east().writes.count(), 0);
  Client after = entry(world).client();
  ASSERT_TRUE(after.send("b"));
  EXPECT_EQ(after.read(1), "b");
  EXPECT_EQ(new_backend.connections(), 1);
}

// A route of east's gateway with a lease that ends.
Route lease_until(Instant end) {
  Route route;
  route.epoch = Epoch{7};
  route.primary = kEast;
  route.known_until = kNever;
  route.quorum = true;
  route.serve_until = end;
  return route;
}

// A client that is through to the backend, which answers its first byte. On a busy machine that may
// well outlast a short lease.
Client connected_under_a_lease(World& world) {
  world.east().publish(lease_until(boot_now() + std::chrono::hours(1)));
  Client client = world.east().client();
  EXPECT_TRUE(client.send("a"));
  EXPECT_EQ(client.read(1), "a");
  return client;
}

// Its end.
Instant short_lease(World& world) {
  const Instant end = boot_now() + milliseconds(300);
  world.east().publish(lease_until(end));
  return end;
}

TEST(Tcp, AConnectionIsCutAtTheEndOfTheLeaseAlthoughDataFlows) {
  World world(tcp);
  std::atomic<int> error = -1;
  Backend backend(host(Host::backends), [&](Peer& peer) {
    peer.send(peer.read(1));
    while (!peer.read(1).empty()) {
    }
    error = peer.error();
  });
  world.add_backend(kEast, backend.port());
  world.start();
  Client client = connected_under_a_lease(world);
  const Instant end = short_lease(world);
  // A byte at a time, so that the backend has read each before the next is sent.
  const Instant patience = end + std::chrono::seconds(10);
  while (error < 0 && boot_now() < patience && client.send("x")) std::this_thread::yield();
  EXPECT_TRUE(eventually([&] { return error >= 0; }));
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_GE(boot_now(), end);
  EXPECT_TRUE(eventually([&] { return world.east().observer.tunnels_ended(TunnelEnd::cut) == 1; }));
  EXPECT_EQ(world.east().writes.count(), 0);
}

// The data plane is not told of the new route: each send looks at it.
TEST(Tcp, NoByteAndNoEndOfStreamReachesTheBackendWithoutTheRight) {
  World world(tcp);
  Log log;
  const auto backend = world.serve([&log](Peer& peer) {
    peer.send(peer.read(1));
    const std::string rest = peer.read_to_end();
    log.add(rest + std::to_string(peer.error()));
  });
  Client speaks = world.east().client();
  Client ends = world.east().client();
  for (Client* client : {&speaks, &ends}) {
    ASSERT_TRUE(client->send("a"));
    EXPECT_EQ(client->read(1), "a");
  }
  world.east().cell.publish(lease_until(boot_now()));
  EXPECT_EQ(log.size(), 0U);
  ends.half_close();
  ASSERT_TRUE(eventually([&] { return log.size() == 2; }));  // the first to notice tells the rest
  EXPECT_EQ(log.all().at(0), std::to_string(ECONNRESET));
  EXPECT_EQ(log.all().at(1), std::to_string(ECONNRESET));

  world.primary(kEast);
  Client late = world.east().client();
  ASSERT_TRUE(late.send("a"));
  EXPECT_EQ(late.read(1), "a");
  world.east().cell.publish(lease_until(boot_now()));
  ASSERT_TRUE(late.send("late"));
  ASSERT_TRUE(eventually([&] { return log.size() == 3; }));
  EXPECT_EQ(log.all().at(2), std::to_string(ECONNRESET));
}

TEST(Tcp, AQuietConnectionIsCutAtTheEndOfTheLease) {
  World world(tcp);
  Backend backend(host(Host::backends), echo());
  world.add_backend(kEast, backend.port());
  world.start();
  Client client = connected_under_a_lease(world);
  const Instant end = short_lease(world);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_GE(boot_now(), end);
}

TEST(Tcp, ARenewedLeaseKeepsTheConnection) {
  World world(tcp);
  Backend backend(host(Host::backends), echo());
  world.add_backend(kEast, backend.port());
  world.start();
  Client client = connected_under_a_lease(world);
  const Instant end = short_lease(world);
  world.east().publish(lease_until(boot_now() + std::chrono::hours(1)));
  ASSERT_TRUE(eventually([&] { return boot_now() > end + milliseconds(100); }));
  ASSERT_TRUE(client.send("b"));
  EXPECT_EQ(client.read(1), "b");
  const Instant last_end = short_lease(world);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_GE(boot_now(), last_end);
}

TEST(Tcp, HandingOverCutsConnectionsAndTakesNone) {
  World world(tcp);
  const auto backend = world.serve(echo());
  Client client = world.east().client();
  ASSERT_TRUE(client.send("a"));
  EXPECT_EQ(client.read(1), "a");
  Route draining = lease_until(kNever);
  draining.draining = true;
  world.east().publish(draining);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_TRUE(eventually([&] { return world.east().writes.count() == 0; }));
  Client next = world.east().client();
  EXPECT_EQ(next.read_to_end(), "");
  EXPECT_EQ(next.error(), ECONNRESET);
  EXPECT_EQ(backend->connections(), 1);
}

TEST(Tcp, AConnectionToALostGatewayIsCut) {
  World world(tcp);
  const auto backend = world.serve(echo());
  Client client = world.west().client();
  ASSERT_TRUE(client.send("a"));
  EXPECT_EQ(client.read(1), "a");
  Route lost = lease_until(Instant::min());
  lost.lost = {GatewayId{kEast.value}};
  world.west().publish(lost);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST(Tcp, AnotherBackendTakesWhatTheFirstCannot) {
  World world(tcp);
  auto gone = std::make_unique<Backend>(host(Host::backends), echo());
  const auto backend = world.serve(echo());
  world.add_backend(kEast, gone->port());
  gone.reset();
  for (int i = 0; i < 4; ++i) {
    Client client = world.east().client();
    ASSERT_TRUE(client.send("a"));
    EXPECT_EQ(client.read(1), "a");
  }
  EXPECT_EQ(backend->connections(), 4);
}

TEST(Tcp, AnIdleConnectionIsCut) {
  World world([](Service& service) {
    tcp(service);
    service.timeouts.idle = milliseconds(500);
  });
  const auto backend = world.serve(echo());
  Client client = world.east().client();
  ASSERT_TRUE(client.send("a"));
  EXPECT_EQ(client.read(1), "a");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_TRUE(
      eventually([&] { return world.east().observer.tunnels_ended(TunnelEnd::idle) == 1; }));
}

TEST(Tcp, AGatewayThatIsNotPrimaryRefusesAForwardedConnection) {
  World world(tcp);
  Backend backend(host(Host::backends), echo());
  world.add_backend(kEast, backend.port());
  world.start();
  world.no_primary();
  Route wrong = lease_until(Instant::min());
  wrong.forward_to = {GatewayId{kEast.value}};
  world.west().publish(wrong);  // but east holds no lease
  Client client = world.west().client();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_TRUE(
      eventually([&] { return world.east().observer.tunnels_ended(TunnelEnd::refused) == 1; }));
  EXPECT_EQ(backend.connections(), 0);
}

}  // namespace
}  // namespace regent::test
