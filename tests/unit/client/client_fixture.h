#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gateway/client/route_client.h"
#include "gateway/route_cache.h"
#include "redis_fixture.h"

namespace regent::client {

inline const std::string kKey = "regent:{shop}:route";

// What the mirror of cluster shop is to show: PRIMARY's gateway at 10.0.1.10, services orders and
// stock.
RouteRecord record(std::uint64_t epoch, const std::string& primary, Duration left);
// The route a client makes of it.
Route route(std::uint64_t epoch, const std::string& primary);

// Writes the route as no gateway would: unannounced, whatever was there before. `fields` are added
// or replaced.
void write_by_hand(test::RedisServer& redis, std::uint64_t epoch, const std::string& primary,
                   Duration left, const std::vector<std::string>& fields = {});

std::unique_ptr<RouteClient> start(RouteClient::Options options);
std::unique_ptr<RouteClient> start(const std::vector<Address>& redis);

// Wait until the client shows this; failed tests tell what it shows instead.
::testing::AssertionResult comes_to(const RouteClient& client, const Route& wanted);
::testing::AssertionResult comes_to_nothing(const RouteClient& client);
// Until the problem of the client's source number `source` contains `text`.
::testing::AssertionResult complains(const RouteClient& client, std::size_t source,
                                     const std::string& text);

// Answers every connection with the same bytes as soon as it has said anything.
class FakeServer {
 public:
  explicit FakeServer(std::string bytes);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  const Address& address() const { return address_; }

 private:
  void run();
  const std::string bytes_;
  int listener_ = -1;
  Address address_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace regent::client
