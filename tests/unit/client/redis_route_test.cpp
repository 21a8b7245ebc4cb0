// The client against real Redis servers, written to by what writes to them in a gateway.

#include <mutex>

#include "client_fixture.h"
#include "gateway/client/redis_source.h"
#include "region/clock.h"

namespace regent::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::RedisServer;

constexpr Duration kLong = std::chrono::minutes(1);

// How many clients of Redis are subscribed to the route's channel.
long long subscribers(RedisServer& redis) {
  return redis.run({"PUBSUB", "NUMSUB", kKey}).elements.at(1).integer;
}

TEST(RedisRouteTest, ReadsWhatTheMirrorWrites) {
  RedisServer redis;
  RouteCache mirror(redis.address(), "shop");
  mirror.update(record(7, "us-east", kLong));
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  EXPECT_EQ(client->state().problem(), "");
  EXPECT_EQ(client->state().highest, Epoch{7});
}

TEST(RedisRouteTest, WaitsForTheFirstRoute) {
  RedisServer redis;
  const auto client = start({redis.address()});
  const auto none = client->wait(milliseconds(1));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::timed_out);
  EXPECT_TRUE(complains(*client, 0, "has no route"));
  RouteCache mirror(redis.address(), "shop");
  mirror.update(record(7, "us-east", kLong));
  const auto found = client->wait(seconds(20));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(**found, route(7, "us-east"));
}

TEST(RedisRouteTest, FollowsTheMirrorToAHigherEpoch) {
  RedisServer redis;
  RouteCache mirror(redis.address(), "shop");
  mirror.update(record(7, "us-east", kLong));
  const auto client = start({redis.address()});
  ASSERT_TRUE(client->wait(seconds(20)).ok());
  EXPECT_NE(client->wait(milliseconds(1), Epoch{7}).error().message.find("above epoch 7"),
            std::string::npos);
  mirror.update(record(8, "eu", kLong));
  const auto found = client->wait(Duration::max(), Epoch{7});
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(**found, route(8, "eu"));
}

// Reading alone could never know of it.
TEST(RedisRouteTest, ListensToTheChannel) {
  RedisServer redis;
  write_by_hand(redis, 7, "us-east", kLong);
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  ASSERT_TRUE(test::eventually([&] { return subscribers(redis) == 1; }));
  redis.run({"PUBLISH", kKey, "no JSON"});
  redis.run({"PUBLISH", kKey, R"({"epoch":"x","primary":"eu"})"});
  redis.run({"PUBLISH", kKey, R"({"epoch":8,"primary":"eu"})"});
  ASSERT_TRUE(complains(*client, 0, "shows epoch 7, but epoch 8 was seen already"));
  EXPECT_FALSE(client->route());
}

TEST(RedisRouteTest, AnEpochGivenBackIsNotTakenFromAnotherServersCopy) {
  RedisServer near;
  RedisServer far;
  RouteCache near_mirror(near.address(), "shop");
  near_mirror.update(record(7, "us-east", kLong));
  const auto client = start({near.address(), far.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  ASSERT_TRUE(test::eventually([&] { return subscribers(near) == 1; }));
  near_mirror.update(record(7, "", kLong));
  ASSERT_TRUE(comes_to_nothing(*client));
  write_by_hand(far, 7, "us-east", kLong);
  ASSERT_TRUE(complains(*client, 1, "still shows epoch 7, which its primary gave back"));
  EXPECT_FALSE(client->route());
  near_mirror.update(record(8, "eu", kLong));
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
}

TEST(RedisRouteTest, ReadsAgainWhatWasNotAnnounced) {
  RedisServer redis;
  write_by_hand(redis, 7, "us-east", kLong);
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  write_by_hand(redis, 8, "eu", kLong);
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
}

TEST(RedisRouteTest, SubscribesAgain) {
  RedisServer redis;
  const auto client = start({redis.address()});
  ASSERT_TRUE(test::eventually([&] { return subscribers(redis) == 1; }));
  redis.run({"CLIENT", "KILL", "TYPE", "pubsub"});
  redis.run({"CLIENT", "KILL", "TYPE", "normal"});  // and read again
  ASSERT_TRUE(test::eventually([&] { return subscribers(redis) == 1; }));
  write_by_hand(redis, 7, "us-east", kLong);
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
}

TEST(RedisRouteTest, AFloodOfAnnouncementsIsNoFloodOfReads) {
  RedisServer redis;
  const auto client = start({redis.address()});
  ASSERT_TRUE(test::eventually([&] { return subscribers(redis) == 1; }));
  redis.run({"CONFIG", "RESETSTAT"});
  const Instant begin = boot_now();
  for (int i = 0; i < 3000; ++i) redis.run({"PUBLISH", kKey, "anything"});
  const std::string stats = redis.run({"INFO", "commandstats"}).text;
  const auto breaths = (boot_now() - begin) / RedisSource::kBreath;
  const std::string name = "cmdstat_hgetall:calls=";
  const std::size_t at = stats.find(name);
  ASSERT_NE(at, std::string::npos) << stats;
  EXPECT_LE(std::stoll(stats.substr(at + name.size())), breaths + 2);
}

TEST(RedisRouteTest, NeverGoesBackToALowerEpoch) {
  RedisServer redis;
  write_by_hand(redis, 7, "us-east", kLong);
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  write_by_hand(redis, 6, "eu", kLong);
  ASSERT_TRUE(complains(*client, 0, "shows epoch 6, but epoch 7 was seen already"));
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
  write_by_hand(redis, 7, "eu", kLong);
  ASSERT_TRUE(complains(*client, 0, "shows eu in epoch 7, but us-east was seen in it"));
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
}

TEST(RedisRouteTest, EndsWithTheLease) {
  RedisServer redis;
  const auto client = start({redis.address()});
  const Duration left = seconds(1);
  write_by_hand(redis, 7, "us-east", left);
  const Instant written = boot_now();
  const auto found = client->wait(seconds(20));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_LE(found->ends(), written + left);
  while (boot_now() < written + left) static_cast<void>(client->route());
  EXPECT_FALSE(client->route());
  EXPECT_TRUE(complains(*client, 0, "has no route"));
}

TEST(RedisRouteTest, StaysWhileTheLeaseIsRenewed) {
  RedisServer redis;
  RouteCache mirror(redis.address(), "shop");
  mirror.update(record(7, "us-east", seconds(3)));
  const auto client = start({redis.address()});
  const auto first = client->wait(seconds(20));
  ASSERT_TRUE(first.ok()) << first.error().message;
  mirror.update(record(7, "us-east", kLong));
  ASSERT_TRUE(test::eventually([&] {
    const RouteView view = client->route();
    return view && view.ends() > first->ends() + seconds(10);
  }));
}

TEST(RedisRouteTest, AWipeOrDeathIsSurvivedAsLongAsTheLease) {
  RedisServer redis;
  RouteCache mirror(redis.address(), "shop");
  mirror.update(record(7, "us-east", kLong));
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  redis.run({"FLUSHALL"});
  ASSERT_TRUE(complains(*client, 0, "has no route"));
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
  redis.kill();
  ASSERT_TRUE(complains(*client, 0, "Connection refused"));
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
  redis.start();
  write_by_hand(redis, 8, "eu", kLong);
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
  EXPECT_EQ(client->state().problem(), "");
}

TEST(RedisRouteTest, ASilentServerIsLeftAndFoundAgain) {
  RedisServer redis;
  write_by_hand(redis, 7, "us-east", kLong);
  const auto client = start({redis.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  redis.freeze();
  ASSERT_TRUE(complains(*client, 0, "no answer within 200 ms"));
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
  redis.thaw();
  write_by_hand(redis, 8, "eu", kLong);
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
}

TEST(RedisRouteTest, TheHighestEpochOfSeveralServersCounts) {
  RedisServer stale;
  RedisServer right;
  RedisServer frozen;
  frozen.freeze();
  write_by_hand(stale, 6, "us-east", kLong);
  write_by_hand(right, 7, "eu", kLong);
  const auto client = start({frozen.address(), stale.address(), right.address()});
  ASSERT_TRUE(comes_to(*client, route(7, "eu")));
  ASSERT_TRUE(complains(*client, 1, "shows epoch 6, but epoch 7 was seen already"));
  right.kill();
  ASSERT_TRUE(complains(*client, 2, "Connection refused"));
  EXPECT_TRUE(comes_to(*client, route(7, "eu")));
  frozen.thaw();
}

TEST(RedisRouteTest, SaysWhatIsWrongWithWhatRedisHolds) {
  RedisServer redis;
  const auto client = start({redis.address()});
  redis.run({"SET", kKey, "a text"});
  EXPECT_TRUE(complains(*client, 0, "WRONGTYPE"));
  write_by_hand(redis, 7, "us-east", kLong, {"epoch", "many"});
  EXPECT_TRUE(complains(*client, 0, "epoch is 'many', which is not a number"));
  write_by_hand(redis, 7, "us-east", kLong, {"epoch", "99999999999999999999999"});
  EXPECT_TRUE(complains(*client, 0, "which is not a number"));
  write_by_hand(redis, 7, "us-east", kLong, {"gateways", "nowhere"});
  EXPECT_TRUE(complains(*client, 0, "gateways: 'nowhere' is not HOST:PORT"));
  write_by_hand(redis, 7, "us-east", kLong, {"primary", std::string(300'000, 'x')});
  EXPECT_TRUE(complains(*client, 0, "a reply of more than 262144 bytes"));
  write_by_hand(redis, 7, "us-east", std::chrono::hours(24 * 365));
  EXPECT_TRUE(complains(*client, 0, "which is no lease"));
  redis.run({"PERSIST", kKey});
  EXPECT_TRUE(complains(*client, 0, "the time to live is -1 ms, which is no lease"));
  EXPECT_FALSE(client->route());
  EXPECT_EQ(client->state().highest, Epoch{0});
  write_by_hand(redis, 7, "us-east", kLong);
  EXPECT_TRUE(comes_to(*client, route(7, "us-east")));
}

TEST(RedisRouteTest, SaysWhyRedisRefuses) {
  RedisServer redis({"--requirepass", "secret"});
  const auto client = start({redis.address()});
  EXPECT_TRUE(complains(*client, 0, "NOAUTH"));
}

TEST(RedisRouteTest, WhatAnswersMayBeAnything) {
  const std::vector<std::string> answers{
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "*2000000000\r\n",
      "*2\r\n*2000000000\r\n",
      "$-7\r\n",
      "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
      ":1\r\n:2\r\n:3\r\n:4\r\n",
      "+OK\r\n+OK\r\n+OK\r\n*2\r\n*1\r\n$5\r\nepoch\r\n:900\r\n",
      "+OK\r\n+OK\r\n+OK\r\n*2\r\n*2\r\n:7\r\n*1\r\n:7\r\n:900\r\n",
      "+OK\r\n+OK\r\n+OK\r\n*2\r\n:7\r\n:900\r\n",
      "+OK\r\n+OK\r\n+OK\r\n*2\r\n*0\r\n$1\r\n7\r\n",
      "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n:7\r\n",
      "*1\r\n$7\r\nmessage\r\n",
      "*-1\r\n*-1\r\n*-1\r\n*-1\r\n",
      std::string(400'000, '+'),
      "$400000\r\n" + std::string(400'000, 'x') + "\r\n"};
  for (const std::string& answer : answers) {
    const FakeServer server(answer);
    const auto client = start({server.address()});
    EXPECT_TRUE(test::eventually([&] {
      const std::string problem = client->state().problem();
      return !problem.empty() && problem.find("has not answered yet") == std::string::npos;
    })) << answer.substr(0, 60);
    EXPECT_FALSE(client->route());
  }
}

TEST(RedisRouteTest, AClusterMayHaveAnyName) {
  RedisServer redis;
  for (const std::string& name :
       {std::string("sh op"), std::string("{}}{:*?"), std::string("a\r\nFLUSHALL\r\n"),
        std::string("nul\0nul", 7), std::string("%s%n"), std::string("\xff\xfe")}) {
    RouteCache mirror(redis.address(), name);
    mirror.update(record(7, "us-east", kLong));
    RouteClient::Options options;
    options.cluster = name;
    options.redis = {redis.address().text()};
    const auto client = RouteClient::start(options);
    ASSERT_TRUE(client.ok());
    EXPECT_TRUE(comes_to(**client, route(7, "us-east"))) << name;
  }
}

TEST(RedisRouteTest, CallsBackAtEachChangeAndOnlyThen) {
  RedisServer redis;
  std::mutex mutex;
  std::vector<std::string> seen;
  RouteClient::Options options;
  options.redis = {redis.address().text()};
  options.on_change = [&](const RouteView& view) {
    std::scoped_lock lock(mutex);
    seen.push_back(view ? view->primary : "none");
  };
  write_by_hand(redis, 7, "us-east", seconds(20));
  const auto client = start(std::move(options));
  ASSERT_TRUE(comes_to(*client, route(7, "us-east")));
  const Instant ends = client->route().ends();
  write_by_hand(redis, 7, "us-east", kLong);
  ASSERT_TRUE(test::eventually([&] { return client->route().ends() > ends; }));
  write_by_hand(redis, 8, "eu", kLong);
  ASSERT_TRUE(comes_to(*client, route(8, "eu")));
  ASSERT_TRUE(test::eventually([&] { return subscribers(redis) == 1; }));
  redis.run({"PUBLISH", kKey, R"({"epoch":8,"primary":null})"});
  ASSERT_TRUE(comes_to_nothing(*client));
  write_by_hand(redis, 9, "us-west", kLong);
  ASSERT_TRUE(comes_to(*client, route(9, "us-west")));
  const std::vector<std::string> all{"us-east", "eu", "none", "us-west"};
  EXPECT_TRUE(test::eventually([&] {
    std::scoped_lock lock(mutex);
    return seen == all;
  }));
}

}  // namespace
}  // namespace regent::client
