#include "gateway/route_cache.h"

#include <Poco/JSON/Parser.h>
#include <gtest/gtest.h>

#include "redis_fixture.h"
#include "region/clock.h"

namespace regent::test {
namespace {

using std::chrono::milliseconds;

const std::string kKey = "regent:{shop}:route";
const std::string kHistory = "regent:{shop}:history";

RouteRecord record(std::uint64_t epoch, const std::string& primary,
                   Duration lease = std::chrono::minutes(1)) {
  return {Epoch{epoch},
          primary,
          {{"orders", {"127.0.1.10:8080", "127.0.1.11:8080"}}, {"users", {"127.0.1.10:8081"}}},
          boot_now() + lease};
}

class RouteCacheTest : public ::testing::Test {
 protected:
  std::string shown_epoch() { return redis_.hash(kKey)["epoch"]; }
  // Hands the record over and waits until the mirror has dealt with it.
  void show(RouteCache& cache, const RouteRecord& what) {
    cache.update(what);
    ASSERT_TRUE(eventually([&] { return shown_epoch() == std::to_string(what.epoch.value); }));
  }
  bool refused(const RouteCache& cache, const std::string& reason) {
    return eventually([&] { return cache.state().problem.find(reason) != std::string::npos; });
  }
  long long history_length() { return redis_.run({"XLEN", kHistory}).integer; }

  RedisServer redis_;
};

TEST_F(RouteCacheTest, ShowsTheRoute) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east"));
  auto fields = redis_.hash(kKey);
  EXPECT_EQ(fields["primary"], "us-east");
  EXPECT_EQ(fields["gateways"], "127.0.1.10:8080,127.0.1.11:8080");
  EXPECT_EQ(fields["gateways:users"], "127.0.1.10:8081");
  EXPECT_GT(std::stoll(fields["updated_ms"]), 1'600'000'000'000);
  EXPECT_EQ(fields.size(), 5U);
  EXPECT_TRUE(eventually([&] { return cache.state().up && cache.state().epoch == Epoch{7}; }));
  EXPECT_EQ(cache.state().problem, "");
}

TEST_F(RouteCacheTest, RefusesALowerEpoch) {
  RouteCache newer(redis_.address(), "shop");
  show(newer, record(10, "us-east"));
  RouteCache older(redis_.address(), "shop");
  older.update(record(9, "us-west"));
  EXPECT_TRUE(refused(older, "Redis knows epoch 10"));
  EXPECT_EQ(shown_epoch(), "10");
  EXPECT_TRUE(older.state().up);
}

TEST_F(RouteCacheTest, RefusesALowerEpochAfterTheKeyHasExpired) {
  RouteCache newer(redis_.address(), "shop");
  show(newer, record(10, "us-east", milliseconds(300)));
  ASSERT_TRUE(eventually([&] { return !redis_.exists(kKey); }));
  RouteCache older(redis_.address(), "shop");
  older.update(record(9, "us-west"));
  EXPECT_TRUE(refused(older, "Redis knows epoch 10"));
  EXPECT_FALSE(redis_.exists(kKey));
}

TEST_F(RouteCacheTest, AGatewayRemembersTheHighestEpochThroughAWipe) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(10, "us-east"));
  ASSERT_TRUE(eventually([&] { return cache.state().epoch == Epoch{10}; }));
  redis_.run({"FLUSHALL"});
  cache.update(record(9, "us-west"));
  EXPECT_TRUE(refused(cache, "a lower one is not written"));
  EXPECT_FALSE(redis_.exists(kKey));
}

// A Lua number cannot tell these two apart.
TEST_F(RouteCacheTest, ComparesVeryLargeEpochs) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(9'007'199'254'740'993, "us-east"));
  RouteCache older(redis_.address(), "shop");
  older.update(record(9'007'199'254'740'992, "us-west"));
  EXPECT_TRUE(refused(older, "Redis knows epoch 9007199254740993"));
  show(cache, record(10'000'000'000'000'000'000U, "us-west"));
}

TEST_F(RouteCacheTest, TwoPrimariesInOneEpochAreRefused) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east"));
  RouteCache other(redis_.address(), "shop");
  other.update(record(7, "us-west"));
  EXPECT_TRUE(refused(other, "another primary"));
  EXPECT_EQ(redis_.hash(kKey)["primary"], "us-east");
}

// The key is there only while the lease lasts. A key seen by a command that was sent after the end
// of the lease has outlived it, however slow this machine is.
void expect_gone_with_lease(RedisServer& redis, Instant lease_end) {
  while (true) {
    const Instant asked = boot_now();
    if (!redis.exists(kKey)) return;
    ASSERT_LT(asked, lease_end);
  }
}

TEST_F(RouteCacheTest, NeverOutlivesTheLease) {
  RouteCache cache(redis_.address(), "shop");
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) {
    const RouteRecord what = record(epoch, "us-east", milliseconds(150));
    cache.update(what);
    eventually([&] { return redis_.exists(kKey) || boot_now() > what.lease_end; });
    expect_gone_with_lease(redis_, what.lease_end);
  }
  EXPECT_GT(history_length(), 0);
}

// Slow on the way to Redis: with the time asked for, and with the write.
TEST_F(RouteCacheTest, NeverOutlivesTheLeaseOnASlowRoad) {
  for (const std::string word : {"TIME", "EVALSHA"}) {
    SlowRoad road(redis_.address(), word, milliseconds(120));
    RouteCache cache(road.address(), "shop");
    const RouteRecord what = record(word == "TIME" ? 1 : 2, "us-east", milliseconds(600));
    cache.update(what);
    EXPECT_TRUE(eventually([&] { return redis_.exists(kKey) || boot_now() > what.lease_end; }));
    EXPECT_TRUE(eventually([&] { return road.delayed() > 0; })) << word;
    expect_gone_with_lease(redis_, what.lease_end);
  }
}

// The client gives up after its time-out, but Redis runs the command all the same.
TEST_F(RouteCacheTest, AWriteThatArrivesAfterTheLeaseIsRefused) {
  SlowRoad road(redis_.address(), "EVALSHA", milliseconds(700));
  RouteCache cache(road.address(), "shop");
  cache.update(record(7, "us-east", milliseconds(500)));
  ASSERT_TRUE(eventually([&] { return road.delayed() > 0; }));
  ASSERT_TRUE(eventually([&] {
    return redis_.run({"INFO", "commandstats"}).text.find("cmdstat_evalsha:calls=1") !=
           std::string::npos;
  }));
  EXPECT_FALSE(redis_.exists(kKey));
  EXPECT_EQ(history_length(), 0);
}

TEST_F(RouteCacheTest, AFrozenRedisShowsNothingOldWhenItThaws) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east", milliseconds(400)));
  redis_.freeze();
  const Instant end = boot_now() + milliseconds(600);
  while (boot_now() < end) {
    cache.update(record(7, "us-east", milliseconds(100)));
    ASSERT_TRUE(eventually([&] { return !cache.state().up; }));
  }
  ASSERT_TRUE(eventually([&] { return boot_now() > end + milliseconds(100); }));
  redis_.thaw();
  EXPECT_FALSE(redis_.exists(kKey));
  // And it serves again as soon as there is something to show.
  EXPECT_TRUE(eventually([&] {
    cache.update(record(8, "us-west"));
    return shown_epoch() == "8";
  }));
}

TEST_F(RouteCacheTest, ASiblingDoesNotShortenTheLease) {
  RouteCache holder(redis_.address(), "shop");
  show(holder, record(7, "us-east", std::chrono::minutes(10)));
  RouteCache sibling(redis_.address(), "shop");
  sibling.update(record(7, "us-east", std::chrono::minutes(1)));
  ASSERT_TRUE(eventually([&] { return sibling.state().epoch == Epoch{7}; }));
  EXPECT_GT(redis_.run({"PTTL", kKey}).integer, 500'000);
  sibling.update(record(7, "us-east", std::chrono::minutes(20)));
  EXPECT_TRUE(eventually([&] { return redis_.run({"PTTL", kKey}).integer > 1'000'000; }));
}

TEST_F(RouteCacheTest, AnEpochGivenBackIsNoLongerShown) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east"));
  RouteRecord back = record(7, "");
  back.gateways.clear();
  cache.update(back);
  EXPECT_TRUE(eventually([&] { return !redis_.exists(kKey); }));
  show(cache, record(8, "us-west"));
  RouteCache late(redis_.address(), "shop");
  late.update(back);
  EXPECT_TRUE(refused(late, "Redis knows epoch 8"));
  EXPECT_EQ(shown_epoch(), "8");
}

TEST_F(RouteCacheTest, ChangesArePublishedAndKeptInTheHistoryOnce) {
  RedisSubscription subscription(redis_.address(), kKey);
  RouteCache cache(redis_.address(), "shop");
  for (int renewal = 0; renewal < 3; ++renewal) {
    const Duration lease = std::chrono::minutes(1 + renewal);
    cache.update(record(7, "us-east", lease));
    ASSERT_TRUE(eventually([&] {
      return redis_.run({"PTTL", kKey}).integer > lease / milliseconds(1) - 50'000;
    }));
  }
  show(cache, record(8, "us-west"));
  redis_.run({"PUBLISH", kKey, "end"});
  const auto first =
      Poco::JSON::Parser().parse(subscription.next()).extract<Poco::JSON::Object::Ptr>();
  EXPECT_EQ(first->getValue<int>("epoch"), 7);
  EXPECT_EQ(first->getValue<std::string>("primary"), "us-east");
  EXPECT_EQ(first->getArray("gateways")->getElement<std::string>(0), "127.0.1.10:8080");
  EXPECT_NE(subscription.next().find("\"epoch\":8"), std::string::npos);
  EXPECT_EQ(subscription.next(), "end");
  const RedisReply history = redis_.run({"XRANGE", kHistory, "-", "+"});
  ASSERT_EQ(history.elements.size(), 2U);
  EXPECT_EQ(history.elements[1].elements[1].elements[1].text, "8");
}

TEST_F(RouteCacheTest, TheHistoryIsBounded) {
  RouteCache cache(redis_.address(), "shop");
  for (int i = 0; i < 1500; ++i) redis_.run({"XADD", kHistory, "*", "epoch", "1", "primary", "x"});
  show(cache, record(7, "us-east"));
  EXPECT_LT(history_length(), 1'200);
}

TEST_F(RouteCacheTest, IsWrittenAgainAfterAWipe) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east"));
  redis_.run({"FLUSHALL"});
  redis_.run({"SCRIPT", "FLUSH"});
  show(cache, record(7, "us-east"));
  EXPECT_EQ(history_length(), 1);
}

TEST_F(RouteCacheTest, IsWrittenAgainAfterRedisWasKilled) {
  RouteCache cache(redis_.address(), "shop");
  show(cache, record(7, "us-east"));
  redis_.kill();
  EXPECT_TRUE(eventually([&] { return !cache.state().up; }));
  EXPECT_NE(cache.state().problem, "");
  redis_.start();
  EXPECT_TRUE(eventually([&] {
    cache.update(record(7, "us-east"));
    return shown_epoch() == "7";
  }));
  EXPECT_TRUE(eventually([&] { return cache.state().up; }));
  EXPECT_EQ(cache.state().problem, "");
}

TEST_F(RouteCacheTest, ARecordWaitsForRedis) {
  redis_.kill();
  RouteCache cache(redis_.address(), "shop");
  cache.update(record(7, "us-east"));
  EXPECT_TRUE(eventually([&] { return cache.state().problem != ""; }));
  redis_.start();
  EXPECT_TRUE(eventually([&] { return shown_epoch() == "7"; }));
}

TEST_F(RouteCacheTest, AForeignKeyIsLeftAloneAndNamed) {
  redis_.run({"SET", kKey, "mine"});
  RouteCache cache(redis_.address(), "shop");
  cache.update(record(7, "us-east"));
  EXPECT_TRUE(refused(cache, "delete the foreign key"));
  EXPECT_FALSE(cache.state().up);
  EXPECT_EQ(redis_.run({"GET", kKey}).text, "mine");
  redis_.run({"DEL", kKey});
  EXPECT_TRUE(eventually([&] { return shown_epoch() == "7"; }));
  EXPECT_TRUE(eventually([&] { return cache.state().up; }));
}

TEST(RouteCacheRefusedTest, AReplicaTakesNoWrites) {
  RedisServer redis({"--replicaof", "127.0.0.1", "1"});
  RouteCache cache(redis.address(), "shop");
  cache.update(record(7, "us-east"));
  EXPECT_TRUE(
      eventually([&] { return cache.state().problem.find("READONLY") != std::string::npos; }));
  EXPECT_FALSE(cache.state().up);
}

TEST(RouteCacheRefusedTest, AMissingPasswordIsNamed) {
  RedisServer redis({"--requirepass", "secret"});
  RouteCache cache(redis.address(), "shop");
  cache.update(record(7, "us-east"));
  EXPECT_TRUE(
      eventually([&] { return cache.state().problem.find("NOAUTH") != std::string::npos; }));
  EXPECT_FALSE(cache.state().up);
}

}  // namespace
}  // namespace regent::test
